"""Each step of the desk: taken, refused to the wrong role, refused to whoever was second, with her words kept."""

import html
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts.models import User
from facilities.enums import StaffRole
from facilities.models import Facility
from notifications.models import OutboxMessage
from teleconsult import access, message_templates, workflow
from teleconsult.enums import Action, Status, Urgency
from teleconsult.forms.desk import FORMS
from teleconsult.models import Request
from teleconsult.permissions import Actor
from tests.accounts.factories import sign_in
from tests.teleconsult import factories
from treatments.enums import ClockStart
from vault.trail import Action as TrailAction
from vault.trail import TrailEntry

pytestmark = pytest.mark.django_db
WORDS = "These are <my> words"
Enter = Callable[[User], Client]


@pytest.fixture
def enter() -> Enter:
    return lambda user: sign_in(Client(), user)


@dataclass
class Scene:
    """A case at which a step can be taken: by whom, with what, and how the case stands then."""

    case: Request
    who: User
    data: dict[str, Any]
    status: Status
    wrong: User


@pytest.fixture
def scene(coordinator: User, facility: Facility, facility_office: User, specialist: User) -> Callable[[Action], Scene]:
    def make(action: Action) -> Scene:
        colleague = factories.add_coordinator()
        if action == Action.TAKE:
            return Scene(factories.make_submitted(), coordinator, {}, Status.IN_TRIAGE, facility_office)
        if action == Action.TAKE_OVER:
            case = factories.make_with_facility(coordinator, facility)
            return Scene(case, colleague, {}, Status.WITH_FACILITY, facility_office)
        if action == Action.HAND_OVER:
            case = factories.make_in_triage(coordinator)
            return Scene(case, coordinator, {"colleague": str(colleague.pk)}, Status.IN_TRIAGE, facility_office)
        if action == Action.REFER:
            other = factories.make_facility()
            factories.reached(other)
            case = factories.make_with_facility(coordinator, facility)
            data = {"facility": other.slug, "text": WORDS, "idempotency_key": str(uuid.uuid4())}
            return Scene(case, coordinator, data, Status.WITH_FACILITY, facility_office)
        if action in {Action.NAME_SPECIALIST, Action.RETURN_TO_TRIAGE}:
            case = factories.make_with_facility(coordinator, facility)
            if action == Action.NAME_SPECIALIST:
                return Scene(case, facility_office, {"specialist": specialist.pk}, Status.WITH_SPECIALIST, coordinator)
            data = {"reason": "other", "note": WORDS}
            return Scene(case, facility_office, data, Status.IN_TRIAGE, factories.reached(factories.make_facility()))
        if action == Action.SETTLE_FEE:
            factories.make_protocol(facility, clock_starts=ClockStart.FEE_SETTLED)
            case = factories.make_with_facility(coordinator, facility)
            return Scene(case, facility_office, {}, Status.WITH_FACILITY, specialist)
        if action == Action.FORWARD:
            case = factories.make_in_triage(coordinator, facility=facility, with_consent=True)
            return Scene(case, coordinator, {"facility": facility.slug}, Status.WITH_FACILITY, facility_office)
        if action == Action.DECLINE:
            # What is proposed instead has rules that fit.
            factories.make_protocol(facility)
        case = factories.make_in_triage(coordinator, facility=facility)
        data, status = {
            Action.ASK_DOCUMENT: ({"text": WORDS}, Status.AWAITING_PATIENT),
            Action.ASK_QUESTION: ({"text": WORDS}, Status.AWAITING_PATIENT),
            Action.ASK_CONSENT: ({"facility": facility.slug, "text": WORDS}, Status.AWAITING_PATIENT),
            Action.DECLINE: (
                {"reason": "other", "note": WORDS, "alternatives": [facility.slug]},
                Status.DECLINED,
            ),
            Action.CLOSE: ({"reason": "answered", "text": WORDS}, Status.CLOSED),
            Action.SET_URGENCY: ({"urgency": "2", "reason": WORDS}, Status.IN_TRIAGE),
            Action.CONFIRM_IDENTITY: ({"is_known": "on"}, Status.IN_TRIAGE),
            Action.SEND_MESSAGE: ({"text": WORDS, "idempotency_key": str(uuid.uuid4())}, Status.IN_TRIAGE),
            Action.WRITE_NOTE: ({"text": WORDS, "idempotency_key": str(uuid.uuid4())}, Status.IN_TRIAGE),
        }[action]
        if action == Action.CONFIRM_IDENTITY:
            access.issue_receipt(case, is_confirmed=False)
            data["receipt_id"] = str(case.receipts.waiting().get().pk)
        return Scene(case, coordinator, data, status, facility_office)

    return make


