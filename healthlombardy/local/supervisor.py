"""Keeps children running: one that ends unexpectedly is started again, a little later each time."""

import time
from dataclasses import dataclass
from pathlib import Path

from healthlombardy.local.children import Child
from healthlombardy.local.problems import say
from healthlombardy.local.signals import StopFlag

LONGEST_PAUSE = 30.0
# A child that lived this long was well: its next end begins with a short pause again.
GOOD_LIFE = 60.0


@dataclass
class Watched:
    """Remember how often a child ended of late."""

    child: Child
    started_at: float
    ends: int = 0
    start_again_at: float | None = None


class Supervisor:
    """Watch children until somebody asks to stop."""

    def __init__(self) -> None:
        self._watched: list[Watched] = []

    def watch(self, child: Child) -> None:
        """Take over a child that runs."""
        self._watched.append(Watched(child, time.monotonic()))

    def tend(self) -> None:
        """Look after each child once."""
        now = time.monotonic()
        for watched in self._watched:
            if watched.start_again_at is not None:
                if now >= watched.start_again_at:
                    _start_again(watched)
            elif watched.child.exit_code() is not None:
                _plan(watched, now)

    def tend_until_stopped(self, stop: StopFlag) -> None:
        """Look after the children; StopRequested ends it."""
        while True:
            self.tend()
            stop.sleep(0.2)


def _plan(watched: Watched, now: float) -> None:
    child = watched.child
    code = child.exit_code()
    log: Path = child.command.log
    # Its own children may hold the port or a lock still.
    child.end_group()
    watched.ends = 1 if now - watched.started_at > GOOD_LIFE else watched.ends + 1
    pause = min(LONGEST_PAUSE, 2.0 ** (watched.ends - 1))
    watched.start_again_at = now + pause
    say(f"{child.name} ended unexpectedly ({_meaning(code)}) and is started again in {pause:.0f} s. Its log: {log}")


def _start_again(watched: Watched) -> None:
    watched.child.start()
    watched.started_at = time.monotonic()
    watched.start_again_at = None


def _meaning(code: int | None) -> str:
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
