"""The pages of the live consultation: of the patient, of the desk, of the interpreter."""

import datetime
import re
import uuid
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from facilities.models import Facility
from teleconsult import workflow
from teleconsult.enums import BookingStatus, Role
from teleconsult.models import AvailabilityRule, Booking, Interpreter, Request, WaitingEntry
from teleconsult.permissions import Actor
from tests.accounts.factories import sign_in
from tests.teleconsult import consulting
from tests.teleconsult.browsing import Browser, Page
from vault.trail import Action, TrailEntry

pytestmark = pytest.mark.django_db
CHOOSE = "my-request/consultation/"
PARTS = ["", "confirm/", "move/", "cancel/", "room/", "consultation.ics", "appointment.pdf"]


@pytest.fixture
def case(doctor: User) -> Request:
    return consulting.make_bookable(doctor)


@pytest.fixture
def browser(case: Request) -> Browser:
    return Browser().sign_in(case)


def at(booking: Booking, part: str = "") -> str:
    return f"{CHOOSE}{booking.pk}/{part}"


def keys(page: Page) -> list[str]:
    return re.findall(r'name="slot" value="([^"]+)"', page.main)


# --- the patient ---


def test_the_request_leads_to_a_time_on_both_clocks(browser: Browser, case: Request):
    page = browser.open("my-request/")
    assert "Choose a time" in page.words

    page = browser.open(CHOOSE)

    assert page.status == 200
    assert keys(page)
    assert "Dubai, UTC+4" in page.words
    assert re.search(r"Milan, UTC\+[12]", page.words)
    assert page.response["Cache-Control"] == "no-store"


def test_hold_confirm_move_cancel(browser: Browser, case: Request):
    choice = browser.open(CHOOSE)
    held = choice.send(slot=keys(choice)[0])
    assert "We keep it for you for 10 more minutes" in held.words
    booking = Booking.objects.get()
    assert booking.status == BookingStatus.HELD

    booked = browser.post(at(booking, "confirm/"), **held.hidden)
    assert "Your consultation is booked" in booked.words
    assert "Confirmed" in booked.words

    choice = browser.open(at(booking, "move/"))
    moved = choice.send(slot=keys(choice)[1])
    assert "has a new time" in moved.words

    question = browser.open(at(booking, "cancel/"))
    assert "Do you want to cancel" in question.words
    ended = question.send()
    assert "The consultation is cancelled" in ended.words
    booking.refresh_from_db()
    assert booking.status == BookingStatus.CANCELLED
    assert (booking.version, booking.sequence) == (4, 2)


def test_no_get_changes_anything(browser: Browser, case: Request):
    booked = consulting.book(case)
    before = Booking.objects.values().get()

    for part in PARTS:
        browser.client.get(browser.address(at(booked, part)))
        browser.client.head(browser.address(at(booked, part)))
    for page in (CHOOSE, f"{CHOOSE}wait/"):
        browser.client.get(browser.address(page))

    assert Booking.objects.values().get() == before
    assert not WaitingEntry.objects.exists()


def test_a_time_that_is_gone_is_said_in_words(browser: Browser, case: Request, doctor: User):
    choice = browser.open(CHOOSE)
    taken = keys(choice)[0]
    consulting.book(consulting.make_bookable(doctor), next(s for s in consulting.free(case) if s.key == taken))

    page = choice.send(slot=taken)

    assert "This time is no longer free" in page.words
    assert taken not in keys(page)
    assert not Booking.objects.filter(request=case).exists()


@pytest.mark.parametrize("slot", ["", "x", "\x00", "9" * 5000, "20300101T0900Z-remote", "<script>"])
def test_what_is_no_slot_is_refused_in_words(browser: Browser, slot: str):
    page = browser.post(CHOOSE, slot=slot, idempotency_key="no")

    assert page.status == 200
    assert "no longer free" in page.words