def address(action: Action, case: Request) -> str:
    return f"/desk/{case.reference}/{action.value.replace('_', '-')}/"


def fresh(case: Request) -> Request:
    return Request.objects.get(pk=case.pk)


VERSIONED = [action for action, form in FORMS.items() if form.is_versioned]
# Steps in whose form somebody types more than a choice.
WRITING = [
    Action.ASK_DOCUMENT,
    Action.ASK_QUESTION,
    Action.ASK_CONSENT,
    Action.DECLINE,
    Action.CLOSE,
    Action.REFER,
    Action.RETURN_TO_TRIAGE,
    Action.SET_URGENCY,
]


@pytest.mark.parametrize("action", FORMS)
def test_step_is_taken(enter: Enter, scene: Callable[[Action], Scene], action: Action) -> None:
    it = scene(action)

    response = enter(it.who).post(address(action, it.case), it.data | {"seen_version": it.case.version})

    assert response.status_code == 302
    after = fresh(it.case)
    assert after.status == it.status
    event = after.events.order_by("-number").first()
    assert (event.action, event.user) == (action, it.who)


@pytest.mark.parametrize("action", FORMS)
def test_step_is_offered_where_it_can_be_taken(enter: Enter, scene: Callable[[Action], Scene], action: Action) -> None:
    it = scene(action)

    page = enter(it.who).get(f"/desk/{it.case.reference}/").content.decode()

    assert f'action="{address(action, it.case)}"' in page


@pytest.mark.parametrize("action", FORMS)
def test_address_of_a_step_opens_its_form(enter: Enter, scene: Callable[[Action], Scene], action: Action) -> None:
    it = scene(action)

    response = enter(it.who).get(address(action, it.case))

    assert response.status_code == 200
    assert fresh(it.case).version == it.case.version
    if not response.context["sent"].is_one_press and FORMS[action].is_versioned:
        assert f'id="step-{action}" open' in response.content.decode()


@pytest.mark.parametrize("action", FORMS)
def test_wrong_role_gets_not_found(enter: Enter, scene: Callable[[Action], Scene], action: Action) -> None:
    it = scene(action)
    client = enter(it.wrong)
    before = it.case.events.count()

    for data in (it.data | {"seen_version": it.case.version}, {}):
        assert client.post(address(action, it.case), data).status_code == 404
    assert client.get(address(action, it.case)).status_code == 404
    assert it.case.events.count() == before
    assert TrailEntry.objects.of_case(it.case).filter(action=TrailAction.REFUSED, actor_id=str(it.wrong.pk)).exists()


@pytest.mark.parametrize("who", ["facility_editor", "editor", "administrator", "stranger"])
def test_nobody_else_takes_a_step(
    enter: Enter, scene: Callable[[Action], Scene], who: str, request: pytest.FixtureRequest
) -> None:
    it = scene(Action.TAKE)

    assert enter(request.getfixturevalue(who)).post(address(Action.TAKE, it.case)).status_code == 403
    assert fresh(it.case).status == Status.SUBMITTED


@pytest.mark.parametrize("action", VERSIONED)
def test_the_second_reads_who_was_first(enter: Enter, scene: Callable[[Action], Scene], action: Action) -> None:
    it = scene(action)
    first = factories.add_coordinator()
    workflow.set_urgency(request=it.case, by=Actor.staff(first), seen_version=it.case.version, urgency=Urgency.SOON)
    before = fresh(it.case)

    response = enter(it.who).post(address(action, it.case), it.data | {"seen_version": it.case.version})

    page = html.unescape(response.content.decode())
    assert response.status_code == 409
    assert "Carla Coordinator was first: “Changed the urgency”." in page
    assert fresh(it.case).version == before.version
    # She may decide again: the form carries what is true now.
    assert f'name="seen_version" value="{before.version}"' in page
    if action in WRITING:
        assert f">\n{html.escape(WORDS)}</textarea>" in response.content.decode()


