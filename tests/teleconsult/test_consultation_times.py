"""Page, mail, calendar entry and paper tell one time, on every clock, across every change of the clocks to 2030."""

import datetime
import uuid
from io import StringIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from dateutil import tz
from django.conf import settings
from django.utils import translation
from hypothesis import assume, given
from hypothesis import strategies as st
from icalendar import Calendar
from psycopg.types.range import TimestamptzRange

from facilities.models import Facility
from notifications.models import OutboxMessage
from notifications.sending import build
from teleconsult import appointment_sheet, calendar_files, clock, slots
from teleconsult.appointments import Appointment
from teleconsult.calendar_files import Method
from teleconsult.consultation_mails import News
from teleconsult.models import Booking, Request
from teleconsult.slots import Place, Window
from tests.teleconsult import consulting

MILAN = "Europe/Rome"
ZONES = [
    "Africa/Cairo",
    "Africa/Casablanca",
    "America/New_York",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/St_Johns",
    "America/Havana",
    "Asia/Beirut",
    "Asia/Dubai",
    "Asia/Jerusalem",
    "Asia/Kathmandu",
    "Asia/Shanghai",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Europe/London",
    "Europe/Moscow",
    "Pacific/Apia",
    "Pacific/Chatham",
]
FIRST = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
LAST = datetime.datetime(2030, 12, 31, tzinfo=datetime.UTC)
HALF_HOUR = datetime.timedelta(minutes=30)
QUARTER = datetime.timedelta(minutes=15)


def changes(zone: str) -> list[datetime.datetime]:
    return clock.changes_between(zone, FIRST, LAST)


CHANGES = {zone: changes(zone) for zone in [MILAN, *ZONES]}
# Quarter hours within three days of some change of the clocks, and any other.
near_a_change = st.sampled_from([at for found in CHANGES.values() for at in found]).flatmap(
    lambda at: st.integers(-288, 288).map(lambda steps: at + steps * QUARTER)
)
any_time = st.integers(0, int((LAST - FIRST) / QUARTER)).map(lambda steps: FIRST + steps * QUARTER)
moments = st.one_of(near_a_change, any_time)
zones = st.sampled_from(ZONES)
languages = st.sampled_from([code for code, _name in settings.LANGUAGES])


def booking_at(start: datetime.datetime, zone: str = MILAN, patient_zone: str = "Asia/Dubai", **fields: Any) -> Booking:
    """Return a consultation that no database has seen."""
    request = Request(reference="HL-7K3M-9QXA-7", zone=patient_zone, language="en")
    end = start + HALF_HOUR
    here = ZoneInfo(zone)
    return Booking(
        id=uuid.UUID(int=7),
        request=request,
        status="confirmed",
        period=TimestamptzRange(start, end),
        zone=zone,
        promised_on=start.astimezone(here).date(),
        promised_start=start.astimezone(here).time(),
        promised_end=end.astimezone(here).time(),
        patient_language="en",
        visit_language="en",
        **fields,
    )


def walls(start: datetime.datetime, *names: str) -> list[tuple[str, str, str]]:
    """Return place, time and distance from UTC, worked out without the code under test."""
    found = []
    for name in dict.fromkeys(names):
        begins, ends = (moment.astimezone(ZoneInfo(name)) for moment in (start, start + HALF_HOUR))
        minutes = round(begins.utcoffset().total_seconds() / 60)
        sign = "" if not minutes else f"{'+' if minutes > 0 else '−'}{abs(minutes) // 60}"
        rest = f":{abs(minutes) % 60:02}" if minutes % 60 else ""
        found.append((name, f"{begins:%H:%M}–{ends:%H:%M}", f"UTC{sign}{rest}"))
    return found


@given(start=moments, zone=zones)
def test_the_helper_tells_what_the_clocks_show(start: datetime.datetime, zone: str):
    spans = clock.spans(start, start + HALF_HOUR, zone, MILAN)

    assert [(span.zone, span.time, span.offset) for span in spans] == walls(start, zone, MILAN)


