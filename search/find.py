"""The one way to search: `find()`; views, suggestions and whatever else looks for something call it.

Words of the dictionary that are near what was typed (`search.dictionary`), terms that hold them, a score for each
term (`search.ranking`), the best term of each thing, things found through others, the order of the kinds.
At most five queries, whatever is typed and found.
"""

import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from search import ranking, reading
from search.dictionary import Question, ask
from search.enums import Kind, Origin
from search.ranking import Match, Scorer, Unit
from search.reading import Key, Shown

LONGEST_QUERY = 200
# Control signs, signs of format, halves of pairs.
UNSEEN = {"Cc", "Cf", "Cs"}
# How many terms the rarer words may stand in before the commoner ones are left out of "some words".
MOST_TO_RANK = 1800
# Descriptions are long: each costs as much as ten names.
MOST_DESCRIPTIONS_TO_RANK = 500
# Of each kind: hospitals must not be crowded out by the many forms of an illness.
MOST_OF_A_KIND = 32
# A hit much worse than the best one is noise.
SHARE_OF_BEST = 0.42
# Below this the best hit is a guess: "did you mean".
SURE = 0.4
# What scores so much is not surpassed by what its description says; where so many things do, or one word was typed,
# the others would be dropped as noise.
SURER_THAN_TEXT = 0.75
ENOUGH_SURE = 3
MOST_WAYS = 8

# On equal score the earlier kind comes first.
PLACES = {kind: place for place, kind in enumerate(Kind)}


@dataclass(frozen=True)
class Reason:
    """Why a thing was found: the words that matched, what they are, their language ("" for a code).

    Where it was found through another thing, that thing's key; `text` is then filled from its name.
    """

    origin: Origin
    text: str = ""
    language: str = ""
    through: Key | None = None


@dataclass
class Hit:
    """A thing found."""

    kind: Kind
    object_id: int
    score: float
    reason: Reason
    slug: str = ""
    # As the index knows it in the page's language, and in English.
    entry: Shown | None = None
    english: Shown | None = None

    @property
    def key(self) -> Key:
        return self.kind, self.object_id

    @property
    def number(self) -> int:
        """Return how many facilities, or treatments, it stands for."""
        return self.shown.facilities or self.shown.treatments if self.entry or self.english else 0

    @property
    def shown(self) -> Shown:
        """Return what is to be shown: the page's language, else English."""
        found = self.entry or self.english
        if found is None:
            raise LookupError(f"{self.kind} {self.object_id} was not read")
        return found

    @property
    def name(self) -> str:
        """Return its name in the page's language, else in English."""
        return next((found.name for found in (self.entry, self.english) if found and found.name), self.slug)

    @property
    def name_language(self) -> str:
        return self.entry.language if self.entry and self.entry.name else settings.LANGUAGE_CODE

    def place(self) -> tuple[float, int, int, str, str]:
        """Return by what hits are ordered: score, kind, number, name."""
        return -round(self.score, 3), PLACES[self.kind], -self.number, self.shown.sort_key, self.slug


@dataclass
class Results:
    """What was found, best first."""

    query: str
    language: str
    hits: list[Hit] = field(default_factory=list)
    # Of all hits, whatever kinds were asked for.
    counts: dict[Kind, int] = field(default_factory=dict)
    # Hits of the kinds asked for; `hits` holds `limit` of them at most.
    total: int = 0
    # Something was left out of what was typed: it was too long, or held a NUL.
    was_cut: bool = False
    # Nothing fits well: these are the nearest things.
    is_guess: bool = False
    # Everything of the kinds that were to be read as well, in the page's language, else in English.
    alongside: list[Shown] = field(default_factory=list)

    @property
    def has_hits(self) -> bool:
        return self.total > 0 and not self.is_guess


def find(
    query: str,
    language: str,
    kinds: Collection[str] | None = None,
    filters: Mapping[str, Collection[str]] | None = None,
    limit: int = 20,
    offset: int = 0,
    alongside: Collection[Kind] = (),
) -> Results:
    """Return what a query means, for a reader of `language`; it may be typed in any language.

    `kinds` keeps some of search.enums.Kind; `filters` keeps by "specialty", "body_district" or "province" (slugs or
    codes, any of each). `alongside` also reads everything of some kinds, found or not, into `Results.alongside`.
    Never raises for what was typed.
    """
    text, was_cut = clean(query)
    results = Results(text, language, was_cut=was_cut)
    question = ask(text)
    if not question.is_understood:
        return results
    scored = Search(question, language).run(filters or {}, alongside)
    hits = grouped(scored.hits)
    results.counts = dict(Counter(hit.kind for hit in hits))
    if kinds:
        hits = [hit for hit in hits if hit.kind in kinds]
    results.total = len(hits)
    results.is_guess = scored.is_guess
    results.alongside = scored.alongside
    results.hits = hits[offset : offset + limit]
    return results


