"""One case on one page: who reads it, what stands there, and that the trail knows."""

import datetime
import uuid
from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from facilities.enums import StaffRole
from facilities.models import Facility
from teleconsult import desk, workflow
from teleconsult.enums import ReturnReason, Status
from teleconsult.models import CoordinationOffice, Request
from teleconsult.permissions import Actor
from tests.accounts.factories import sign_in
from tests.teleconsult import factories
from treatments.enums import DocumentKind
from vault.files import FileState, Refusal
from vault.keys import opened_keys
from vault.trail import Action, TrailEntry

pytestmark = pytest.mark.django_db
MONDAY = datetime.datetime(2026, 11, 16, 9, 0, tzinfo=ZoneInfo("Europe/Rome"))
SCRIPT = '<script>alert("x")</script>'
Enter = Callable[[User], Client]


@pytest.fixture
def enter() -> Enter:
    return lambda user: sign_in(Client(), user)


def page_of(client: Client, case: Request, query: str = "") -> str:
    response = client.get(f"/desk/{case.reference}/{query}")
    assert response.status_code == 200
    return response.content.decode()


def add_document(case: Request, state: FileState = FileState.CLEAN, **about: object) -> object:
    """Add a document as the patient does, and put its file into a state."""
    values = {"upload": factories.upload(), "kind": DocumentKind.REPORT} | about
    document = workflow.add_document(request=case, by=factories.patient_of(case), **values)
    document.file.state = state
    document.file.refusal = Refusal.ENCRYPTED if state == FileState.REFUSED else ""
    document.file.save()
    return document


# --- who reads it -----------------------------------------------------------------------------------------------------


@pytest.fixture
def people(facility: Facility, coordinator: User, facility_office: User, specialist: User) -> dict[str, User]:
    office = CoordinationOffice.objects.create(name="Another office", is_receiving=False)
    return {
        "coordinator": coordinator,
        "colleague": factories.add_coordinator(),
        "other office": factories.add_coordinator(office),
        "facility office": facility_office,
        "other facility": factories.reached(factories.make_facility()),
        "specialist": specialist,
        "other specialist": factories.add_staff(facility, StaffRole.SPECIALIST),
    }


READERS = {
    "submitted": {"coordinator", "colleague"},
    "in_triage": {"coordinator", "colleague"},
    "with_facility": {"coordinator", "colleague", "facility office"},
    "with_specialist": {"coordinator", "colleague", "facility office", "specialist"},
    "returned": {"coordinator", "colleague"},
    "draft": set(),
    "erased": set(),
}


def case_that_is(status: str, people: dict[str, User], facility: Facility) -> Request:
    coordinator, office = people["coordinator"], people["facility office"]
    if status == "submitted":
        return factories.make_submitted()
    if status == "in_triage":
        return factories.make_in_triage(coordinator)
    if status == "with_facility":
        return factories.make_with_facility(coordinator, facility)
    if status == "with_specialist":
        return factories.make_with_specialist(coordinator, facility, office, people["specialist"])
    if status == "returned":
        case = factories.make_with_specialist(coordinator, facility, office, people["specialist"])
        return workflow.return_to_triage(
            request=case, by=Actor.staff(office), seen_version=case.version, reason=ReturnReason.NO_CAPACITY
        )
    if status == "erased":
        case = factories.make_with_facility(coordinator, facility)
        return workflow.erase(request=case, by=factories.patient_of(case))
    return factories.make_draft()


@pytest.mark.parametrize("status", READERS)
def test_only_those_with_the_case_find_it(
    enter: Enter, people: dict[str, User], facility: Facility, status: str
) -> None:
    case = case_that_is(status, people, facility)

    for who, user in people.items():
        response = enter(user).get(f"/desk/{case.reference}/")
        assert response.status_code == (200 if who in READERS[status] else 404), who
        assert (case.reference in response.content.decode()) == (who in READERS[status]), who