@pytest.mark.parametrize("day", ["2030-02-30", "\x00", "x" * 3000, "2999-01-01"])
def test_a_day_that_is_none_shows_the_first_free_one(browser: Browser, day: str):
    assert browser.client.get(browser.address(CHOOSE), {"day": day}).status_code == 200


def test_the_waiting_list(browser: Browser, case: Request):
    AvailabilityRule.objects.all().delete()
    page = browser.open(CHOOSE)
    assert "No time is free at the moment" in page.words

    page = browser.post(f"{CHOOSE}wait/")
    assert "You are on the waiting list" in page.words
    page = browser.post(f"{CHOOSE}wait/", leave="1")

    assert "no longer on the waiting list" in page.words
    assert WaitingEntry.objects.get().left_at is not None


def test_languages_that_do_not_meet_are_said(facility: Facility):
    case = consulting.make_bookable(consulting.add_specialist(facility, "it"), language="ar")

    page = Browser().sign_in(case).open(CHOOSE)

    assert "looking for the right languages" in page.words


def test_the_room_opens_fifteen_minutes_before(browser: Browser, case: Request, settings: Any):
    settings.VIDEO_URL, settings.VIDEO_SECRET = "https://meet.example.org", "s" * 40
    booked = consulting.book(case)
    assert "15 minutes before" in browser.open(at(booked)).words

    early = browser.post(at(booked, "room/"))
    assert "The video room opens 15 minutes before" in early.words
    assert booked.room not in early.html
    with time_machine.travel(booked.starts_at - datetime.timedelta(minutes=14)):
        page = Browser().sign_in(case).post(at(booked, "room/"))

    assert f"https://meet.example.org/{booked.room}?jwt=" in page.html
    assert page.response["Cache-Control"] == "no-store"
    assert TrailEntry.objects.of_case(case).filter(detail="room").count() == 1


def test_without_a_video_service_the_page_says_how_people_meet(browser: Browser, case: Request, settings: Any):
    settings.VIDEO_URL = ""

    assert "by phone or by video" in browser.open(at(consulting.book(case))).words


def test_files_to_keep(browser: Browser, case: Request):
    booked = consulting.book(case)

    entry = browser.client.get(browser.address(at(booked, "consultation.ics")))
    sheet = browser.client.get(browser.address(at(booked, "appointment.pdf")))

    assert entry["Content-Type"].startswith("text/calendar")
    assert b"METHOD:PUBLISH" in entry.content
    assert sheet.content.startswith(b"%PDF")
    assert {entry["Cache-Control"], sheet["Cache-Control"]} == {"no-store"}


@pytest.mark.parametrize("part", PARTS)
def test_another_patients_consultation_is_not_found(case: Request, doctor: User, part: str):
    booked = consulting.book(case)
    other = Browser().sign_in(consulting.make_bookable(doctor))

    for send in (other.client.get, other.client.post):
        assert send(other.address(at(booked, part))).status_code in {404, 405}
    assert TrailEntry.objects.filter(case_id=case.pk, action=Action.REFUSED, detail="consultation").exists()
    booked.refresh_from_db()
    assert booked.is_confirmed


def test_without_a_session_nothing_opens(case: Request):
    booked = consulting.book(case)

    for part in PARTS:
        page = Browser().open(at(booked, part))
        assert page.path == "/en/my-request/"


@pytest.mark.parametrize("language", ["ar", "de", "zh-hans"])
def test_the_pages_in_other_languages(case: Request, language: str):
    Request.objects.filter(pk=case.pk).update(language="en")
    booked = consulting.book(case)
    browser = Browser(language).sign_in(case)

    for page in ("my-request/", at(booked), at(booked, "move/"), at(booked, "cancel/")):
        assert browser.open(page).status == 200
    assert browser.client.get(browser.address(at(booked, "appointment.pdf"))).content.startswith(b"%PDF")