@given(start=moments, zone=zones, place=zones, language=languages)
def test_calendar_entry_page_and_paper_agree(start: datetime.datetime, zone: str, place: str, language: str):
    # Slots are offered only where each clock tells them once.
    assume(slots.is_plain(start, start + HALF_HOUR, place))
    booking = booking_at(start, place, zone, city="Example City", country="AE")
    booking.facility = Facility(official_name="Ospedale Esempio")

    with time_machine.travel(start - datetime.timedelta(days=40)), translation.override(language):
        text = calendar_files.entry(
            booking,
            method=Method.REQUEST,
            language=language,
            zone=zone,
            page_url="https://x.example/",
            attendee="a@b.c",
        )
        page = Appointment(booking, zone, start - datetime.timedelta(days=40))
        paper = appointment_sheet.data_of(page, language)
        words = calendar_files.times_in_words(booking, zone)

    event = Calendar.from_ical(text).walk("VEVENT")[0]
    assert event.decoded("dtstart").astimezone(datetime.UTC) == start
    assert event.decoded("dtend").astimezone(datetime.UTC) == start + HALF_HOUR
    expected = [(time, offset) for _zone, time, offset in walls(start, zone, MILAN, place)]
    assert [(span.time, span.offset) for span in page.clocks] == expected
    assert [(line["time"], line["offset"]) for line in paper["clocks"]] == expected
    description = str(event["description"])
    for (time, offset), line in zip(expected, words, strict=True):
        assert time in line
        assert offset in line
        assert line in description


@given(start=moments, place=zones)
def test_a_program_that_reads_the_zone_of_the_entry_finds_the_same_moment(start: datetime.datetime, place: str):
    """Reads VTIMEZONE by the letter of RFC 5545 and with another library, as calendars do that know no zones."""
    booking = booking_at(start, place)
    text = calendar_files.entry(
        booking, method=Method.REQUEST, language="en", zone=place, page_url="https://x.example/", attendee="a@b.c"
    )
    event = Calendar.from_ical(text).walk("VEVENT")[0]
    zone_text = text[text.index("BEGIN:VTIMEZONE") : text.index("END:VTIMEZONE") + len("END:VTIMEZONE")]
    wall = event["dtstart"].to_ical().decode()
    assume(slots.is_plain(start, start + HALF_HOUR, place))

    read = tz.tzical(StringIO(f"BEGIN:VCALENDAR\r\n{zone_text}\r\nEND:VCALENDAR\r\n")).get()
    moment = datetime.datetime.strptime(wall, "%Y%m%dT%H%M%S").replace(tzinfo=read)

    assert moment.astimezone(datetime.UTC) == start
    assert by_the_letter(zone_text, datetime.datetime.strptime(wall, "%Y%m%dT%H%M%S")) == {start}


def by_the_letter(zone_text: str, wall: datetime.datetime) -> set[datetime.datetime]:
    """Return the moments at which clocks show a time: an onset is a time of the clocks before it (3.6.5)."""
    parts = Calendar.from_ical(f"BEGIN:VCALENDAR\r\n{zone_text}\r\nEND:VCALENDAR\r\n").walk("VTIMEZONE")[0]
    onsets = []
    for part in parts.subcomponents:
        old, new = part["tzoffsetfrom"].td, part["tzoffsetto"].td
        onsets.append((part["dtstart"].dt.replace(tzinfo=datetime.UTC) - old, new))
    found = set()
    for _onset, offset in onsets:
        moment = wall.replace(tzinfo=datetime.UTC) - offset
        in_force = [new for onset, new in sorted(onsets) if onset <= moment]
        if in_force and in_force[-1] == offset:
            found.add(moment)
    return found


@pytest.mark.parametrize("zone", [MILAN, *ZONES])
def test_every_change_to_2030_is_found(zone: str):
    here = ZoneInfo(zone)
    step, day = datetime.timedelta(minutes=15), FIRST
    found = []
    while day < LAST:
        if (day + step).astimezone(here).utcoffset() != day.astimezone(here).utcoffset():
            found.append(day + step)
        day += step

    assert CHANGES[zone] == found


