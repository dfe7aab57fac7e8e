"""How long what is kept: rules that say what is over, remove it in batches, and look again whether it is gone.

Each app registers its rules in AppConfig.ready(); `keep_retention` and the scheduled jobs apply them.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings

from vault import trail

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Due:
    """Something whose time is over; `name` is what an operator may read: a reference or an id."""

    id: Any
    name: str
    number: int = 1
    # Of its files in the storage: once its rows are gone nothing else tells where they were.
    files: tuple[str, ...] = ()


@dataclass
class Kept:
    """What came of a rule: how many were due, how many are gone, and what is wrong."""

    due: int = 0
    gone: int = 0
    wrong: list[str] = field(default_factory=list)


class Rule(ABC):
    """One sentence about how long something is kept."""

    batch = 100

    @property
    @abstractmethod
    def says(self) -> str:
        """What is removed when, for operators."""

    @abstractmethod
    def due(self, now: datetime) -> Iterator[Due]:
        """Yield what is over."""

    @abstractmethod
    def remove(self, batch: Sequence[Due], now: datetime) -> None:
        """Remove a batch in transactions of its own; somebody may have been faster."""

    @abstractmethod
    def left(self, batch: Sequence[Due], now: datetime) -> Iterator[str]:
        """Read again what was removed, and yield a sentence for each that is still there."""

    def keep(self, now: datetime) -> Kept:
        """Remove what is over and look again."""
        kept = Kept()
        # Taken down before anything goes, so that what cannot be removed is met once.
        for batch in _batches(list(self.due(now)), self.batch):
            number = sum(due.number for due in batch)
            self.remove(batch, now)
            wrong = list(self.left(batch, now))
            kept.due += number
            kept.gone += number - len(wrong) if len(wrong) <= number else 0
            kept.wrong += wrong
        for sentence in kept.wrong:
            log.error("Not removed in time: %s", sentence)
        return kept


_rules: list[Rule] = []


def register(rule: Rule) -> None:
    """Add a rule; call it in AppConfig.ready()."""
    if not any(type(known) is type(rule) for known in _rules):
        _rules.append(rule)


def rules() -> tuple[Rule, ...]:
    """Return every rule, those of the lower floors first."""
    return tuple(_rules)


class OldTrail(Rule):
    """Entries of the trail, from the beginning of a chain to an anchor."""

    batch = 1_000_000

    @property
    def says(self) -> str:
        return f"Trail: entries anchored over {settings.TRAIL_YEARS} years ago"

    def due(self, now: datetime) -> Iterator[Due]:
        for case_id, number in trail.removable().items():
            yield Due(case_id, f"case {case_id}" if case_id else "sign-ins", number)

    def remove(self, batch: Sequence[Due], now: datetime) -> None:
        trail.remove_old()

    def left(self, batch: Sequence[Due], now: datetime) -> Iterator[str]:
        for case_id, number in trail.removable().items():
            yield f"{number} old entries of the trail of case {case_id}."
        for due in batch:
            try:
                trail.verify_chain(due.id)
            except trail.ChainBroken as broken:
                yield str(broken)


def _batches(found: Sequence[Due], size: int) -> Iterable[Sequence[Due]]:
    return (found[start : start + size] for start in range(0, len(found), size))
