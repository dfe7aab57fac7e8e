import datetime
from datetime import timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from facilities.enums import Province
from teleconsult import clock
from teleconsult.clock import MILAN, Stop
from teleconsult.enums import DayKind, WaitingFor

moments = st.datetimes(
    datetime.datetime(2025, 1, 1), datetime.datetime(2030, 12, 31), timezones=st.sampled_from([datetime.UTC, MILAN])
)
provinces = st.sampled_from(Province.values)
promises = st.integers(1, 30)


def rome(*parts: int) -> datetime.datetime:
    return datetime.datetime(*parts, tzinfo=MILAN)


def a_request(**fields: object) -> SimpleNamespace:
    """Return what the clock reads of a request, on Monday 2 March 2026."""
    pauses = fields.pop("pauses", [])
    values = {
        "clock_started_at": rome(2026, 3, 2, 10),
        "promised_days": 5,
        "clock_province": "MI",
        "due_at": rome(2026, 3, 9, 18),
        "paused_since": None,
        "closed_at": None,
        "is_open": True,
        "waiting_for": "",
        "pauses": SimpleNamespace(all=lambda: pauses),
    }
    return SimpleNamespace(**values | fields)


def test_five_working_days_skip_the_weekend():
    assert clock.due_at(rome(2026, 3, 2, 10), 5, "MI") == rome(2026, 3, 9, 18)


def test_the_day_of_the_start_does_not_count_even_in_the_last_minute():
    assert clock.due_at(rome(2026, 3, 2, 23, 59), 1, "MI") == rome(2026, 3, 3, 18)
    assert clock.due_at(rome(2026, 3, 3, 0, 0), 1, "MI") == rome(2026, 3, 4, 18)


@pytest.mark.parametrize(
    ("day", "province", "works"),
    [
        (datetime.date(2026, 12, 7), "MI", False),  # Sant'Ambrogio, Milan
        (datetime.date(2026, 12, 7), "BG", True),
        (datetime.date(2026, 8, 26), "BG", False),  # Sant'Alessandro, Bergamo
        (datetime.date(2026, 4, 6), "MI", False),  # Easter Monday
        (datetime.date(2026, 8, 15), "MI", False),
        (datetime.date(2026, 6, 2), "SO", False),
        (datetime.date(2026, 3, 7), "MI", False),  # Saturday
        (datetime.date(2026, 3, 9), "MI", True),
    ],
)
def test_each_province_keeps_its_holidays(day: datetime.date, province: str, works: bool):
    assert clock.is_working_day(day, province) is works


@pytest.mark.parametrize("province", Province.values)
def test_every_province_keeps_the_national_holidays(province: str):
    year = [datetime.date(2026, 1, 1) + timedelta(days=number) for number in range(365)]
    weekdays = [day for day in year if day.weekday() < 5]

    closed = {day for day in weekdays if not clock.is_working_day(day, province)}

    # Of the national holidays of 2026 seven fall on Monday to Friday; a patron may fall on a Sunday.
    assert len(closed) in {7, 8}
    assert datetime.date(2026, 1, 6) in closed


@given(moments, promises, provinces)
def test_a_promise_ends_at_18_in_milan_on_a_working_day(started: datetime.datetime, days: int, province: str):
    due = clock.due_at(started, days, province)

    assert (due.hour, due.minute, due.tzinfo) == (18, 0, MILAN)
    assert clock.is_working_day(due.date(), province)
    assert due > started
    assert clock.days_used(started, due, province) == days
    assert clock.days_used(started, due - timedelta(minutes=1), province) == days - 1


@given(moments, promises, provinces)
def test_a_longer_promise_ends_later(started: datetime.datetime, days: int, province: str):
    assert clock.due_at(started, days + 1, province) > clock.due_at(started, days, province)


