"""Writes what search reads: all of it, or what one edited object needs, in the transaction of the edit."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Model

from publishing.models import CatalogueLoad
from search import lay_words
from search.enums import Kind, Origin
from search.models import Build, Entry, Term
from search.normalise import CODE, Word, arabic_stem, deletions, fold, han_units, sound, words
from search.things import LANGUAGES, SOURCES, Thing, source_of
from taxonomy.pinyin import syllables

# To be raised when terms, forms or keys are made differently: the next rebuild then writes everything again.
RULES = "2"
# Edits and rebuilds wait for each other, or a rebuild could bring back what an edit replaced, and two edits could
# write the same count twice.
LOCK = 7_310_443
# Dictionaries of PostgreSQL that cut words to their stem; Arabic is cut by search.normalise, Chinese has no endings.
STEMMERS = {
    "en": "english_stem",
    "it": "italian_stem",
    "es": "spanish_stem",
    "fr": "french_stem",
    "de": "german_stem",
    "ru": "russian_stem",
}
BATCH = 500
TYPED_IN_LATIN = {Origin.NAME, Origin.SYNONYM, Origin.LAY_WORD}
LONGEST_SPELT = 80
Steps = Callable[[Iterable[Any], int, str], Iterable[Any]]
Vocabulary = Counter[tuple[str, str]]

UPSERT_WORDS = """
    INSERT INTO search_word AS known (word, language, stem, sound, deletions, frequency)
    SELECT word, language,
           CASE WHEN dictionary = '' THEN stem ELSE coalesce((ts_lexize(dictionary::regdictionary, word))[1], '') END,
           sound, string_to_array(deletions, ' '), frequency
    FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::int[])
         AS made (word, language, dictionary, stem, sound, deletions, frequency)
    ON CONFLICT (word, language) DO UPDATE
    SET frequency = excluded.frequency, stem = excluded.stem, sound = excluded.sound, deletions = excluded.deletions
    WHERE %s AND (known.frequency, known.stem, known.sound, known.deletions)
                 IS DISTINCT FROM (excluded.frequency, excluded.stem, excluded.sound, excluded.deletions)
"""
FORGET_WORDS = """
    DELETE FROM search_word AS known
    WHERE NOT EXISTS (
        SELECT FROM unnest(%s::text[], %s::text[]) AS used (word, language)
        WHERE used.word = known.word AND used.language = known.language
    )