@pytest.mark.parametrize("version", ["", "x", "-1", "999999999999999999999"])
def test_version_that_cannot_be_takes_no_step(enter: Enter, scene: Callable[[Action], Scene], version: str) -> None:
    it = scene(Action.DECLINE)

    response = enter(it.who).post(address(Action.DECLINE, it.case), it.data | {"seen_version": version})

    assert response.status_code in {200, 409}
    assert fresh(it.case).status == Status.IN_TRIAGE


def test_words_are_kept_when_the_step_is_gone(enter: Enter, coordinator: User) -> None:
    case = factories.make_in_triage(coordinator)
    colleague = factories.add_coordinator()
    workflow.close(request=case, by=Actor.staff(colleague), seen_version=case.version)

    response = enter(coordinator).post(
        address(Action.ASK_DOCUMENT, case), {"text": WORDS, "seen_version": case.version}
    )

    page = response.content.decode()
    assert response.status_code == 409
    assert "Carla Coordinator was first: “Closed the request”." in html.unescape(page)
    assert "is kept here" in page
    assert html.escape(WORDS) in page


def test_mistake_is_said_at_the_top_and_words_are_kept(enter: Enter, coordinator: User) -> None:
    case = factories.make_in_triage(coordinator)

    response = enter(coordinator).post(address(Action.DECLINE, case), {"note": WORDS, "seen_version": case.version})

    page = response.content.decode()
    assert "Choose the reason." in page
    assert page.index("One thing to put right") < page.index('id="case-title"')
    assert html.escape(WORDS) in page
    assert fresh(case).status == Status.IN_TRIAGE


@pytest.mark.parametrize(
    ("action", "data", "sentence"),
    [
        (Action.DECLINE, {"reason": "other"}, "Write the reason: the patient reads it."),
        (Action.SET_URGENCY, {"urgency": "2"}, "Write why it is urgent."),
        (Action.ASK_DOCUMENT, {"text": " "}, "Write something first."),
        (Action.ASK_DOCUMENT, {"text": "x" * 10_001}, "Your text has 10001 characters; 10000 fit here."),
        (Action.CONFIRM_IDENTITY, {}, "Tick this only when you know who it is."),
        (Action.FORWARD, {"facility": "nowhere"}, "Select a valid choice."),
    ],
)
def test_what_is_missing_is_said_in_words(
    enter: Enter, scene: Callable[[Action], Scene], action: Action, data: dict[str, str], sentence: str
) -> None:
    it = scene(action)

    response = enter(it.who).post(address(action, it.case), data | {"seen_version": it.case.version})

    assert response.status_code == 200
    assert sentence in html.unescape(response.content.decode())
    assert fresh(it.case).version == it.case.version


def test_nul_and_turned_text_are_dropped(enter: Enter, coordinator: User) -> None:
    case = factories.make_in_triage(coordinator)

    enter(coordinator).post(
        address(Action.SEND_MESSAGE, case), {"text": "a\x00b\u202ec", "idempotency_key": str(uuid.uuid4())}
    )

    assert case.messages.get().body == "abc"


@pytest.mark.parametrize("action", [Action.SEND_MESSAGE, Action.WRITE_NOTE])
def test_pressed_twice_is_written_once(enter: Enter, scene: Callable[[Action], Scene], action: Action) -> None:
    it = scene(action)
    client = enter(it.who)

    for _press in range(2):
        assert client.post(address(action, it.case), it.data).status_code == 302

    assert it.case.messages.count() + it.case.internal_notes.count() == 1


def test_note_never_reaches_the_patient(enter: Enter, coordinator: User) -> None:
    case = factories.make_in_triage(coordinator)
    before = OutboxMessage.objects.count()

    enter(coordinator).post(address(Action.WRITE_NOTE, case), {"text": WORDS, "idempotency_key": str(uuid.uuid4())})

    assert case.messages.count() == 0
    assert case.internal_notes.get().body == WORDS
    assert OutboxMessage.objects.count() == before


def test_ready_made_text_is_put_below_what_was_typed_and_not_sent(enter: Enter, coordinator: User) -> None:
    case = factories.make_in_triage(coordinator, language="ar")

    response = enter(coordinator).post(
        address(Action.ASK_DOCUMENT, case),
        {"text": WORDS, "use_template": "pathology", "seen_version": case.version},
    )

    arabic = message_templates.template("pathology", Action.ASK_DOCUMENT, "ar", "en")
    assert response.context["sent"]["text"].value() == f"{WORDS}\n\n{arabic.text}"
    assert arabic.own_text.splitlines()[0] in html.unescape(response.content.decode())
    assert fresh(case).status == Status.IN_TRIAGE