@given(moments, promises, provinces, st.integers(0, 40 * 24), st.integers(0, 40 * 24))
def test_a_pause_never_brings_the_day_nearer_and_costs_at_most_its_working_days(
    started: datetime.datetime, days: int, province: str, after: int, hours: int
):
    since = started + timedelta(hours=after)
    stop = Stop(since, since + timedelta(hours=hours))

    plain, paused = clock.due_at(started, days, province), clock.due_at(started, days, province, [stop])
    swallowed = sum(
        clock.is_working_day(day, province) and stop.covers(clock.closing_of(day))
        for day in (since.astimezone(MILAN).date() + timedelta(days=number) for number in range(hours // 24 + 2))
    )

    assert paused >= plain
    assert clock.days_used(started, paused, province, [stop]) == days
    assert paused <= clock.due_at(started, days + swallowed, province)


@given(moments, promises, provinces, st.lists(st.tuples(st.integers(0, 500), st.integers(0, 200)), max_size=4))
def test_used_days_only_grow(started: datetime.datetime, days: int, province: str, pauses: list[tuple[int, int]]):
    stops = [
        Stop(started + timedelta(hours=after), started + timedelta(hours=after + hours)) for after, hours in pauses
    ]
    used = [clock.days_used(started, started + timedelta(hours=step), province, stops) for step in range(0, 400, 7)]

    assert used == sorted(used)


@pytest.mark.parametrize("change", [rome(2026, 3, 27, 12), rome(2026, 10, 23, 12)])
def test_a_clock_change_moves_no_hour(change: datetime.datetime):
    due = clock.due_at(change, 3, "MI")

    assert (due.hour, due.date() - change.date()) == (18, timedelta(days=5))
    assert due.utcoffset() != change.utcoffset()


def test_a_day_counts_when_the_clock_runs_at_18():
    over_the_evening = Stop(rome(2026, 3, 3, 17), rome(2026, 3, 3, 18, 1))
    during_the_day = Stop(rome(2026, 3, 3, 9), rome(2026, 3, 3, 17))

    assert clock.due_at(rome(2026, 3, 2, 10), 1, "MI", [over_the_evening]) == rome(2026, 3, 4, 18)
    assert clock.due_at(rome(2026, 3, 2, 10), 1, "MI", [during_the_day]) == rome(2026, 3, 3, 18)


def test_less_than_a_day_is_no_promise():
    with pytest.raises(ValueError, match="at least one"):
        clock.due_at(rome(2026, 3, 2, 10), 0, "MI")


def test_progress_tells_each_day():
    pause = SimpleNamespace(since=rome(2026, 3, 4, 9), until=rome(2026, 3, 5, 9), waiting_for=WaitingFor.DOCUMENT)
    request = a_request(pauses=[pause], due_at=rome(2026, 3, 10, 18))

    progress = clock.progress(request, rome(2026, 3, 6, 12))

    assert [day.kind for day in progress.days] == [
        DayKind.DONE,
        DayKind.PAUSED,
        DayKind.DONE,
        DayKind.LEFT,
        DayKind.CLOSED,
        DayKind.CLOSED,
        DayKind.LEFT,
        DayKind.DUE,
    ]
    assert [day.date.day for day in progress.days if day.is_today] == [6]
    assert (progress.left, progress.used, progress.due_at) == (3, 2, rome(2026, 3, 10, 18))
    assert not progress.is_late


def test_while_it_pauses_the_due_day_moves_on():
    request = a_request(paused_since=rome(2026, 3, 4, 9))

    early = clock.progress(request, rome(2026, 3, 4, 12))
    later = clock.progress(request, rome(2026, 3, 20, 12))

    assert early.due_at < later.due_at
    assert early.left == later.left == 4
    assert not later.is_late
    assert later.days[-1].kind == DayKind.DUE


def test_late_days_are_told():
    request = a_request()

    progress = clock.progress(request, rome(2026, 3, 11, 12))

    assert progress.is_late
    assert progress.left == 0
    assert [day.kind for day in progress.days[-3:]] == [DayKind.DONE, DayKind.LATE, DayKind.LATE]


def test_nothing_is_counted_where_nothing_is_promised():
    request = a_request(clock_started_at=None, promised_days=None, due_at=None)

    assert clock.progress(request) is None
    assert clock.days_left(request) is None


def test_two_clocks_show_one_moment():
    clocks = clock.two_clocks(rome(2026, 3, 9, 18), "Asia/Dubai")

    assert [(item.time, item.offset) for item in clocks] == [("21:00", "UTC+4"), ("18:00", "UTC+1")]
    assert clocks[0].moment == clocks[1].moment
    assert [item.time for item in clock.two_clocks(rome(2026, 3, 9, 18), "Europe/Rome")] == ["18:00"]


@pytest.mark.parametrize(
    ("zone", "offset"),
    [("Asia/Kolkata", "UTC+5:30"), ("America/New_York", "UTC−4"), ("UTC", "UTC"), ("Asia/Kathmandu", "UTC+5:45")],
)
def test_offsets_are_written_out(zone: str, offset: str):
    assert clock.offset_of(rome(2026, 7, 1, 12).astimezone(ZoneInfo(zone))) == offset


@pytest.mark.parametrize("language", ["en", "it", "ar", "zh-hans", "es", "fr", "de", "ru"])
def test_places_and_days_speak_the_language(language: str):
    with translation.override(language):
        item = clock.Clock.at(rome(2026, 3, 9, 18), "Asia/Dubai")
        day = clock.Day(datetime.date(2026, 3, 9), DayKind.LEFT)

        assert item.place
        assert item.place != "Asia/Dubai"
        assert "2026" in item.date
        assert day.weekday
        assert str(DayKind.LEFT.label) in day.text


@pytest.mark.parametrize(
    ("language", "whole", "short"),
    [("fr", "lundi 1er mars 2027", "lun. 1er mars"), ("it", "lunedì 1º marzo 2027", "lun 1º mar")],
)
def test_a_clock_says_the_first_of_the_month_as_one_does(language: str, whole: str, short: str) -> None:
    face = clock.Clock.at(rome(2027, 3, 1, 18), "Europe/Rome")

    with translation.override(language):
        assert (face.date, face.short_date) == (whole, short)