def test_queries_do_not_grow_with_the_times(browser: Browser, case: Request, doctor: User):
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            browser.open(CHOOSE)
        return len(queries)

    count()
    few = count()
    for slot in consulting.free(case)[:3]:
        consulting.book(consulting.make_bookable(doctor), slot)
    consulting.add_hours(doctor, 18, 22)

    assert count() == few
    assert few <= 26


# --- the desk ---


def desk(user: User) -> Client:
    return sign_in(Client(), user)


def text_of(client: Client, url: str) -> str:
    response = client.get(url, follow=True)
    assert response.status_code == 200, url
    return response.content.decode()


def test_the_agenda_of_each_role(facility: Facility, coordinator: User, facility_office: User):
    doctor = consulting.add_specialist(facility, "it")
    interpreter = consulting.add_interpreter(("ar", "it")).user
    booked = consulting.book(consulting.make_bookable(doctor, language="ar"))
    reference = booked.request.reference

    for person in (coordinator, facility_office, doctor, interpreter):
        client = desk(person)
        assert reference in text_of(client, reverse("desk:consultations"))
        page = text_of(client, reverse("desk:consultation", args=[booked.pk]))
        assert "Dubai" in page or person == interpreter
        assert "Milan" in page


def test_the_interpreter_sees_time_language_and_room_and_no_document(facility: Facility, settings: Any):
    settings.VIDEO_URL, settings.VIDEO_SECRET = "https://meet.example.org", "s" * 40
    doctor = consulting.add_specialist(facility, "it")
    interpreter = consulting.add_interpreter(("ar", "it")).user
    booked = consulting.book(consulting.make_bookable(doctor, language="ar"))
    case = booked.request
    client = desk(interpreter)

    assert client.get(reverse("desk:queue")).url == reverse("desk:consultations")
    page = text_of(client, reverse("desk:consultation", args=[booked.pk]))
    assert "Arabic" in page
    assert case.question not in page
    assert case.patient_name not in page
    assert doctor.name not in page
    assert reverse("desk:case", args=[case.reference]) not in page
    for url in (
        reverse("desk:case", args=[case.reference]),
        reverse("desk:book", args=[case.reference]),
    ):
        assert client.get(url).status_code == 404
    for name in ("done", "cancel", "no_show", "late"):
        response = client.post(reverse(f"desk:consultation_{name}", args=[booked.pk]), {"seen_version": 2})
        assert response.status_code == 404
    with time_machine.travel(booked.starts_at):
        response = desk(interpreter).post(reverse("desk:consultation_room", args=[booked.pk]))
    assert booked.room in response.content.decode()


def test_only_who_takes_part_comes_into_the_room(case: Request, coordinator: User, settings: Any):
    settings.VIDEO_URL, settings.VIDEO_SECRET = "https://meet.example.org", "s" * 40
    booked = consulting.book(case)

    with time_machine.travel(booked.starts_at):
        assert desk(coordinator).post(reverse("desk:consultation_room", args=[booked.pk])).status_code == 404


def test_the_specialist_of_the_case_enters_no_room_that_is_a_colleagues(
    case: Request, doctor: User, facility: Facility, settings: Any
):
    settings.VIDEO_URL, settings.VIDEO_SECRET = "https://meet.example.org", "s" * 40
    booked = consulting.book(case)
    colleague = consulting.add_specialist(facility)
    page, room = (reverse(f"desk:{name}", args=[booked.pk]) for name in ("consultation", "consultation_room"))

    with time_machine.travel(booked.starts_at):
        assert room in text_of(desk(doctor), page)
        assert booked.room in desk(doctor).post(room).content.decode()
        case.assignments.update(specialist=colleague)
        assert room not in text_of(desk(colleague), page)
        assert desk(colleague).post(room).status_code == 404


