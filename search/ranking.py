"""How well a term answers what was typed, as a number.

docs/search.md and the page "How we order results" say it in words. A whole match counts 1. Each word typed counts by
how rare it is; a word that is only near counts less.
"""

import math
import operator
import os
from collections.abc import Iterable
from dataclasses import dataclass, field

from search.enums import Origin
from search.normalise import HAN_LETTER, han_units
from search.stop_words import stop_words

# A name over a synonym over a lay word over the description.
ORIGIN_WEIGHT: dict[str, float] = {
    Origin.NAME.value: 1.0,
    Origin.CODE.value: 1.0,
    Origin.SYNONYM.value: 0.97,
    Origin.LAY_WORD.value: 0.95,
    Origin.PLACE.value: 0.6,
    Origin.TEXT.value: 0.3,
}
# Of a description and of a place only what was found counts, not how much else stands there.
SHARE_EXPONENT = {Origin.TEXT.value: 2.0, Origin.PLACE.value: 1.5}
# Terms of the page's language, of English, of any other language.
PAGE_LANGUAGE = 1.0
ENGLISH = 0.97
OTHER_LANGUAGE = 0.94
# A word that nobody spells so is most likely meant in the page's language.
OTHER_WHEN_MISSPELT = 0.85
# A word that the description adds to those of a name, and all words found in several terms of one thing.
BESIDE = 0.7
TOGETHER = 0.75
EXACT_BONUS = 0.15
BEGINNING_BONUS = 0.05
# What a thing is worth that is found through another one.
THROUGH_CONDITION = 0.55
THROUGH_OFFER = 0.5
THROUGH_SPECIALTY = 0.45
# Which part of the lesser score a thing gains that was found both ways.
GAIN = 0.15
# It does not overtake the thing through which it was found.
CEILING = 0.99
# A cure that nobody is known to offer.
NOT_OFFERED = 0.97

STEM = 0.94
OTHER_FORM = 0.98
JOINED = 0.96
HAN_SINGLE = 0.35
# A word that stands in this many terms says little.
COMMON = 4000
# A word that nothing knows may be anything: it counts like one that is neither rare nor common.
UNKNOWN = 50
# Words so much less near than the nearest are still counted as the same word: its other forms.
EQUALLY_NEAR = 0.07
STOP_WEIGHT = 0.12
BRIDGE_WEIGHT = 0.3
# What an article or "disease" counts in the length of a name.
SMALL_SIZE = 0.3


@dataclass
class Unit:
    """A word typed, or two neighbouring Han characters, and the words of the dictionary it may mean."""

    text: str
    is_stop: bool = False
    # Two Han characters of which each belongs to another word.
    is_bridge: bool = False
    # Word of the dictionary → how near, 0 to 1.
    near: dict[str, float] = field(default_factory=dict)
    # Word of the dictionary → in how many terms it stands.
    frequencies: dict[str, int] = field(default_factory=dict)
    # Words that only begin likewise, to be used when nothing typed is near anything.
    loose: dict[str, float] = field(default_factory=dict)

    @property
    def nearest(self) -> list[str]:
        """Return the words that are nearest, or hardly less near than that."""
        limit = max(self.near.values(), default=0.0) - EQUALLY_NEAR
        return [word for word, strength in self.near.items() if strength >= limit]

    @property
    def frequency(self) -> int:
        """Return in how many terms the commonest of the nearest words stands."""
        return max((self.frequencies.get(word, 0) for word in self.nearest), default=UNKNOWN)

    @property
    def spread(self) -> int:
        """Return in how many terms the words it may mean stand, all together."""
        return sum(self.frequencies.get(word, 0) for word in self.near)

    @property
    def weight(self) -> float:
        """Return what the word counts: rare ones more."""
        rarity = math.log1p(COMMON / (1 + self.frequency)) / math.log1p(COMMON)
        return max(rarity, 0.1) * (STOP_WEIGHT if self.is_stop else BRIDGE_WEIGHT if self.is_bridge else 1.0)

    def add(self, word: str, strength: float, frequency: int) -> None:
        """Note a word it may mean."""
        self.frequencies[word] = max(frequency, self.frequencies.get(word, 0))
        self.near[word] = max(strength, self.near.get(word, 0.0))

    def keep_nearest(self, count: int, farthest: float) -> None:
        """Forget all but the nearest words."""
        nearest = sorted(self.near.items(), key=lambda item: -item[1])[:count]
        self.near = {word: strength for word, strength in nearest if strength >= farthest}


def prefix_strength(typed: str, word: str) -> float:
    """Return how near the beginning of a word is to it."""
    return 0.93 * (len(typed) / len(word)) ** 0.2


def part_strength(part: str, typed: str) -> float:
    """Return how near a word is to a longer typed one that begins or ends with it."""
    return 0.8 * (len(part) / len(typed)) ** 0.7


def spelling_strength(typed: str, word: str, typed_sound: str, word_sound: str) -> float:
    """Return how near a misspelt word is, 0 when it is another word."""
    by_letter = _spelling(typed, word)
    by_sound = _spelling(typed_sound, word_sound) * 0.97
    return max(by_letter, by_sound)


def _spelling(typed: str, word: str) -> float:
    allowed = 1 if len(typed) <= 5 else 2 if len(typed) <= 8 else 3
    if len(typed) < 3 or abs(len(typed) - len(word)) > allowed:
        # Half typed and misspelt.
        if len(typed) >= 5 and len(word) > len(typed):
            distance = edit_distance(typed, word[: len(typed)], allowed - 1)
            if distance < allowed:
                return (0.88 - 0.12 * distance) * (len(typed) / len(word)) ** 0.33
        return 0.0
    distance = edit_distance(typed, word, allowed)
    if distance > allowed:
        return 0.0
    return 0.92 - 0.85 * distance / max(len(typed), len(word)) - (0.05 if typed[:1] != word[:1] else 0.0)


