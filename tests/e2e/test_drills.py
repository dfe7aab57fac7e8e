"""The drills of benchmarks/drills.py in a small size, on a portal of their own; first what they find unguarded."""

from collections.abc import Iterator

import pytest

from benchmarks.drills import DEATHS, Drill, drill_without_keys, drill_without_sweep
from tests.e2e.portal import Portal

pytestmark = [pytest.mark.e2e, pytest.mark.drill]

SUBMISSIONS = 30
BOOKINGS = 15
# A mail is late by the sweep's half minute and the worker's pause before it starts again, longer with each death.
SETTLE_SECONDS = 240


@pytest.fixture(scope="module")
def own_portal() -> Iterator[Portal]:
    portal = Portal.start()
    yield portal
    portal.stop()


def test_a_form_without_its_key_would_be_kept_twice(own_portal: Portal) -> None:
    drill = drill_without_keys(own_portal, 6)

    assert drill.doubled


def test_without_the_sweep_mails_would_be_missing_until_it_wakes(own_portal: Portal) -> None:
    missing, drill = drill_without_sweep(own_portal, 6, 3)

    assert missing.mails_lost
    assert missing.bookings.mails_lost
    assert (drill.mails_lost, drill.lost) == ([], [])
    assert (drill.bookings.mails_lost, drill.bookings.lost) == ([], [])


def test_nothing_is_lost_and_nothing_doubled_when_parts_die(own_portal: Portal) -> None:
    drill = Drill(own_portal)

    drill.run(SUBMISSIONS, BOOKINGS)
    drill.settle(SETTLE_SECONDS)

    assert set(drill.deaths) == set(DEATHS)
    assert drill.faults == [[]] * len(drill.faults)
    assert len(drill.bookings.confirmed) == BOOKINGS
    assert sum(sent.pressed_again for sent in drill.sent) > 0
    assert sum(booker.pressed_again for booker in drill.bookings.booked) > 0
