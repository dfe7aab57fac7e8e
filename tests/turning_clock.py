"""A test that asks twice what time it is gets two answers where an hour or a day begins between."""

import time
from datetime import UTC, datetime

import time_machine

QUARTER, HOUR = 15 * 60, 60 * 60
# What nearly every test stays below, on a machine that has other work as well.
LONGEST_TEST = 30


def morning() -> time_machine.travel:
    """Go to a plain moment of today, some minutes after an hour of Milan began; from there the clock goes on."""
    return time_machine.travel(datetime.now(UTC).replace(hour=8, minute=5, second=0, microsecond=0), tick=True)


def let_begin(seconds: int) -> None:
    """Wait until a stretch of so many seconds (of UTC) has begun, where the next one is less than a test away."""
    left = seconds - time.time() % seconds
    if left < LONGEST_TEST and not time_machine.escape_hatch.is_travelling():
        time.sleep(left + 0.1)
