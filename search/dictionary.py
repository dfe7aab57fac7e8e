"""From what was typed to words of the dictionary: exact, by stem, by beginning, by spelling, by sound."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from search.index import STEMMERS
from search.normalise import CODE, Word, arabic_stem, deletions, han_units, sound, words
from search.ranking import (
    HAN_SINGLE,
    JOINED,
    OTHER_FORM,
    STEM,
    Unit,
    loose_strength,
    part_strength,
    prefix_strength,
    spelling_strength,
)
from search.stop_words import stop_words

# Words a typed one may mean, at most.
NEAREST = 40
SHORTEST_PART = 4
OPEN_LENGTH = 4
# A pair of Han characters that stands in so many times fewer terms than both its neighbours is no word.
RARER = 3
# What is less near than this is another word.
FARTHEST = 0.3
# A misspelt word that is at least so near is not cut in two.
PART_IS_BETTER = 0.8
# Nobody types more; what comes after is not looked up.
MOST_UNITS = 32
MOST_SYLLABLES = 8

LOOK_UP = """
    WITH probe AS MATERIALIZED (
        SELECT id, how, word, sound, is_open, string_to_array(deletions, ' ') AS deletions
        FROM unnest(%s::int[], %s::text[], %s::text[], %s::text[], %s::bool[], %s::text[])
             AS made (id, how, word, sound, is_open, deletions)
    ),
    stemmer AS (
        SELECT language, name::regdictionary FROM unnest(%s::text[], %s::text[]) AS made (language, name)
    ),
    exact AS MATERIALIZED (
        SELECT probe.id, known.word, max(known.frequency) AS frequency
        FROM probe JOIN search_word AS known ON known.word = probe.word
        GROUP BY probe.id, known.word
    ),
    lexized AS MATERIALIZED (
        SELECT probe.id, probe.word, stemmer.language, ts_lexize(stemmer.name, probe.word) AS stems
        FROM probe CROSS JOIN stemmer WHERE probe.how = 'form'
        UNION ALL
        SELECT id, word, 'ar', ARRAY[sound] FROM probe WHERE how = 'arabic'
    ),
    stemmed AS MATERIALIZED (
        SELECT lexized.id, known.word, max(known.frequency) AS frequency
        FROM lexized
        JOIN search_word AS known
          ON known.language = lexized.language AND known.stem = lexized.stems[1] AND known.word <> lexized.word
        WHERE lexized.stems <> '{}' AND lexized.stems[1] <> ''
        GROUP BY lexized.id, known.word
    )
    SELECT id, 'exact', word, '', frequency FROM exact
    UNION ALL
    SELECT id, 'stem', word, '', frequency FROM stemmed
    UNION ALL
    SELECT DISTINCT id, 'stop', word, '', 0 FROM lexized WHERE stems = '{}'
    UNION ALL
    SELECT probe.id, 'prefix', nearest.word, '', nearest.frequency
    FROM probe CROSS JOIN LATERAL (
        SELECT word, max(frequency) AS frequency FROM search_word AS known
        WHERE known.word > probe.word AND known.word < probe.word || chr(1114111)
        GROUP BY word ORDER BY length(word), word LIMIT 30
    ) AS nearest
    WHERE probe.how = 'form' AND length(probe.word) >= 3
      AND (probe.is_open OR NOT EXISTS (SELECT FROM exact WHERE exact.id = probe.id))
    UNION ALL
    SELECT probe.id, 'fuzzy', nearest.word, nearest.sound, nearest.frequency
    FROM probe CROSS JOIN LATERAL (
        SELECT word, sound, max(frequency) AS frequency FROM search_word AS known
        WHERE known.sound %% probe.sound
        GROUP BY word, sound ORDER BY similarity(sound, probe.sound) DESC, word LIMIT 20
    ) AS nearest
    WHERE probe.how = 'form' AND length(probe.sound) >= 3
      AND NOT EXISTS (SELECT FROM exact WHERE exact.id = probe.id)
    UNION ALL
    SELECT probe.id, 'fuzzy', known.word, known.sound, max(known.frequency)
    FROM probe JOIN search_word AS known ON known.deletions && probe.deletions
    WHERE probe.how = 'form' AND probe.deletions <> '{}'
      AND NOT EXISTS (SELECT FROM exact WHERE exact.id = probe.id)
    GROUP BY probe.id, known.word, known.sound
    UNION ALL
    SELECT probe.id, 'inside', nearest.word, nearest.sound, nearest.frequency
    FROM probe CROSS JOIN LATERAL (
        SELECT word, sound, max(frequency) AS frequency FROM search_word AS known
        WHERE known.sound LIKE '%%' || probe.sound || '%%'
        GROUP BY word, sound ORDER BY length(word), word LIMIT 12
    ) AS nearest
    WHERE probe.how = 'form' AND length(probe.sound) >= 5
      AND NOT EXISTS (SELECT FROM exact WHERE exact.id = probe.id)
    UNION ALL
    SELECT probe.id, 'loose', nearest.word, nearest.sound, nearest.frequency
    FROM probe CROSS JOIN LATERAL (
        SELECT word, sound, max(frequency) AS frequency FROM search_word AS known
        WHERE known.sound LIKE left(probe.sound, 4) || '%%'
        GROUP BY word, sound ORDER BY similarity(sound, probe.sound) DESC, word LIMIT 6
    ) AS nearest
    WHERE probe.how = 'form' AND length(probe.sound) >= 3
      AND NOT EXISTS (SELECT FROM exact WHERE exact.id = probe.id)