def loose_strength(typed_sound: str, word_sound: str) -> float:
    """Return how near a word is that begins likewise: 0.2 to 0.8, by the share of the beginning they have in common."""
    same = len(os.path.commonprefix([typed_sound, word_sound]))
    return 0.2 + 0.6 * same / max(len(typed_sound), len(word_sound))


def edit_distance(first: str, second: str, limit: int) -> int:
    """Return how many letters to add, drop, change or swap; `limit + 1` when it is more than `limit`."""
    if abs(len(first) - len(second)) > limit:
        return limit + 1
    before: list[int] = []
    last = list(range(len(second) + 1))
    for row, letter in enumerate(first, 1):
        current = [row]
        for column, other in enumerate(second, 1):
            cost = min(last[column] + 1, current[column - 1] + 1, last[column - 1] + (letter != other))
            if row > 1 and column > 1 and letter == second[column - 2] and first[row - 2] == other:
                cost = min(cost, before[column - 2] + 1)
            current.append(cost)
        if min(current) > limit:
            return limit + 1
        before, last = last, current
    return last[-1]


@dataclass(frozen=True, slots=True)
class Match:
    """How a term answers a query: the whole score, and what each unit found."""

    score: float
    found: list[float]


class Scorer:
    """Scores terms against the units of one query."""

    def __init__(self, units: list[Unit], typed: str, language: str) -> None:
        self.units = units
        self.typed = typed
        self.language = language
        self.weights = [unit.weight for unit in units]
        self.total = sum(self.weights) or 1.0
        self.is_misspelt = any(max(unit.near.values(), default=0.0) < STEM for unit in units)
        self.meant: dict[str, list[tuple[int, float]]] = {}
        for number, unit in enumerate(units):
            for word, strength in unit.near.items():
                self.meant.setdefault(word, []).append((number, strength))

    def covered(self, found: Iterable[float]) -> float:
        """Return which part of what was typed is found, 0 to 1."""
        return sum(map(operator.mul, self.weights, found)) / self.total

    def together(self, found: Iterable[float]) -> float:
        """Return how well several terms of one thing answer together; one term that holds all words is better."""
        return TOGETHER * self.covered(found) ** 1.6

    def score(self, words: list[str], origin: str, language: str) -> Match:
        """Return how well a term answers."""
        found = [0.0] * len(self.units)
        matched = size = 0.0
        for word in words:
            near, count = self._han(word, found) if HAN_LETTER.match(word) else self._word(word, found)
            matched += near
            size += count
        typed_share = self.covered(found)
        weight = ORIGIN_WEIGHT[origin]
        if origin in SHARE_EXPONENT:
            return Match(weight * typed_share ** SHARE_EXPONENT[origin] * self.language_weight(language), found)
        term_share = matched / size if size else 0.0
        score = 0.72 * typed_share**1.6 + 0.28 * typed_share * term_share
        score += self._bonus(words)
        return Match(score * weight * self.language_weight(language), found)

    def score_description(self, held: list[bool], language: str) -> Match:
        """Return how well a description answers that holds some of the units which have a known word."""
        found = [0.0] * len(self.units)
        known = [number for number, unit in enumerate(self.units) if unit.near]
        for number, is_held in zip(known, held, strict=True):
            if is_held:
                found[number] = max(self.units[number].near.values())
        share = self.covered(found) ** SHARE_EXPONENT[Origin.TEXT]
        return Match(ORIGIN_WEIGHT[Origin.TEXT] * share * self.language_weight(language), found)

    def language_weight(self, language: str) -> float:
        """Return what a language counts; codes belong to none."""
        if language in {self.language, ""}:
            return PAGE_LANGUAGE
        if self.is_misspelt:
            return OTHER_WHEN_MISSPELT
        return ENGLISH if language == "en" else OTHER_LANGUAGE

    def _bonus(self, words: list[str]) -> float:
        # Most terms begin with another letter.
        if not words or words[0][:1] != self.typed[:1]:
            return 0.0
        text = " ".join(word.split("|", 1)[0] for word in words)
        if text == self.typed:
            return EXACT_BONUS
        return BEGINNING_BONUS if text.startswith(self.typed) else 0.0

    def _word(self, word: str, found: list[float]) -> tuple[float, float]:
        """Note what a word of a term answers; return how well it is matched, and its size."""
        best = 0.0
        for form in word.split("|") if "|" in word else (word,):
            for number, strength in self.meant.get(form, ()):
                if strength > best:
                    best = strength
                if strength > found[number]:
                    found[number] = strength
        if best:
            return best, 1.0
        # Short words are mostly articles; that one was not typed says nothing.
        is_small = len(word) <= 3 or word in stop_words()
        return 0.0, SMALL_SIZE if is_small else 1.0

    def _han(self, run: str, found: list[float]) -> tuple[float, float]:
        """Do the same for a run of Han characters, by pairs and by single ones; a character counts half a word."""
        covered = [0.0] * len(run)
        for at, piece in enumerate(han_units(run)):
            for number, strength in self.meant.get(piece, ()):
                found[number] = max(found[number], strength)
                for place in range(at, at + len(piece)):
                    covered[place] = max(covered[place], strength)
        for at, sign in enumerate(run):
            for number, strength in self.meant.get(sign, ()):
                found[number] = max(found[number], strength)
                covered[at] = max(covered[at], strength)
        return sum(covered) / 2, len(run) / 2