def test_ready_made_texts_exist_in_every_language(settings: Any) -> None:
    for action in (Action.ASK_DOCUMENT, Action.SEND_MESSAGE):
        for language, _name in settings.LANGUAGES:
            found = message_templates.templates_for(action, language, "it")
            assert found
            assert {text.language for text in found} == {language}
            assert all(text.title and text.text and text.own_text for text in found)
            assert all((text.status == "original") == (language == "en") for text in found)


def test_whom_to_ask_for_is_said_with_how_far_the_rules_fit(enter: Enter, coordinator: User) -> None:
    treatment = factories.make_treatment()
    no_rules, too_old, fitting, wished = (factories.make_facility() for _number in range(4))
    for place in (no_rules, too_old, fitting, wished):
        factories.reached(place, treatment)
    factories.make_protocol(too_old, minimum_age=90)
    factories.make_protocol(fitting)
    factories.make_protocol(wished, minimum_age=90)
    case = factories.make_in_triage(coordinator, treatment=treatment, facility=wished)

    page = enter(coordinator).get(f"/desk/{case.reference}/")

    form = next(form for form in page.context["steps"] if form.action == Action.ASK_CONSENT)
    choices = dict(form.fields["facility"].choices)
    assert list(choices) == [place.slug for place in (wished, fitting, no_rules, too_old)]
    assert "Its rules fit this case; it answers within 5 working days." in choices[fitting.slug]
    assert "has no rules for a second opinion" in choices[no_rules.slug]
    assert "Only from the age of 90." in choices[too_old.slug]
    assert "the patient’s wish" in choices[wished.slug]


def test_facility_without_consent_cannot_be_chosen(
    enter: Enter, coordinator: User, facility: Facility, facility_office: User
) -> None:
    case = factories.make_in_triage(coordinator, facility=facility)
    client = enter(coordinator)

    page = client.get(f"/desk/{case.reference}/").content.decode()
    response = client.post(address(Action.FORWARD, case), {"facility": facility.slug, "seen_version": case.version})

    assert "There is no facility for which the patient has agreed." in page
    assert response.status_code == 200
    assert fresh(case).status == Status.IN_TRIAGE


def test_facility_not_reached_is_named_with_its_own_address(enter: Enter, coordinator: User) -> None:
    far = factories.make_facility(short_name="Ospedale Lontano", website="https://lontano.example/")
    case = factories.make_in_triage(coordinator, facility=far)

    page = enter(coordinator).get(f"/desk/{case.reference}/").content.decode()

    assert "Not reached through this portal" in page
    assert "Ospedale Lontano" in page
    assert "https://lontano.example/" in page
    assert f'value="{far.slug}"' not in page


def test_relative_without_authority_is_not_forwarded(
    enter: Enter, coordinator: User, facility: Facility, facility_office: User
) -> None:
    case = factories.make_in_triage(coordinator, facility=facility, with_consent=True, **factories.RELATIVE_ANSWERS)

    response = enter(coordinator).post(
        address(Action.FORWARD, case), {"facility": facility.slug, "seen_version": case.version}
    )

    assert response.status_code == 409
    assert "The authority to act for the patient has not been stated yet." in response.content.decode()


def test_facility_that_returned_a_case_is_led_to_the_queue(enter: Enter, scene: Callable[[Action], Scene]) -> None:
    it = scene(Action.RETURN_TO_TRIAGE)

    response = enter(it.who).post(
        address(Action.RETURN_TO_TRIAGE, it.case), it.data | {"seen_version": it.case.version}
    )

    assert response.url == "/desk/"


def test_office_takes_a_case_back(enter: Enter, coordinator: User, facility: Facility, facility_office: User) -> None:
    case = factories.make_with_facility(coordinator, facility)

    response = enter(coordinator).post(
        address(Action.RETURN_TO_TRIAGE, case), {"reason": "recalled", "note": "", "seen_version": case.version}
    )

    assert response.url == f"/desk/{case.reference}/"
    assert fresh(case).status == Status.IN_TRIAGE