def clean(query: str) -> tuple[str, bool]:
    """Return at most 200 characters of a query that can be seen, and whether words or a NUL were left out.

    Signs that turn the direction of writing would turn the page around them.
    """
    seen = "".join(sign if unicodedata.category(sign) not in UNSEEN else " " * sign.isspace() for sign in query)
    text = " ".join(seen.split())
    kept = text[:LONGEST_QUERY].strip()
    return kept, kept != text or "\x00" in query


class Search:
    """One search: terms, things, and things found through them."""

    def __init__(self, question: Question, language: str) -> None:
        self.question = question
        self.language = language
        # Nothing fits well: see Results.
        self.is_guess = question.is_guess
        self.scorer = Scorer(question.units, question.text, language)
        self.hits: list[Hit] = []
        self.alongside: list[Shown] = []

    def run(self, filters: Mapping[str, Collection[str]], alongside: Collection[Kind]) -> "Search":
        """Fill `hits`, best first, and `alongside`."""
        hits = self.direct()
        best = max((hit.score for hit in hits.values()), default=0.0)
        self.is_guess = self.question.is_guess or best < SURE
        if not self.is_guess:
            self.add_through(hits, best)
        kept = [hit for hit in hits.values() if hit.score >= best * SHARE_OF_BEST]
        kept.sort(key=lambda hit: -hit.score)
        self.hits = self.read(
            [hit for kind in Kind for hit in of_kind(kept, kind)[:MOST_OF_A_KIND]], filters, alongside
        )
        return self

    def direct(self) -> dict[Key, Hit]:
        """Return the things that have matching terms, with the score and reason of the best one.

        Descriptions are read only where names leave a doubt: they score so little that the others would drop them.
        """
        best: dict[Key, tuple[Match, reading.TermRow]] = {}
        together: dict[Key, list[float]] = {}
        wanted = wanted_of(self.question.units)
        names = reading.terms(wanted, self.language)
        note(best, together, ((term, self.scorer.score(term[5], term[3], term[2])) for term in names))
        sure = sum(match.score >= SURER_THAN_TEXT for match, _term in best.values())
        needed = 1 if len(wanted.nearest) == 1 else ENOUGH_SURE
        if sure < needed and not self.question.is_guess:
            texts = reading.descriptions(wanted, self.language)
            note(best, together, ((text, self.scorer.score_description(text[5], text[2])) for text in texts))
        return {
            key: Hit(Kind(key[0]), key[1], max(match.score, self.scorer.together(together[key])), reason_of(term))
            for key, (match, term) in best.items()
        }

    def add_through(self, hits: dict[Key, Hit], best: float) -> None:
        """Add treatments of conditions, facilities by what they offer, facilities by their specialties."""
        shares: dict[Kind, tuple[Kind, Origin, float]] = {
            Kind.CONDITION: (Kind.TREATMENT, Origin.CONDITION, ranking.THROUGH_CONDITION),
            Kind.TREATMENT: (Kind.FACILITY, Origin.OFFER, ranking.THROUGH_OFFER),
            Kind.SPECIALTY: (Kind.FACILITY, Origin.SPECIALTY, ranking.THROUGH_SPECIALTY),
        }
        near = sorted(hits.values(), key=lambda hit: -hit.score)
        ways = {
            # What would be dropped as noise is not read.
            kind: {
                hit.object_id: hit
                for hit in of_kind(near, kind)[:MOST_WAYS]
                if hit.score * share >= best * SHARE_OF_BEST
            }
            for kind, (_found, _origin, share) in shares.items()
        }
        links = reading.links(ways)
        through: dict[Key, tuple[float, Origin, Hit]] = {}
        for from_kind, from_id, to_id in links:
            way = ways[Kind(from_kind)][from_id]
            to_kind, origin, share = shares[Kind(from_kind)]
            key: Key = (to_kind, to_id)
            if key not in through or way.score * share > through[key][0]:
                through[key] = (way.score * share, origin, way)
        for key, (score, origin, way) in through.items():
            add_indirect(hits, key, score, origin, way)

    def read(self, hits: list[Hit], filters: Mapping[str, Collection[str]], alongside: Collection[Kind]) -> list[Hit]:
        """Read what is shown of each hit, drop what is no longer published, and put them in order."""
        wanted = {hit.key for hit in hits} | {hit.reason.through for hit in hits if hit.reason.through}
        entries = reading.shown(wanted, self.language, alongside)
        self.alongside = [entry for entry in entries.values() if entry.kind in alongside and entry.name]
        kept = []
        for hit in hits:
            hit.entry = entries.get((hit.key, self.language))
            hit.english = entries.get((hit.key, settings.LANGUAGE_CODE))
            if not (hit.entry or hit.english) or not fits(hit.shown, filters):
                continue
            hit.slug = hit.shown.slug
            if hit.kind == Kind.TREATMENT and not hit.shown.facilities:
                hit.score *= ranking.NOT_OFFERED
            if through := hit.reason.through:
                way = entries.get((through, self.language)) or entries.get((through, settings.LANGUAGE_CODE))
                english = entries.get((through, settings.LANGUAGE_CODE))
                named = next((found for found in (way, english) if found and found.name), None)
                if named is None:
                    continue
                hit.reason = Reason(hit.reason.origin, named.name, named.language, through)
            kept.append(hit)
        return sorted(kept, key=Hit.place)