"""
# "first" or "second" → where it was cut → word and its frequency.
Parts = dict[str, dict[int, tuple[str, int]]]


@dataclass(frozen=True, slots=True)
class Probe:
    """One word to look up, and what it stands for: which unit, or which part of which split of it."""

    how: str
    word: str
    unit: int
    split: int = 0


@dataclass
class Question:
    """What was typed, cut into units whose words of the dictionary are known once `look_up` was called."""

    text: str
    units: list[Unit] = field(default_factory=list)
    # No word is known or near a known one: those that begin likewise stand for them, for "did you mean".
    is_guess: bool = False

    @property
    def is_understood(self) -> bool:
        return any(unit.near for unit in self.units)

    def guess(self) -> None:
        """Take words that only begin likewise for what was typed."""
        self.is_guess = True
        for unit in self.units:
            unit.near = dict(unit.loose)


def ask(text: str) -> Question:
    """Return a query with the words of the dictionary that its words may mean."""
    typed = words(text)
    question = Question(" ".join(word.text for word in typed))
    probes = probes_of(typed, question)
    if probes:
        answer(question, probes, look_up(probes))
    if not question.is_understood:
        question.guess()
    return question


def pieces_of(typed: list[Word]) -> list[Word]:
    """Return the words, runs of Han characters in pairs, each once."""
    pieces: dict[str, Word] = {}
    for word in typed:
        parts = [Word(pair) for pair in han_units(word.text)] if word.is_han else [word]
        for part in parts:
            pieces.setdefault(part.text, part)
    return list(pieces.values())[:MOST_UNITS]


def probes_of(typed: list[Word], question: Question) -> list[Probe]:
    """Cut the words into units, and return what is to be looked up for them."""
    probes = []
    for number, word in enumerate(pieces_of(typed)):
        question.units.append(Unit(word.text, is_stop=word.text in stop_words()))
        if word.is_han:
            probes += [Probe("han", piece, number) for piece in sorted({word.text, *word.text})]
            continue
        probes += [Probe("form", form, number) for form in sorted(word.forms)]
        if CODE.fullmatch(word.text):
            # The category of a code: I21 for I21.9, 35.2 for 35.21.
            probes += [Probe("category", word.text[:length], number) for length in range(3, len(word.text))]
        if word.others or arabic_stem(word.text) != word.text:
            probes.append(Probe("arabic", word.text, number))
        probes += parts_of(word.text, number)
    for number, (one, other) in enumerate(zip(question.units, question.units[1:], strict=False)):
        if not Word(one.text).is_han and not Word(other.text).is_han:
            probes.append(Probe("joined", one.text + other.text, number))
    if 2 < len(question.units) <= MOST_SYLLABLES and question.text.isascii():
        # Pinyin is typed in one word or syllable by syllable.
        probes.append(Probe("whole", question.text.replace(" ", ""), 0))
    return probes


def parts_of(word: str, number: int) -> list[Probe]:
    """Return both parts of every way to cut a long word in two: "kneeoperation" means "knee" and "operation"."""
    if len(word) < 2 * SHORTEST_PART:
        return []
    cuts = range(SHORTEST_PART, len(word) - SHORTEST_PART + 1)
    probes = []
    for cut in cuts:
        # German ties words together with an s.
        probes += [Probe("first", first, number, cut) for first in {word[:cut], word[:cut].removesuffix("s")}]
        probes.append(Probe("second", word[cut:], number, cut))
    return probes


def look_up(probes: list[Probe]) -> list[tuple[int, str, str, str, int]]:
    """Return rows of probe, how it is near, word, its sound, its frequency."""
    sounds = [
        arabic_stem(probe.word) if probe.how == "arabic" else sound(probe.word) if probe.how == "form" else ""
        for probe in probes
    ]
    last = max(probe.unit for probe in probes)
    columns: list[Any] = [
        list(range(len(probes))),
        [probe.how for probe in probes],
        [probe.word for probe in probes],
        sounds,
        # A word still being typed, or a long one, may be the beginning of another even if it is one itself.
        [probe.unit == last or len(probe.word) >= OPEN_LENGTH for probe in probes],
        [" ".join(deletions(probe.word)) if probe.how == "form" else "" for probe in probes],
        list(STEMMERS),
        list(STEMMERS.values()),
    ]
    with connection.cursor() as cursor:
        cursor.execute(LOOK_UP, columns)
        return cursor.fetchall()


def answer(question: Question, probes: list[Probe], rows: list[tuple[int, str, str, str, int]]) -> None:
    """Give each unit its words, its weight, and cut in two those that are known as two words only."""
    parts: dict[int, Parts] = defaultdict(lambda: {"first": {}, "second": {}})
    known = set()
    for number, how, word, word_sound, frequency in rows:
        probe = probes[number]
        unit = question.units[probe.unit]
        if probe.how in {"first", "second"}:
            parts[probe.unit][probe.how][probe.split] = (word, frequency)
        elif how == "stop":
            unit.is_stop = True
        elif how == "loose":
            unit.loose[word] = loose_strength(sound(probe.word), word_sound)
        elif probe.how in {"joined", "whole"}:
            for part in question.units if probe.how == "whole" else question.units[probe.unit : probe.unit + 2]:
                part.add(word, JOINED, frequency)
        else:
            unit.add(word, strength_of(how, probe, word, word_sound, unit), frequency)
            if how in {"exact", "stem"} and (probe.how in {"form", "category"} or word == unit.text):
                known.add(probe.unit)
    units: list[Unit] = []
    for number, unit in enumerate(question.units):
        halves = [] if number in known else halves_of(unit, parts[number])
        if not halves and number not in known:
            add_parts(unit, parts[number])
        units += halves or [unit]
    for unit in units:
        # Single Han characters stand in very many terms: they are for a pair that nobody knows.
        is_pair_known = Word(unit.text).is_han and unit.text in unit.near
        unit.keep_nearest(NEAREST, STEM if is_pair_known else FARTHEST)
    mark_bridges(units)
    question.units = units


def mark_bridges(units: list[Unit]) -> None:
    """Mark pairs of Han characters between two words: much rarer than the pairs at both sides, which are known."""
    for before, unit, after in zip(units, units[1:], units[2:], strict=False):
        is_within = before.text[-1:] == unit.text[:1] and unit.text[-1:] == after.text[:1]
        if not (Word(unit.text).is_han and is_within and before.text in before.near and after.text in after.near):
            continue
        own = unit.frequencies.get(unit.text, 0)
        unit.is_bridge = own * RARER < min(before.frequencies[before.text], after.frequencies[after.text])


def strength_of(how: str, probe: Probe, word: str, word_sound: str, unit: Unit) -> float:
    """Return how near a word of the dictionary is to what was typed."""
    if how == "exact":
        if probe.how == "category":
            return STEM
        if probe.how == "han":
            return 1.0 if word == unit.text else HAN_SINGLE
        return 1.0 if probe.word == unit.text else OTHER_FORM
    if how == "stem":
        return STEM
    if how == "prefix":
        return prefix_strength(probe.word, word)
    if how == "inside":
        return part_strength(probe.word, word) if len(word) >= len(probe.word) else 0.0
    return spelling_strength(probe.word, word, sound(probe.word), word_sound)


def halves_of(unit: Unit, parts: Parts) -> list[Unit]:
    """Return two units for a word that is known as two words only; none where it is near a whole word."""
    if any(strength > PART_IS_BETTER for strength in unit.near.values()):
        return []
    cuts = parts["first"].keys() & parts["second"].keys()
    if not cuts:
        return []
    # The most even cut is the likeliest.
    cut = max(cuts, key=lambda cut: (min(cut, len(unit.text) - cut), cut))
    halves = []
    for part in ("first", "second"):
        word, frequency = parts[part][cut]
        halves.append(Unit(word, near={word: JOINED}, frequencies={word: frequency}))
    return halves


def add_parts(unit: Unit, parts: Parts) -> None:
    """Use the words that a long unknown word begins or ends with."""
    for found in parts.values():
        for word, frequency in found.values():
            unit.add(word, part_strength(word, unit.text), frequency)