def test_each_reading_of_a_consultation_is_in_the_trail(case: Request, doctor: User, coordinator: User):
    booked = consulting.book(case)
    for person, part in ((doctor, ""), (doctor, "consultation.ics"), (coordinator, ""), (coordinator, "move/")):
        assert desk(person).get(reverse("desk:consultation", args=[booked.pk]) + part).status_code == 200

    entries = TrailEntry.objects.of_case(case).filter(detail="consultation")
    assert [(entry.role, entry.action, entry.object_id) for entry in entries] == [
        (Role.SPECIALIST, "viewed", str(booked.pk)),
        (Role.SPECIALIST, "downloaded", str(booked.pk)),
        (Role.COORDINATOR, "viewed", str(booked.pk)),
        (Role.COORDINATOR, "viewed", str(booked.pk)),
    ]
    assert entries[0].facility_id == booked.facility_id


def test_the_specialist_records(case: Request, doctor: User):
    booked = consulting.book(case)

    with time_machine.travel(booked.starts_at + datetime.timedelta(minutes=12)):
        client = desk(doctor)
        assert "What became of it?" in text_of(client, reverse("desk:consultation", args=[booked.pk]))
        client.post(
            reverse("desk:consultation_late", args=[booked.pk]), {"seen_version": booked.version, "minutes": "12"}
        )
        client.post(reverse("desk:consultation_done", args=[booked.pk]), {"seen_version": booked.version + 1})

    booked.refresh_from_db()
    assert (booked.status, booked.minutes_late) == (BookingStatus.DONE, 12)


def test_staff_book_and_move_for_the_patient(case: Request, coordinator: User):
    client = desk(coordinator)
    url = reverse("desk:book", args=[case.reference])
    (first, *_others) = re.findall(r'name="slot" value="([^"]+)"', text_of(client, url))

    key = str(uuid.uuid4())
    for _time in range(2):
        client.post(url, {"slot": first, "idempotency_key": key})
    booked = Booking.objects.get()
    assert booked.is_confirmed
    other = consulting.free(case)[-1]
    client.post(
        reverse("desk:consultation_move", args=[booked.pk]), {"slot": other.key, "seen_version": booked.version}
    )

    booked.refresh_from_db()
    assert (booked.sequence, booked.starts_at) == (1, other.start)


@pytest.mark.parametrize("who", ["stranger", "administrator", "editor", "facility_editor"])
def test_strangers_find_nothing(case: Request, who: str, request: pytest.FixtureRequest):
    booked = consulting.book(case)
    client = desk(request.getfixturevalue(who))

    for name in ("consultation", "consultation_move", "consultation_calendar"):
        assert client.get(reverse(f"desk:{name}", args=[booked.pk])).status_code in {403, 404}
    response = client.post(reverse("desk:consultation_cancel", args=[booked.pk]), {"seen_version": booked.version})
    assert response.status_code in {403, 404}
    booked.refresh_from_db()
    assert booked.is_confirmed


def test_a_colleague_of_another_case_finds_nothing(case: Request, facility: Facility):
    booked = consulting.book(case)
    client = desk(consulting.add_specialist(facility))

    assert client.get(reverse("desk:consultation", args=[booked.pk])).status_code == 404
    assert TrailEntry.objects.filter(case_id=case.pk, action=Action.REFUSED, detail="consultation").count() == 1
    assert booked.request.reference not in text_of(client, reverse("desk:consultations"))


# --- one's own hours ---


def rule(**values: Any) -> dict[str, Any]:
    fields = {
        "weekdays": ["0", "2"],
        "starts_at": "09:00",
        "ends_at": "12:00",
        "mode": "remote",
        "first_day": timezone.localdate().isoformat(),
        "last_day": "",
    }
    return {"kind_of_line": "rule"} | {f"rule-{name}": value for name, value in (fields | values).items()}


