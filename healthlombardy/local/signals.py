"""Ctrl-C and friends, noticed at points where stopping is safe."""

import signal
import time
from types import FrameType

from healthlombardy.local.problems import StopRequested


class StopFlag:
    """Remember that somebody asked to stop."""

    def __init__(self) -> None:
        self.is_set = False

    def listen(self) -> None:
        """Take over the signals by which a person, a terminal or a service manager ends a program."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._remember)

    def check(self) -> None:
        """Raise StopRequested when somebody asked to stop."""
        if self.is_set:
            raise StopRequested

    def sleep(self, seconds: float) -> None:
        """Sleep, but wake up when somebody asks to stop."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.check()
            time.sleep(min(0.05, max(0.0, end - time.monotonic())))
        self.check()

    def _remember(self, _number: int, _frame: FrameType | None) -> None:
        self.is_set = True