@pytest.mark.parametrize("who", ["facility_editor", "editor", "administrator", "stranger"])
def test_without_a_role_at_the_desk_nothing_tells_a_case_from_no_case(
    enter: Enter, coordinator: User, who: str, request: pytest.FixtureRequest
) -> None:
    case = factories.make_in_triage(coordinator)
    client = enter(request.getfixturevalue(who))

    there, nowhere = client.get(f"/desk/{case.reference}/"), client.get("/desk/HL-3333-3333-3/")

    assert (there.status_code, nowhere.status_code) == (403, 403)
    assert case.reference not in there.content.decode()


def test_anonymous_is_asked_to_sign_in(client: Client, coordinator: User) -> None:
    case = factories.make_in_triage(coordinator)

    assert client.get(f"/desk/{case.reference}/").url.startswith("/accounts/login/")


@pytest.mark.parametrize("reference", ["HL-3333-3333-3", "x", "HL-0000-0000-0"])
def test_unknown_reference_is_not_found(enter: Enter, coordinator: User, reference: str) -> None:
    assert enter(coordinator).get(f"/desk/{reference}/").status_code == 404


def test_view_is_in_the_trail_of_the_case(enter: Enter, coordinator: User) -> None:
    case = factories.make_in_triage(coordinator)

    page_of(enter(coordinator), case)

    entry = TrailEntry.objects.of_case(case).last()
    assert (entry.action, entry.actor_id, entry.role) == (Action.VIEWED, str(coordinator.pk), "coordinator")