def test_hours_are_added_once_and_removed(facility: Facility):
    doctor = consulting.add_specialist(facility, hours=False)
    client, url = desk(doctor), reverse("desk:availability")

    for _time in range(2):
        assert client.post(url, rule()).status_code == 302
    assert [row.weekday for row in AvailabilityRule.objects.filter(person=doctor)] == [0, 2]
    line = AvailabilityRule.objects.first()
    for _time in range(2):
        client.post(reverse("desk:availability_remove", args=[line.pk]), {"kind_of_line": "rule"})

    assert AvailabilityRule.objects.count() == 1
    assert "Wednesday" in text_of(client, url)


@pytest.mark.parametrize(
    "wrong",
    [
        {"starts_at": "09:07"},
        {"starts_at": "13:00"},
        {"starts_at": "x\x00"},
        {"weekdays": []},
        {"weekdays": ["9"]},
        {"first_day": "2030-02-30"},
        {"last_day": "2001-01-01"},
        {"last_day": "9999-12-31"},
        {"mode": "x" * 3000},
    ],
)
def test_wrong_hours_are_said_in_words_and_kept(facility: Facility, wrong: dict[str, Any]):
    client = desk(consulting.add_specialist(facility, hours=False))

    response = client.post(reverse("desk:availability"), rule(**wrong))

    assert response.status_code == 200
    assert "to put right" in response.content.decode()
    assert not AvailabilityRule.objects.exists()


def test_days_off_visits_and_languages(facility: Facility):
    doctor = consulting.add_specialist(facility)
    client, url, day = desk(doctor), reverse("desk:availability"), timezone.localdate().isoformat()

    off = {"kind": "off", "first_day": day, "last_day": day, "starts_at": "", "ends_at": ""}
    visit = {
        "day": day,
        "city": "Abu Dhabi",
        "country": "AE",
        "zone": "Asia/Dubai",
        "starts_at": "10:00",
        "ends_at": "12:00",
        "mode": "in_person",
    }
    for kind, fields in (("exception", off), ("visit", visit), ("languages", {"languages": ["en", "ar"]})):
        data = {"kind_of_line": kind} | {f"{kind}-{name}": value for name, value in fields.items()}
        assert client.post(url, data).status_code == 302

    assert doctor.availability_exceptions.count() == doctor.visiting_days.count() == 1
    doctor.specialist_profile.refresh_from_db()
    assert doctor.specialist_profile.languages == ["en", "ar"]
    assert "Abu Dhabi" in text_of(client, url)


def test_nobody_changes_another_persons_hours(facility: Facility, coordinator: User):
    doctor, colleague = consulting.add_specialist(facility), consulting.add_specialist(facility)
    line = AvailabilityRule.objects.filter(person=doctor).first()

    desk(colleague).post(reverse("desk:availability_remove", args=[line.pk]), {"kind_of_line": "rule"})

    assert AvailabilityRule.objects.filter(pk=line.pk).exists()
    assert desk(coordinator).get(reverse("desk:availability")).status_code == 404
    assert desk(coordinator).post(reverse("desk:availability"), rule()).status_code == 404


def test_an_interpreter_has_hours_and_no_visits():
    interpreter: Interpreter = consulting.add_interpreter(("ar", "it"), hours=False, zone="Africa/Cairo")
    client, url = desk(interpreter.user), reverse("desk:availability")

    assert client.post(url, rule()).status_code == 302
    assert {row.zone for row in AvailabilityRule.objects.all()} == {"Africa/Cairo"}
    visit = {"kind_of_line": "visit", "visit-day": timezone.localdate().isoformat()}
    assert client.post(url, visit).status_code == 200
    assert "Days at a place abroad" not in text_of(client, url)


def test_a_day_off_shows_what_is_booked_on_it(case: Request, doctor: User):
    booked = consulting.book(case)
    workflow.add_exception(
        by=Actor.staff(doctor), kind="off", first_day=booked.promised_on, last_day=booked.promised_on
    )

    assert "Outside your hours now" in text_of(desk(doctor), reverse("desk:consultations"))
    booked.refresh_from_db()
    assert booked.is_confirmed