def add_indirect(hits: dict[Key, Hit], key: Key, score: float, origin: Origin, way: Hit) -> None:
    """Add a thing found through another; one that also matched by itself gains a little, and never overtakes it."""
    reason = Reason(origin, through=way.key)
    known = hits.get(key)
    if known is None:
        hits[key] = Hit(Kind(key[0]), key[1], score, reason)
    elif known.score < score:
        known.score, known.reason = score + ranking.GAIN * known.score, reason
    else:
        known.score = max(known.score, min(known.score + ranking.GAIN * score, ranking.CEILING * way.score))


def wanted_of(units: list[Unit]) -> reading.Wanted:
    """Return what terms are to hold: units with a known word, those that tell something where there are any."""
    known = [unit for unit in units if unit.near]
    telling = [unit for unit in known if not unit.is_stop] or known
    return reading.Wanted(
        some=query_of(rarest(telling, MOST_TO_RANK)),
        rarest=query_of(rarest(telling, MOST_DESCRIPTIONS_TO_RANK)),
        nearest=[(query_of_words(unit.nearest), unit.weight) for unit in telling],
        units=[query_of([unit]) for unit in known],
    )


def note(
    best: dict[Key, tuple[Match, reading.TermRow]],
    together: dict[Key, list[float]],
    scored: Iterable[tuple[Any, Match]],
) -> None:
    """Note the best term of each thing, and what all its terms together hold."""
    for term, match in scored:
        key = (term[0], term[1])
        if key not in best or match.score > best[key][0].score:
            best[key] = (match, term)
        weight = max(ranking.ORIGIN_WEIGHT[term[3]], ranking.BESIDE)
        found = [strength * weight for strength in match.found]
        known = together.get(key)
        together[key] = list(map(max, known, found)) if known else found


def reason_of(term: reading.TermRow) -> Reason:
    """Return a term as the reason why a thing was found."""
    _kind, _id, language, origin, text, _words = term
    return Reason(Origin(origin), text, language)


def of_kind(hits: list[Hit], kind: Kind) -> list[Hit]:
    """Return the hits of a kind."""
    return [hit for hit in hits if hit.kind == kind]


def rarest(units: list[Unit], room: int) -> list[Unit]:
    """Return the rarest units that together stand in `room` terms at most; one at least."""
    kept: list[Unit] = []
    for unit in sorted(units, key=lambda unit: unit.spread):
        room -= unit.spread
        if kept and room < 0:
            break
        kept.append(unit)
    return kept


def query_of(units: list[Unit]) -> str:
    """Return a tsquery for any unit by any word it may mean. Words hold letters and digits only."""
    return " | ".join(query_of_words(unit.near) for unit in units)


def query_of_words(words: Iterable[str]) -> str:
    """Return a tsquery for any of some words."""
    return "(" + " | ".join(f"'{word}'" for word in words) + ")"


def fits(entry: Shown, filters: Mapping[str, Collection[str]]) -> bool:
    """Return whether a thing has one of the values of every filter."""
    return all(any(f"{name}:{value}" in entry.facets for value in values) for name, values in filters.items() if values)


def grouped(hits: list[Hit]) -> list[Hit]:
    """Return the hits with those of the best hit's kind first, then the kinds by their best hit."""
    first: dict[Kind, int] = {}
    for place, hit in enumerate(hits):
        first.setdefault(hit.kind, place)
    return sorted(hits, key=lambda hit: first[hit.kind])