def test_no_row_in_the_trail_no_case(enter: Enter, coordinator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    case = factories.make_in_triage(coordinator)
    client = enter(coordinator)
    client.raise_request_exception = False

    def broken(**_about: object) -> None:
        raise RuntimeError("the trail is gone")

    monkeypatch.setattr("teleconsult.reading.trail.record", broken)
    response = client.get(f"/desk/{case.reference}/")

    assert response.status_code == 500
    assert factories.ANSWERS["question"] not in response.content.decode()


def test_strangers_try_is_in_the_trail(enter: Enter, coordinator: User, people: dict[str, User]) -> None:
    case = factories.make_in_triage(coordinator)

    enter(people["other office"]).get(f"/desk/{case.reference}/")

    entry = TrailEntry.objects.of_case(case).last()
    assert (entry.action, entry.actor_id) == (Action.REFUSED, str(people["other office"].pk))


# --- what stands there ------------------------------------------------------------------------------------------------


def test_words_of_the_patient_are_escaped_everywhere(enter: Enter, coordinator: User) -> None:
    case = factories.make_submitted(
        question=SCRIPT,
        patient_name=SCRIPT,
        **factories.RELATIVE_ANSWERS | {"asker_name": SCRIPT, "relationship": SCRIPT},
    )
    patient = factories.patient_of(case)
    workflow.send_message(request=case, by=patient, text=SCRIPT, idempotency_key=uuid.uuid4())
    add_document(case, upload=factories.upload(name='<img src="x">.pdf'))

    page = page_of(enter(coordinator), case)

    assert "<script>alert" not in page
    assert "<img" not in page
    # Question, name, name and relation of whoever asks, message.
    assert page.count("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;") == 5
    assert page.count("&lt;img src=&quot;x&quot;&gt;.pdf") >= 1


def test_words_of_the_patient_carry_her_language(enter: Enter, coordinator: User) -> None:
    case = factories.make_in_triage(coordinator, language="ar", question="هل العملية ضرورية؟")
    workflow.send_message(request=case, by=factories.patient_of(case), text="شكرًا", idempotency_key=uuid.uuid4())

    page = page_of(enter(coordinator), case)

    assert '<div lang="ar" dir="rtl"><p>هل العملية ضرورية؟</p></div>' in page
    assert '<div class="message__text" lang="ar" dir="rtl"><p>شكرًا</p></div>' in page


def test_both_clocks_and_the_day_it_is_due(enter: Enter, coordinator: User) -> None:
    with time_machine.travel(MONDAY, tick=False):
        case = factories.make_in_triage(coordinator)
        page = page_of(enter(coordinator), case)

    assert "2 working days left" in page
    assert "Answer due on Wednesday, 18 November 2026, 18:00 (Milan); Wednesday, 18 November 2026, 21:00 (Dubai)" in (
        page.replace("Wednesday 18", "Wednesday, 18")
    )
    assert "12:00" in page
    assert "09:00" in page


@pytest.mark.parametrize(
    ("status", "who", "turn"),
    [
        ("submitted", "coordinator", "Your turn"),
        ("in_triage", "coordinator", "Your turn"),
        ("in_triage", "colleague", "The turn of Carla Coordinator"),
        ("with_facility", "coordinator", "The facility’s turn"),
        ("with_facility", "facility office", "Your turn"),
        ("with_specialist", "facility office", "The specialist’s turn"),
        ("with_specialist", "specialist", "Your turn"),
    ],
)
def test_whose_turn_it_is(
    enter: Enter, people: dict[str, User], facility: Facility, status: str, who: str, turn: str
) -> None:
    case = case_that_is(status, people, facility)

    assert f">{turn}</div>" in page_of(enter(people[who]), case)


def test_waiting_for_the_patient_says_for_what(enter: Enter, coordinator: User) -> None:
    with time_machine.travel(MONDAY, tick=False):
        case = factories.make_awaiting(coordinator)

    page = page_of(enter(coordinator), case)

    assert "The patient’s turn" in page
    assert "The patient was asked for a document on Mon 16 Nov." in page


def test_authority_that_is_missing_is_said(enter: Enter, coordinator: User) -> None:
    case = factories.make_submitted(**factories.RELATIVE_ANSWERS)

    assert "authority to act not stated yet" in page_of(enter(coordinator), case)


def test_notes_of_the_office_stay_there(
    enter: Enter, coordinator: User, facility: Facility, facility_office: User
) -> None:
    case = factories.make_with_facility(coordinator, facility)
    for user, text in ((coordinator, "Seen by the office"), (facility_office, "Seen by the facility")):
        workflow.write_note(request=case, by=Actor.staff(user), text=text, idempotency_key=uuid.uuid4())

    office, there = page_of(enter(coordinator), case), page_of(enter(facility_office), case)

    assert ("Seen by the office" in office, "Seen by the facility" in office) == (True, False)
    assert ("Seen by the office" in there, "Seen by the facility" in there) == (False, True)
    assert "never shown to the patient" in office


def test_facility_learns_of_no_other_facility(
    enter: Enter, coordinator: User, facility: Facility, facility_office: User
) -> None:
    first = factories.make_facility(short_name="Ospedale Altrove")
    first_office = factories.reached(first)
    case = factories.make_with_facility(coordinator, first)
    case = workflow.return_to_triage(
        request=case, by=Actor.staff(first_office), seen_version=case.version, reason=ReturnReason.NOT_OUR_FIELD
    )
    case = workflow.give_consent(
        request=case,
        by=factories.patient_of(case),
        seen_version=case.version,
        facility=facility,
        text_hash=factories.facility_hash(),
        shown_in="en",
    )
    case = workflow.forward(request=case, by=Actor.staff(coordinator), seen_version=case.version, facility=facility)

    context = enter(facility_office).get(f"/desk/{case.reference}/").context

    assert {line.row.facility_id for line in context["consents"]} == {None, facility.pk}
    assert not any("Ospedale Altrove" in line.when for line in context["history"])
    assert "This is not our field." not in [line.text for line in context["history"]]
    assert "This is not our field." in [
        line.text for line in enter(coordinator).get(f"/desk/{case.reference}/").context["history"]
    ]


def test_mailbox_is_for_the_office_only(
    enter: Enter, coordinator: User, facility: Facility, facility_office: User
) -> None:
    case = factories.make_with_facility(coordinator, facility)

    assert factories.ANSWERS["email"] in page_of(enter(coordinator), case)
    assert factories.ANSWERS["email"] not in page_of(enter(facility_office), case)


def test_checklist_says_what_does_not_fit(enter: Enter, coordinator: User, facility: Facility) -> None:
    protocol = factories.make_protocol(facility)
    case = factories.make_in_triage(coordinator, facility=facility)
    add_document(
        case,
        issued_on=datetime.date(2020, 1, 1),
        language="ar",
        requirement=protocol.required_documents.get(position=1),
    )

    page = page_of(enter(coordinator), case)

    assert "The hospital accepts documents up to 30 days old." in page
    assert "This document is in Arabic. The hospital reads documents in: English, Italian." in page
    assert "Only when: after surgery" in page


@pytest.mark.parametrize(
    ("state", "words", "can_open"),
    [
        (FileState.RECEIVED, "Received, not yet checked", False),
        (FileState.JUDGED, "Waiting for the virus scanner", False),
        (FileState.CLEAN, "Checked, no virus found", True),
        (FileState.UNSCANNED, "Checked, but not for viruses", True),
        (FileState.REFUSED, "Not accepted: The file is protected by a password.", False),
    ],
)
def test_state_of_a_file_in_words(
    enter: Enter, coordinator: User, state: FileState, words: str, can_open: bool
) -> None:
    case = factories.make_in_triage(coordinator)
    document = add_document(case, state)

    page = page_of(enter(coordinator), case)

    assert words in page
    assert (f"/documents/{document.pk}/" in page) == can_open


def test_lane_stays_while_working_down_the_queue(enter: Enter, coordinator: User) -> None:
    case, other = factories.make_in_triage(coordinator), factories.make_in_triage(coordinator)
    factories.make_submitted()

    page = page_of(enter(coordinator), case, "?lane=mine")

    assert f"/desk/{other.reference}/?lane=mine" in page
    assert f'action="/desk/{case.reference}/ask-document/?lane=mine"' in page


def test_ended_case_offers_no_step(enter: Enter, coordinator: User) -> None:
    case = factories.make_in_triage(coordinator)
    workflow.close(request=case, by=Actor.staff(coordinator), seen_version=case.version)

    response = enter(coordinator).get(f"/desk/{case.reference}/")

    assert response.context["steps"] == []
    assert "There is nothing for you to do here at the moment." in response.content.decode()


def test_page_speaks_italian(enter: Enter, coordinator: User) -> None:
    case = factories.make_in_triage(coordinator, language="ar")
    coordinator.language = "it"
    coordinator.save()

    page = page_of(enter(coordinator), case)

    assert '<html lang="it"' in page
    assert "Emirati Arabi Uniti, arabo" in page


# The session notes once in a while when it was used: a frozen clock keeps that out of the count.
@time_machine.travel(MONDAY, tick=False)
def test_queries_do_not_grow(enter: Enter, coordinator: User, facility: Facility) -> None:
    factories.make_protocol(facility)
    case = factories.make_in_triage(coordinator, facility=facility)
    client = enter(coordinator)

    def queries() -> int:
        # An opened key is kept for half a minute; a slow machine takes longer.
        opened_keys.clear()
        with CaptureQueriesContext(connection) as captured:
            page_of(client, case)
        return len(captured)

    def add() -> None:
        add_document(case)
        for user in (None, coordinator):
            by = Actor.staff(user) if user else factories.patient_of(case)
            workflow.send_message(request=case, by=by, text="Words", idempotency_key=uuid.uuid4())
        workflow.write_note(request=case, by=Actor.staff(coordinator), text="Words", idempotency_key=uuid.uuid4())

    add()
    queries()
    few = queries()
    for _number in range(3):
        add()

    assert queries() == few


def test_each_lane_and_status_has_words() -> None:
    staff_see = {status for status in Status if status not in {"draft", "expired", "erased"}}

    assert set(desk.WHERE_IT_IS) == staff_see


def test_the_question_reads_in_its_own_direction_after_the_language_was_changed(
    enter: Enter, coordinator: User
) -> None:
    case = factories.make_in_triage(coordinator)
    workflow.change_settings(
        request=case, by=factories.patient_of(case), language="ar", zone="Asia/Dubai", country="AE"
    )

    page = page_of(enter(coordinator), case)

    assert 'dir="ltr"><p>Is the operation needed?' in page
