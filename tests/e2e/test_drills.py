"""The drills of benchmarks/drills.py in a small size, on a portal of their own; first what they find unguarded."""

import datetime
from collections.abc import Iterator

import pytest

from benchmarks.drill_bookings import Booker, Bookings, Entry, Row
from benchmarks.drills import DEATHS, Drill, drill_without_keys, drill_without_sweep
from tests.e2e.portal import Portal

pytestmark = [pytest.mark.e2e, pytest.mark.drill]

SUBMISSIONS = 30
BOOKINGS = 15


@pytest.fixture(scope="module")
def own_portal() -> Iterator[Portal]:
    portal = Portal.start()
    yield portal
    portal.stop()


def test_the_drill_finds_what_may_not_be_among_bookings() -> None:
    start = datetime.datetime(2031, 3, 3, 9, tzinfo=datetime.UTC)
    half_hour = datetime.timedelta(minutes=30)
    people = {"doctor": "doctor@example.org", "ines": "ines@example.org"}
    patients = [Booker(f"{name}@example.org", name, "", is_booked=True) for name in ("ada", "bea", "eva")]

    def row(name: str, patient: str, at: datetime.datetime, interpreter: str | None = None) -> Row:
        return Row(name, patient, "confirmed", at, at + half_hour, "doctor", interpreter)

    def mailed(booking: str, *to: str) -> list[Entry]:
        return [Entry(f"<{booking}{number}>", each, booking, "REQUEST") for number, each in enumerate(to)]

    good = Bookings(patients[:2], people, [row("1", "ada", start), row("2", "bea", start + half_hour, "ines")])
    good.entries = mailed("1", "ada@example.org", *list(people.values())[:1])
    good.entries += mailed("2", "bea@example.org", *people.values())
    bad = Bookings(patients, people, [row("1", "ada", start), row("2", "bea", start, "ines"), row("3", "bea", start)])
    bad.entries = mailed("1", "ada@example.org", "ada@example.org") + mailed("9", "eva@example.org")

    assert [good.lost, good.doubled, good.mails_lost, good.mails_doubled] == [[], [], [], []]
    assert bad.lost == ["eva@example.org"]
    assert bad.doubled == ["bea", "1 meets 2", "1 meets 3", "2 meets 3"]
    assert "1 doctor@example.org" in bad.mails_lost
    assert bad.mails_doubled == ["1 ada@example.org", "in vain: 9 eva@example.org"]


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
    drill.settle()

    assert set(drill.deaths) == set(DEATHS)
    assert drill.faults == [[]] * len(drill.faults)
    assert len(drill.bookings.confirmed) == BOOKINGS
    assert sum(sent.pressed_again for sent in drill.sent) > 0
    assert sum(booker.pressed_again for booker in drill.bookings.booked) > 0