@given(start=near_a_change, zone=zones, ahead=st.integers(1, 200))
def test_a_change_before_the_consultation_is_warned_of(start: datetime.datetime, zone: str, ahead: int):
    now = start - datetime.timedelta(days=ahead)
    expected = [at for name in (zone, MILAN) for at in CHANGES[name] if now < at <= start]
    if now < FIRST or start > LAST:
        return

    warned = clock.changes_before(start, [zone, MILAN], now)

    assert sorted(expected) == [change.at for change in warned]


# --- slots around a change ---


def starts(window: Window, *names: str) -> list[datetime.datetime]:
    """Return what a window offers on these clocks."""
    return [
        start
        for start in slots._starts(window, HALF_HOUR)
        if all(slots.is_plain(start, start + HALF_HOUR, name) for name in names)
    ]


@pytest.mark.parametrize("zone", [zone for zone in [MILAN, *ZONES] if CHANGES[zone]])
def test_no_slot_in_the_gap_and_none_in_the_fold(zone: str):
    here = ZoneInfo(zone)
    for at in CHANGES[zone]:
        day = at.astimezone(here).date()
        whole_day = Window(
            slots.instant(day - slots.ONE_DAY, datetime.time.min, zone),
            slots.instant(day + 2 * slots.ONE_DAY, datetime.time.min, zone),
            Place(zone),
        )
        offered = starts(whole_day, zone)
        shown = [start.astimezone(here).replace(tzinfo=None) for start in offered]

        for start, wall in zip(offered, shown, strict=True):
            end = (start + HALF_HOUR).astimezone(here).replace(tzinfo=None)
            assert end - wall == HALF_HOUR
            assert {wall.replace(tzinfo=here, fold=time).astimezone(datetime.UTC) for time in (0, 1)} == {start}


@pytest.mark.parametrize("zone", [MILAN, "America/New_York", "Australia/Lord_Howe"])
def test_no_time_across_a_change_is_offered_on_the_clocks_of_place_and_patient(zone: str, facility: Facility):
    doctor = consulting.add_specialist(facility, "en", hours=False)
    consulting.add_hours(doctor, 0, 23)
    case = consulting.make_bookable(doctor, zone="Asia/Dubai" if zone == MILAN else zone)
    for change in [at for at in CHANGES[zone] if at.year == 2028]:
        with time_machine.travel(change - 5 * slots.ONE_DAY, tick=False):
            offered = [slot for slot in consulting.free(case) if abs(slot.start - change) < slots.ONE_DAY]
            working = slots.windows_of(doctor.pk, change - slots.ONE_DAY, change + slots.ONE_DAY)

        assert any(window.start < change < window.end for window in working)
        assert offered
        assert all(slots.is_plain(slot.start, slot.end, zone) for slot in offered)


@given(zone=zones, day=st.dates(FIRST.date(), LAST.date()), quarter=st.integers(0, 95))
def test_a_wall_time_is_the_moment_at_which_clocks_first_show_it_or_pass_it(
    zone: str, day: datetime.date, quarter: int
):
    time = (datetime.datetime.min + quarter * QUARTER).time()
    here = ZoneInfo(zone)

    moment = slots.instant(day, time, zone)

    wall = datetime.datetime.combine(day, time)
    shown = moment.astimezone(here).replace(tzinfo=None)
    before = (moment - datetime.timedelta(seconds=1)).astimezone(here).replace(tzinfo=None)
    assert before < wall <= shown


# --- the entry ---


def event_of(booking: Booking, method: Method = Method.REQUEST, **fields: Any) -> Any:
    values = {"language": "en", "zone": "Asia/Dubai", "page_url": "https://x.example/", "attendee": "a@b.c"} | fields
    calendar = Calendar.from_ical(calendar_files.entry(booking, method=method, **values))
    assert str(calendar["method"]) == method
    return calendar.walk("VEVENT")[0]


START = datetime.datetime(2027, 4, 6, 12, tzinfo=datetime.UTC)