"""


def rewrite(edited: Model) -> None:
    """Bring the index in line with one object, and with those that show its name or count it."""
    with transaction.atomic():
        lock()
        rewrite_rows(type(edited), [edited.pk])
        for related, ids in shown_with(edited):
            rewrite_rows(related, ids)


def shown_with(edited: Model) -> Iterable[tuple[type[Model], list[int]]]:
    """Yield the model and ids of what shows how many there are of the edited object, or its name."""
    kind = source_of(type(edited)).kind
    models = {source.kind: source.model for source in SOURCES}
    if kind == Kind.FACILITY:
        yield models[Kind.TREATMENT], list(edited.offers.values_list("treatment_id", flat=True))
        yield models[Kind.SPECIALTY], list(edited.specialties.values_list("pk", flat=True))
    if kind == Kind.TREATMENT:
        yield models[Kind.CONDITION], list(edited.conditions.values_list("pk", flat=True))
        yield models[Kind.BODY_DISTRICT], list(edited.body_districts.values_list("pk", flat=True))
    if kind == Kind.SPECIALTY:
        yield models[Kind.TREATMENT], list(edited.treatments.values_list("pk", flat=True))
        yield models[Kind.CONDITION], list(edited.conditions.values_list("pk", flat=True))


def rewrite_rows(model: type[Model], ids: list[int]) -> None:
    """Write the given objects of one model anew; what is not published is removed."""
    source = source_of(model)
    things = [source.thing(row) for row in source.rows().filter(pk__in=ids)]
    gone = set(ids) - {thing.object_id for thing in things}
    remove(source.kind, gone)
    vocabulary = write(source.kind, things, versions(source.kind, ids))
    write_words(vocabulary, is_whole=False)


def rebuild(steps: Steps, *, is_forced: bool = False) -> bool:
    """Bring the whole index in line with the catalogue; False when nothing can have changed.

    One transaction: readers see the old index until the new one is whole. `steps` shows progress.
    """
    fingerprint = digest()
    newest = Build.objects.order_by("-built_at").values_list("digest", flat=True).first()
    if newest == fingerprint and not is_forced:
        return False
    with transaction.atomic():
        lock()
        if is_forced:
            Entry.objects.all().delete()
            Term.objects.all().delete()
        vocabulary: Vocabulary = Counter()
        for source in SOURCES:
            known = versions(source.kind)
            ids = list(source.rows().order_by("pk").values_list("pk", flat=True))
            remove(source.kind, set(known) - set(ids))
            starts = range(0, len(ids), BATCH)
            for start in steps(starts, len(starts), str(source.model._meta.verbose_name_plural)):
                rows = source.rows().filter(pk__in=ids[start : start + BATCH])
                vocabulary += write(source.kind, [source.thing(row) for row in rows], known)
        write_words(vocabulary, is_whole=True)
        Build.objects.all().delete()
        Build.objects.create(digest=fingerprint)
    refresh_statistics()
    return True


def digest() -> str:
    """Return what the index depends on: the catalogue's load, the lay words, the rules of this module."""
    load = CatalogueLoad.objects.order_by("-loaded_at").values_list("pk", "digest").first()
    parts = [RULES, str(load), lay_words.digest(), str(settings.DEMO)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def lock() -> None:
    """Hold the lock of the index until the transaction ends: one edit or rebuild writes at a time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def versions(kind: Kind, ids: list[int] | None = None) -> dict[int, str]:
    """Return the version written last of each thing of a kind."""
    rows = Entry.objects.filter(kind=kind, language=settings.LANGUAGE_CODE)
    if ids is not None:
        rows = rows.filter(object_id__in=ids)
    return dict(rows.values_list("object_id", "version"))


def version_of(thing: Thing) -> str:
    """Return the SHA-256 of all that is written about a thing."""
    return hashlib.sha256(json.dumps([RULES, asdict(thing)], sort_keys=True, default=str).encode()).hexdigest()


def remove(kind: Kind, ids: Iterable[int]) -> None:
    """Take things out of the index."""
    ids = list(ids)
    if ids:
        Entry.objects.filter(kind=kind, object_id__in=ids).delete()
        Term.objects.filter(kind=kind, object_id__in=ids).delete()


def write(kind: Kind, things: list[Thing], known: dict[int, str]) -> Vocabulary:
    """Write the things that changed; return the words of all of them with their frequency."""
    vocabulary: Vocabulary = Counter()
    entries, terms, changed = [], [], []
    for thing in things:
        version = version_of(thing)
        is_changed = known.get(thing.object_id) != version
        for language, origin, text in thing.terms():
            made = term_words(origin, text)
            forms = {form for word in made for form in forms_of(word)}
            vocabulary.update((form, language) for form in forms)
            if is_changed and forms:
                terms.append(term(thing, language, origin, text, made, forms))
            if spelt := spelt_in_latin(made) if origin in TYPED_IN_LATIN else "":
                vocabulary[spelt, language] += 1
                if is_changed:
                    terms.append(term(thing, language, origin, text, [Word(spelt)], {spelt}))
        if is_changed:
            changed.append(thing.object_id)
            entries += [entry(thing, language, version) for language in LANGUAGES]
    remove(kind, changed)
    Entry.objects.bulk_create(entries, batch_size=2000)
    write_terms(terms)
    return vocabulary


def term_words(origin: Origin, text: str) -> list[Word]:
    """Return the words of a term; a code is one word."""
    if origin == Origin.CODE:
        return [Word(word.text) for word in words(text) if CODE.fullmatch(word.text)]
    return words(text)


def spelt_in_latin(made: list[Word]) -> str:
    """Return a Chinese term as it is typed without a Chinese keyboard, its pinyin in one word; empty for others."""
    if not made or not all(word.is_han for word in made):
        return ""
    return fold("".join(syllables("".join(word.text for word in made), with_tones=False)))[:LONGEST_SPELT]


def forms_of(word: Word) -> set[str]:
    """Return every form under which a word is found; of Han characters pairs and single ones."""
    return {*han_units(word.text), *word.text} if word.is_han else set(word.forms)


def term(thing: Thing, language: str, origin: Origin, text: str, made: list[Word], forms: set[str]) -> tuple:
    """Return the row of a term."""
    cut = ["|".join([word.text, *sorted(word.others)]) for word in made]
    shown = "" if origin == Origin.TEXT else text[:300]
    return thing.kind, thing.object_id, language, origin, shown, cut, sorted(forms)


def write_terms(rows: list[tuple]) -> None:
    """Insert the rows of terms."""
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO search_term (kind, object_id, language, origin, text, words, forms) "
            "VALUES (%s, %s, %s, %s, %s, %s, array_to_tsvector(%s::text[]))",
            rows,
        )


def entry(thing: Thing, language: str, version: str) -> Entry:
    """Return the row that results show in a language."""
    return Entry(
        kind=thing.kind,
        object_id=thing.object_id,
        slug=thing.slug,
        language=language,
        facilities=thing.facilities,
        treatments=thing.treatments,
        subkind=thing.subkind,
        city=thing.city,
        province=thing.province,
        facets=thing.facets,
        version=version,
        **thing.shown[language],
    )


def write_words(vocabulary: Vocabulary, *, is_whole: bool) -> None:
    """Add words to the dictionary; a whole vocabulary also corrects frequencies and forgets what is not used."""
    rows = [
        (
            word,
            language,
            STEMMERS.get(language, "") if not Word(word).is_han else "",
            arabic_stem(word) if language == "ar" else "",
            sound(word) if not word.isdigit() else "",
            " ".join(deletions(word)),
            frequency,
        )
        for (word, language), frequency in sorted(vocabulary.items())
    ]
    columns: list[tuple] = list(zip(*rows, strict=True)) or [()] * 7
    with connection.cursor() as cursor:
        cursor.execute(UPSERT_WORDS, [*(list(values) for values in columns), is_whole])
        if is_whole:
            cursor.execute(FORGET_WORDS, [list(columns[0]), list(columns[1])])


def refresh_statistics() -> None:
    """Let the planner know the new sizes; PostgreSQL does it later by itself where the role may not."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_table_privilege('search_term', 'MAINTAIN')")
        if cursor.fetchone()[0]:
            cursor.execute("ANALYZE search_entry, search_term, search_word")