def test_specialist_reads_asks_and_returns_and_nothing_else(
    enter: Enter, coordinator: User, facility: Facility, facility_office: User, specialist: User
) -> None:
    case = factories.make_with_specialist(coordinator, facility, facility_office, specialist)

    context = enter(specialist).get(f"/desk/{case.reference}/").context

    assert [form.action for form in context["steps"]] == [
        Action.ASK_DOCUMENT,
        Action.ASK_QUESTION,
        Action.RETURN_TO_TRIAGE,
    ]
    assert context["message_form"] is not None
    assert context["note_form"] is not None


def test_specialist_of_another_facility_cannot_be_named(enter: Enter, scene: Callable[[Action], Scene]) -> None:
    it = scene(Action.NAME_SPECIALIST)
    elsewhere = factories.add_staff(factories.make_facility(), StaffRole.SPECIALIST)

    response = enter(it.who).post(
        address(Action.NAME_SPECIALIST, it.case), {"specialist": elsewhere.pk, "seen_version": it.case.version}
    )

    assert response.status_code == 200
    assert fresh(it.case).status == Status.WITH_FACILITY


def test_identity_is_confirmed_only_when_someone_waits_for_it(enter: Enter, coordinator: User) -> None:
    case = factories.make_in_triage(coordinator)

    page = enter(coordinator).get(f"/desk/{case.reference}/").content.decode()

    assert address(Action.CONFIRM_IDENTITY, case) not in page


@pytest.mark.parametrize("is_used", [True, False])
def test_before_confirming_the_office_reads_when_it_was_asked_for_and_of_its_use(
    enter: Enter, coordinator: User, is_used: bool
) -> None:
    case = factories.make_in_triage(coordinator)
    with time_machine.travel("2026-03-02 09:07Z"):
        access.start_session(case)
        access.issue_receipt(case, is_confirmed=False)
    if is_used:
        access.start_session(case)

    page = html.unescape(enter(coordinator).get(f"/desk/{case.reference}/").content.decode())

    assert "a new one was asked for on 2 March 2026, 10:07" in page
    assert ("The old one was used after that." in page) == is_used


def test_after_a_mistake_the_page_carries_the_receipt_that_it_shows(enter: Enter, coordinator: User) -> None:
    case = factories.make_in_triage(coordinator)
    access.issue_receipt(case, is_confirmed=False)
    seen = str(case.receipts.waiting().get().pk)
    access.issue_receipt(case, is_confirmed=False)
    now = str(case.receipts.waiting().get().pk)

    data = {"is_known": "on", "receipt_id": seen, "seen_version": case.version}
    page = enter(coordinator).post(address(Action.CONFIRM_IDENTITY, case), data)

    assert page.status_code == 409
    assert f'value="{now}"' in page.content.decode()
    assert seen not in page.content.decode()
    assert case.receipts.waiting().exists()


def test_alternatives_are_proposed(enter: Enter, scene: Callable[[Action], Scene], facility: Facility) -> None:
    it = scene(Action.DECLINE)

    enter(it.who).post(address(Action.DECLINE, it.case), it.data | {"seen_version": it.case.version})

    assert [row.facility for row in it.case.alternatives.all()] == [facility]
    assert "Proposed instead" in enter(it.who).get(f"/desk/{it.case.reference}/").content.decode()


def test_only_what_fits_is_proposed_instead(enter: Enter, coordinator: User, facility: Facility) -> None:
    """The patient reads that the rules of these hospitals fit what she wrote."""
    factories.reached(facility)
    factories.make_protocol(facility)
    too_old, without_rules = factories.make_facility(), factories.make_facility()
    for place in (too_old, without_rules):
        factories.reached(place)
    factories.make_protocol(too_old, maximum_age=17)
    case = factories.make_in_triage(coordinator)
    data = {"seen_version": case.version, "reason": "other", "note": WORDS}

    page = enter(coordinator).get(f"{address(Action.DECLINE, case)}")
    form = next(form for form in page.context["steps"] if form.action == Action.DECLINE)
    response = enter(coordinator).post(address(Action.DECLINE, case), data | {"alternatives": [too_old.slug]})

    assert [slug for slug, _words in form.fields["alternatives"].choices] == [facility.slug]
    assert response.status_code == 200
    assert fresh(case).status == Status.IN_TRIAGE


def test_steps_need_the_token(coordinator: User) -> None:
    case = factories.make_submitted()
    client = sign_in(Client(enforce_csrf_checks=True), coordinator)

    assert client.post(address(Action.TAKE, case), {"seen_version": case.version}).status_code == 403
    assert fresh(case).status == Status.SUBMITTED