def test_an_update_moves_the_entry_and_a_cancellation_removes_it():
    booking = booking_at(START)
    first = event_of(booking)
    booking.period, booking.sequence = TimestamptzRange(START + HALF_HOUR, START + 2 * HALF_HOUR), 1
    moved = event_of(booking)
    booking.status, booking.sequence = "cancelled", 2
    gone = event_of(booking, Method.CANCEL)

    assert first["uid"] == moved["uid"] == gone["uid"]
    assert [int(event["sequence"]) for event in (first, moved, gone)] == [0, 1, 2]
    assert [str(event["status"]) for event in (first, moved, gone)] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]
    assert moved.decoded("dtstart") == START + HALF_HOUR


def test_an_entry_has_an_alarm_an_hour_before_and_names_no_one_else():
    event = event_of(booking_at(START))

    alarm = event.walk("VALARM")[0]
    assert alarm.decoded("trigger") == datetime.timedelta(hours=-1)
    assert str(event["summary"]) == "Health Lombardy: video consultation HL-7K3M-9QXA-7"
    assert str(event["attendee"]) == "mailto:a@b.c"
    assert event["dtstart"].params["tzid"] == MILAN
    assert not event_of(booking_at(START), Method.CANCEL).walk("VALARM")


def test_an_entry_to_keep_invites_nobody():
    assert "attendee" not in event_of(booking_at(START), Method.PUBLISH, attendee="")


@pytest.mark.parametrize("language", [code for code, _name in settings.LANGUAGES])
def test_lines_are_folded_as_the_standard_says(language: str):
    text = calendar_files.entry(
        booking_at(START), method=Method.REQUEST, language=language, zone="Asia/Dubai", page_url="https://x.example/"
    )

    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    assert "\n" not in text.replace("\r\n", "")


# --- the mail ---


@pytest.mark.parametrize("language", [code for code, _name in settings.LANGUAGES])
@pytest.mark.parametrize("news", list(News))
def test_the_mail_tells_the_same_times(language: str, news: News):
    for at in CHANGES[MILAN][2:4]:
        start = at + datetime.timedelta(days=1, hours=9)
        row = OutboxMessage(
            kind="teleconsult/mail/consultation",
            language=language,
            zone="America/New_York",
            message_id="<a@b>",
            attachments=[],
        )
        row.to = "patient@example.org"
        row.context = {
            "news": str(news),
            "afterwards": "choose",
            "reference": "HL-7K3M-9QXA-7",
            "starts_at": {"$at": start.isoformat()},
            "ends_at": {"$at": (start + HALF_HOUR).isoformat()},
            "place_zone": MILAN,
            "city": "",
            "is_remote": True,
            "clock_zone": "America/New_York",
            "sign_in_url": "https://x.example/",
        }
        with time_machine.travel(start - datetime.timedelta(days=3)):
            mail = build(row)

        for body in (mail.body, mail.alternatives[0].content):
            for _zone, time, offset in walls(start, "America/New_York", MILAN):
                assert time in body
                assert offset in body


def test_the_invitation_is_a_calendar_part_of_the_mail():
    text = calendar_files.entry(
        booking_at(START), method=Method.REQUEST, language="ar", zone="Asia/Dubai", page_url="https://x.example/"
    )
    row = OutboxMessage(kind="teleconsult/mail/consultation", language="ar", zone="Asia/Dubai", message_id="<a@b>")
    row.to = "patient@example.org"
    row.attachments = [
        {"name": "consultation.ics", "content_type": calendar_files.content_type(Method.REQUEST), "text": text}
    ]
    row.context = {
        "news": "confirmed",
        "reference": "HL-7K3M-9QXA-7",
        "starts_at": {"$at": START.isoformat()},
        "ends_at": {"$at": (START + HALF_HOUR).isoformat()},
        "clock_zone": "Asia/Dubai",
        "place_zone": MILAN,
        "city": "",
        "is_remote": True,
        "sign_in_url": "https://x.example/",
    }

    parts = [part for part in build(row).message().walk() if part.get_content_type() == "text/calendar"]

    assert [part.get_param("method") for part in parts] == ["REQUEST"]
    assert parts[0].get_param("charset").lower() == "utf-8"
    sent = Calendar.from_ical(parts[0].get_payload(decode=True))
    assert sent.walk("VEVENT")[0].decoded("dtstart") == START
