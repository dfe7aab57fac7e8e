"""Suggestions while typing: the best few hits of a half-typed query, by kind."""

from dataclasses import dataclass
from itertools import groupby

from search.enums import Kind
from search.find import find
from search.shown import ShownHit

# A listbox that is longer than a phone's screen is not read.
MOST = 9
MOST_OF_A_KIND = 4
# So deep lies the best hospital of a query that many treatments answer.
DEPTH = 80


@dataclass(frozen=True)
class Group:
    """Suggestions of one kind."""

    kind: Kind
    hits: list[ShownHit]

    @property
    def label(self) -> str:
        return str(self.kind.label)

    @property
    def says_kind(self) -> bool:
        """Return whether the label says all there is to say about the kind; treatments and hospitals have kinds too."""
        return self.kind not in {Kind.TREATMENT, Kind.FACILITY}


def suggest(typed: str, language: str) -> list[Group]:
    """Return suggestions in the order of `find`; none where nothing fits well: a guess would mislead."""
    results = find(typed, language, limit=DEPTH)
    if not results.has_hits:
        return []
    share = MOST if len(results.counts) == 1 else MOST_OF_A_KIND
    groups, room = [], MOST
    for kind, hits in groupby(results.hits, key=lambda hit: hit.kind):
        kept = [ShownHit(hit) for hit in list(hits)[: min(share, room)]]
        room -= len(kept)
        if kept:
            groups.append(Group(kind, kept))
    return groups
