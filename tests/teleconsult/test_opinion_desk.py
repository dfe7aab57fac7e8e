"""The pages of the opinion at the desk: who finds them, what is kept, how it is signed."""

import datetime
import re
import time
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override

from accounts.models import User
from accounts.sessions import SessionStore
from facilities.enums import StaffRole
from facilities.models import Facility
from teleconsult import workflow
from teleconsult.enums import OptionKind, Role, Status
from teleconsult.models import CoordinationOffice, FollowUpQuestion, Opinion, Request
from teleconsult.models.opinions import option
from teleconsult.permissions import Actor
from tests.accounts.factories import code_of, sign_in
from tests.teleconsult import factories
from vault.trail import Action, TrailEntry

pytestmark = pytest.mark.django_db
Enter = Callable[..., Client]
SCRIPT = '<script>alert("x")</script>'


@pytest.fixture
def enter() -> Enter:
    return lambda user, **about: sign_in(Client(), user, **about)


@pytest.fixture
def case(coordinator: User, facility: Facility, facility_office: User, specialist: User) -> Request:
    factories.make_protocol(facility, follow_up_questions=2, follow_up_days=10, report_languages=["it", "en"])
    return factories.make_with_specialist(coordinator, facility, facility_office, specialist)


@pytest.fixture
def by(specialist: User) -> Actor:
    return Actor.staff(specialist)


def url(case: Request, rest: str = "") -> str:
    return f"/desk/{case.reference}/opinion/{rest}"


def filled(case: Request, **values: Any) -> dict[str, Any]:
    """Return the editor as it is sent, filled in."""
    return {
        "seen_version": "0",
        "language": "en",
        "translated_from": "",
        "plain_words": "You can wait.",
        "letter": "Dear colleague",
        "answer_0": "No, not now.",
        "further_count": "1",
        "further_question_0": "",
        "further_answer_0": "",
        "option_count": "2",
        "option_kind_0": "home",
        "option_text_0": "Wait.",
        "option_treatment_0": "",
        "option_facility_0": "",
        "option_trial_0": "",
        "option_kind_1": "travel",
        "option_text_1": "",
        "option_treatment_1": "",
        "option_facility_1": "",
        "option_trial_1": "",
    } | values


def words_of(response: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def the_opinion(case: Request) -> Opinion:
    return Opinion.objects.get(request=case)


# --- who finds it -----------------------------------------------------------------------------------------------------


@pytest.fixture
def people(
    facility: Facility,
    coordinator: User,
    facility_office: User,
    specialist: User,
    facility_editor: User,
    administrator: User,
    stranger: User,
) -> dict[str, User]:
    other_office = CoordinationOffice.objects.create(name="Another office", is_receiving=False)
    return {
        "coordinator": coordinator,
        "other office": factories.add_coordinator(other_office),
        "facility office": facility_office,
        "other facility": factories.reached(factories.make_facility()),
        "specialist": specialist,
        "colleague": factories.add_staff(facility, StaffRole.SPECIALIST),
        "facility editor": facility_editor,
        "administrator": administrator,
        "stranger": stranger,
    }


@pytest.mark.parametrize("page", ["", "preview/", "pdf/", "addendum/"])
@pytest.mark.parametrize("stage", ["none", "draft", "delivered"])
def test_who_finds_which_page(people: dict[str, User], case: Request, by: Actor, enter: Enter, stage: str, page: str):
    if stage == "draft":
        workflow.write_opinion(request=case, by=by, seen_version=0, text=factories.opinion_text(case))
    elif stage == "delivered":
        factories.deliver_opinion(case, by)
    expected = {
        "none": {"": {"specialist"}},
        "draft": {"": {"specialist"}, "preview/": {"specialist"}, "pdf/": {"specialist"}},
        "delivered": {
            "": {"specialist", "facility office"},
            "pdf/": {"specialist", "facility office"},
            # It leads to what is delivered.
            "preview/": {"specialist", "facility office"},
            "addendum/": {"specialist"},
        },
    }[stage].get(page, set())

    found = {name for name, user in people.items() if enter(user).get(url(case, page)).status_code in {200, 302}}
    # Who has no area at all is led away before anything is looked up.
    elsewhere = {"facility editor", "administrator", "stranger"}

    assert found - elsewhere == expected
    for name in elsewhere:
        response = enter(people[name]).get(url(case, page))
        assert b"You can wait." not in response.content
        assert response.status_code in {302, 403, 404}
    refused = TrailEntry.objects.filter(case_id=case.pk, action=Action.REFUSED)
    assert refused.exists()


@pytest.mark.parametrize("page", ["", "sign/", "addendum/", "addendum/sign/"])
def test_nobody_else_changes_an_opinion(people: dict[str, User], case: Request, by: Actor, enter: Enter, page: str):
    if page.startswith("addendum"):
        factories.deliver_opinion(case, by)
    else:
        workflow.write_opinion(request=case, by=by, seen_version=0, text=factories.opinion_text(case))
    before = the_opinion(case).version

    for name in set(people) - {"specialist"}:
        response = enter(people[name]).post(url(case, page), filled(case, seen_version="1", text="x"))
        assert response.status_code in {302, 403, 404}, name

    opinion = the_opinion(case)
    assert opinion.version == before
    assert opinion.addenda.count() == 0
    case.refresh_from_db()
    assert case.status == (Status.OPINION_READY if page.startswith("addendum") else Status.WITH_SPECIALIST)


def test_the_coordinator_sees_that_it_is_there_and_none_of_its_words(
    people: dict[str, User], case: Request, by: Actor, enter: Enter
):
    client = enter(people["coordinator"])
    workflow.write_opinion(request=case, by=by, seen_version=0, text=factories.opinion_text(case))
    assert "Being written" in words_of(client.get(f"/desk/{case.reference}/"))
    workflow.sign_opinion(request=case, by=by, seen_version=1, factor_at=the_opinion(case).saved_at)

    words = words_of(client.get(f"/desk/{case.reference}/"))

    assert "Delivered" in words
    assert "Signed by" in words
    assert "The patient has not opened it yet." in words
    assert "You can wait." not in words
    assert "Read the opinion" not in words


def test_an_unknown_reference_is_not_found(enter: Enter, specialist: User):
    assert enter(specialist).get("/desk/HL-7K3M-9QXA-7/opinion/").status_code == 404


# --- writing ----------------------------------------------------------------------------------------------------------


def test_the_editor_shows_the_question_in_the_patients_words(case: Request, specialist: User, enter: Enter):
    case.question = f"I had a stroke. Is it needed? And {SCRIPT}?"
    case.save()

    response = enter(specialist).get(url(case))

    words = words_of(response)
    assert "I had a stroke. Is it needed?" in words
    assert SCRIPT.encode() not in response.content
    assert 'name="answer_1"' in response.content.decode()
    assert "The answer above answers this too" in words
    assert '<option value="en" selected>' in response.content.decode()


def test_a_draft_is_saved_and_comes_back(case: Request, specialist: User, enter: Enter, facility: Facility):
    client = enter(specialist)
    treatment = factories.make_treatment()
    chosen = {
        "option_text_1": "Come.",
        "option_treatment_1": treatment.name_en.upper(),
        "option_facility_1": f"{facility.short_name} ({facility.city})",
        "option_trial_1": "NCT01234567",
        "further_question_0": "May I fly?",
        "further_answer_0": "Yes.",
    }

    response = client.post(url(case), filled(case, **chosen), follow=True)

    assert "The draft is saved." in words_of(response)
    opinion = the_opinion(case)
    assert opinion.options[1]["treatment"] == treatment.slug
    assert opinion.options[1]["facility"] == facility.slug
    assert [part["question"] for part in opinion.answers] == [case.question, "May I fly?"]
    page = response.content.decode()
    for typed in ("You can wait.", "No, not now.", "Dear colleague", "Come.", "May I fly?", "Secretectomy"):
        assert typed in page
    assert 'name="seen_version" value="1"' in page
    # A row is free for one more.
    assert 'name="further_question_1"' in page
    assert 'name="option_text_2"' in page


def test_two_windows_never_overwrite_silently(case: Request, specialist: User, enter: Enter):
    client = enter(specialist)
    client.post(url(case), filled(case, plain_words="First window."))

    response = client.post(url(case), filled(case, plain_words="Second window."))

    assert response.status_code == 409
    words = words_of(response)
    assert "saved in another window" in words
    assert "First window." in words
    assert "Second window." in response.content.decode()
    assert the_opinion(case).plain_words == "First window."
    # Both were read: now the second may replace the first.
    assert 'name="seen_version" value="1"' in response.content.decode()
    client.post(url(case), filled(case, plain_words="Second window.", seen_version="1"))
    assert the_opinion(case).plain_words == "Second window."


def test_the_script_saves_and_is_told(case: Request, specialist: User, enter: Enter):
    client = enter(specialist)
    headers = {"X-Saved-By-Script": "1"}

    first = client.post(url(case), filled(case), headers=headers)
    again = client.post(url(case), filled(case, plain_words="Other."), headers=headers)

    assert (first.status_code, first.json()["version"]) == (200, 1)
    assert first.json()["words"].startswith("Draft saved on")
    assert again.status_code == 409
    assert "another window" in again.json()["words"]


@pytest.mark.parametrize(
    "bad",
    [
        {"plain_words": "x" * 10_001},
        {"language": "xx"},
        {"option_kind_0": "nowhere"},
        {"option_treatment_0": "x" * 300},
        {"further_question_0": "x" * 2000},
    ],
)
def test_what_cannot_be_saved_is_said_and_kept(case: Request, specialist: User, enter: Enter, bad: dict[str, str]):
    response = enter(specialist).post(url(case), filled(case, letter="Keep me", **bad))

    assert response.status_code == 200
    assert "error-summary" in response.content.decode() or "field__error" in response.content.decode()
    assert "Keep me" in response.content.decode()
    assert not Opinion.objects.exists()


@pytest.mark.parametrize(
    "odd",
    [
        {"seen_version": "x"},
        {"seen_version": "\0"},
        {"further_count": "99999", "option_count": "-1"},
        {"plain_words": "a\0b\u202e"},
        {},
    ],
)
def test_odd_input_is_no_error_of_ours(case: Request, specialist: User, enter: Enter, odd: dict[str, str]):
    client = enter(specialist)
    data = filled(case, **odd) if odd else {}

    for page in ("", "sign/", "addendum/", "addendum/sign/"):
        assert client.post(url(case, page), data).status_code < 500


def test_names_the_catalogue_does_not_know_are_kept_and_keep_it_from_being_signed(
    case: Request, specialist: User, enter: Enter
):
    client = enter(specialist)
    client.post(url(case), filled(case, option_treatment_0="Moon therapy"))

    response = client.get(url(case, "preview/"))

    assert "The catalogue does not know “Moon therapy”." in words_of(response)
    assert client.post(url(case, "sign/"), {"seen_version": "1"}).status_code == 409
    assert not the_opinion(case).is_signed
    assert "Moon therapy" in client.get(url(case)).content.decode()


def test_the_sheet_speaks_the_language_of_the_patient_alone(case: Request, specialist: User, enter: Enter, by: Actor):
    client = enter(specialist)
    case.zone, case.language = "Asia/Dubai", "ar"
    case.save()
    client.post(url(case), filled(case, language="ar"))
    preview = client.get(url(case, "preview/")).content.decode()
    workflow.sign_opinion(request=case, by=by, seen_version=1, factor_at=the_opinion(case).saved_at)
    delivered = client.get(url(case)).content.decode()

    with override("ar"):
        words = [str(OptionKind.HOME.label), str(Role.SPECIALIST.label)]
    assert f"<span>{words[0]}</span>" in preview
    assert f"<span>{words[0]}</span>" in delivered
    assert words[1] in delivered
    assert "(Dubai)" not in delivered


def test_a_sign_that_cannot_be_printed_is_said_before_signing(case: Request, specialist: User, enter: Enter):
    client = enter(specialist)
    client.post(url(case), filled(case, plain_words="Good ᚠ"))

    assert "These signs cannot be printed in the PDF: ᚠ." in words_of(client.get(url(case, "preview/")))


def test_the_preview_speaks_the_patients_language_throughout(case: Request, specialist: User, enter: Enter):
    Request.objects.filter(pk=case.pk).update(language="de")
    client = enter(specialist)
    client.post(url(case), filled(case))
    preview = words_of(client.get(url(case, "preview/")))

    assert "Was Sie tun können Zu Hause" in preview
    workflow.sign_opinion(
        request=case, by=Actor.staff(specialist), seen_version=1, factor_at=the_opinion(case).saved_at
    )
    assert "Fachärztin oder Facharzt" in words_of(client.get(url(case)))


# --- the session has ended meanwhile ----------------------------------------------------------------------------------


def send_late(client: Client, address: str, data: dict[str, Any], minutes: int = 16, **about: Any) -> Any:
    """Send a form when the session has been over for a while."""
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    with time_machine.travel(timezone.now() + datetime.timedelta(minutes=minutes)):
        SessionStore.clear_expired()
        client.cookies[settings.SESSION_COOKIE_NAME] = cookie
        return client.post(address, data, **about)


@pytest.mark.parametrize("by_script", [False, True])
@pytest.mark.parametrize("minutes", [16, 600])
def test_an_opinion_sent_after_the_session_has_ended_is_in_the_editor_again(
    case: Request, specialist: User, enter: Enter, minutes: int, *, by_script: bool
):
    client = enter(specialist)
    client.post(url(case), filled(case))
    late = filled(case, seen_version="1", plain_words="Typed over lunch.", option_text_1="Come soon.")
    headers = {"X-Saved-By-Script": "1"} if by_script else {}

    answer = send_late(client, url(case), late, minutes, headers=headers)

    assert answer.status_code == 302
    assert answer.url.startswith("/accounts/login/")
    assert the_opinion(case).plain_words == "You can wait."
    again = enter(specialist)
    page = again.get(url(case)).content.decode()
    assert "Typed over lunch." in page
    assert "Come soon." in page
    assert "is in the fields again" in page
    again.post(url(case), late)
    assert the_opinion(case).plain_words == "Typed over lunch."
    assert "is in the fields again" not in again.get(url(case)).content.decode()


def test_an_addendum_to_a_closed_case_sent_after_the_session_has_ended_is_there_again(
    case: Request, specialist: User, enter: Enter, by: Actor
):
    factories.deliver_opinion(case, by)
    workflow.close_answered(request=case, by=factories.patient_of(case))
    client = enter(specialist)
    data = {"seen_version": "0", "text": "A late thought.", "language": "en", "translated_from": ""}

    send_late(client, url(case, "addendum/"), data)

    again = enter(specialist)
    assert "A late thought." in again.get(url(case, "addendum/")).content.decode()
    again.post(url(case, "addendum/"), data)
    assert not case.typed_texts.exists()
    assert the_opinion(case).addenda.get().text == "A late thought."


def test_an_answer_sent_after_the_session_has_ended_is_there_again_for_its_question(
    case: Request, specialist: User, enter: Enter, by: Actor
):
    factories.deliver_opinion(case, by)
    first, second = factories.ask_follow_up(case, "And then?"), factories.ask_follow_up(case, "And when?")
    client = enter(specialist)

    send_late(client, url(case, f"questions/{first.pk}/"), {"text": "Then rest.", "language": "en"})

    again = enter(specialist)
    assert "Then rest." in again.get(url(case, f"questions/{first.pk}/")).content.decode()
    assert "Then rest." not in again.get(url(case, f"questions/{second.pk}/")).content.decode()
    again.post(url(case, f"questions/{first.pk}/"), {"text": "Then rest.", "language": "en"})
    assert not case.typed_texts.exists()


def test_words_of_nobody_else_are_kept_for_an_opinion(people: dict[str, User], case: Request, enter: Enter):
    for name in set(people) - {"specialist"}:
        send_late(enter(people[name]), url(case), filled(case))

    assert not case.typed_texts.exists()


def test_a_form_of_before_the_last_sign_in_comes_back_filled_in(case: Request, specialist: User):
    client = sign_in(Client(enforce_csrf_checks=True), specialist)
    page = client.get(url(case)).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
    # She signed in again in another window: the cookie is another one.
    client.cookies[settings.CSRF_COOKIE_NAME] = "x" * 32
    late = filled(case, plain_words="Typed in the old window.", csrfmiddlewaretoken=token)

    stranger = client.post(url(case), late, headers={"origin": "https://example.org"})
    assert stranger.status_code == 403
    assert not case.typed_texts.exists()
    answer = client.post(url(case), late, headers={"origin": "http://testserver"})

    assert (answer.status_code, answer.url) == (302, url(case))
    assert not Opinion.objects.exists()
    assert "Typed in the old window." in client.get(url(case)).content.decode()


# --- signing ----------------------------------------------------------------------------------------------------------


def test_preview_then_sign(case: Request, specialist: User, enter: Enter):
    client = enter(specialist, is_fresh=False)
    client.post(url(case), filled(case))
    preview = client.get(url(case, "preview/"))
    assert "You can wait." in words_of(preview)
    assert "not a qualified electronic signature" in words_of(preview)

    asked = client.post(url(case, "sign/"), {"seen_version": "1"})

    # The second factor first; then the very press that was interrupted goes on.
    assert asked.status_code == 302
    assert "reauthenticate" in asked["Location"]
    assert not the_opinion(case).is_signed
    app = specialist.authenticator_set.get()
    done = client.post(asked["Location"], {"code": code_of(app)}, follow=True)
    assert the_opinion(case).is_signed
    assert "signed and delivered" in words_of(done)


def test_a_factor_given_before_the_last_change_does_not_sign(case: Request, specialist: User, enter: Enter):
    client = enter(specialist)
    time.sleep(0.01)
    client.post(url(case), filled(case))

    response = client.post(url(case, "sign/"), {"seen_version": "1"})

    assert "reauthenticate" in response["Location"]
    assert not the_opinion(case).is_signed


def test_signing_what_another_window_changed_is_refused(case: Request, specialist: User, enter: Enter):
    client = enter(specialist)
    client.post(url(case), filled(case))
    client.post(url(case), filled(case, seen_version="1", plain_words="Changed."))
    sign_in(client, specialist)

    response = client.post(url(case, "sign/"), {"seen_version": "1"})

    assert response.status_code == 409
    assert "another window" in words_of(response)
    assert "Changed." in words_of(response)
    assert not the_opinion(case).is_signed


def test_pressed_twice_it_is_signed_once(case: Request, specialist: User, enter: Enter):
    client = enter(specialist)
    client.post(url(case), filled(case))
    sign_in(client, specialist)
    for _press in range(2):
        assert client.post(url(case, "sign/"), {"seen_version": "1"}).status_code == 302

    assert case.events.filter(action="sign_opinion").count() == 1


def test_the_delivered_opinion_at_the_desk(case: Request, by: Actor, specialist: User, enter: Enter):
    opinion = factories.deliver_opinion(case, by)
    client = enter(specialist)

    words = words_of(client.get(url(case)))

    assert "You can wait." in words
    assert opinion.digest[:8] in words
    assert "Write an addendum" in words
    assert TrailEntry.objects.filter(object_id=str(opinion.pk), action=Action.VIEWED).exists()
    # There is no editor any more.
    assert client.post(url(case), filled(case, seen_version="1")).status_code == 404


def test_an_addendum_from_the_desk(case: Request, by: Actor, specialist: User, enter: Enter):
    factories.deliver_opinion(case, by)
    client = enter(specialist)
    about = {"language": "en", "translated_from": ""}
    saved = client.post(url(case, "addendum/"), {"seen_version": "0", "text": "More.", **about}, follow=True)
    assert "More." in words_of(saved)
    stale = client.post(url(case, "addendum/"), {"seen_version": "0", "text": "Else.", **about})
    assert stale.status_code == 409
    assert "More." in words_of(stale)
    assert "Else." in stale.content.decode()
    asked = client.post(url(case, "addendum/sign/"), {"seen_version": "1"})
    assert "reauthenticate" in asked["Location"]
    sign_in(client, specialist)

    done = client.post(url(case, "addendum/sign/"), {"seen_version": "1"}, follow=True)

    assert "The addendum is signed and delivered." in words_of(done)
    assert "Addendum 1" in words_of(done)


def test_whoever_signed_can_add_to_a_closed_case_and_sees_nothing_else_of_it(
    case: Request, by: Actor, specialist: User, enter: Enter
):
    factories.deliver_opinion(case, by)
    workflow.close_answered(request=case, by=factories.patient_of(case))
    client = enter(specialist)

    assert client.get(f"/desk/{case.reference}/").status_code == 404
    assert client.get(url(case)).status_code == 200
    assert client.get(url(case, "addendum/")).status_code == 200
    assert client.get(url(case, "pdf/")).status_code == 200


def test_a_question_is_answered_from_the_desk(
    case: Request, by: Actor, specialist: User, facility_office: User, enter: Enter
):
    factories.deliver_opinion(case, by)
    asked = factories.ask_follow_up(case, f"And then? {SCRIPT}")
    page = url(case, f"questions/{asked.pk}/")
    client = enter(specialist)
    assert "Answer this question" in words_of(client.get(url(case)))
    assert SCRIPT.encode() not in client.get(page).content
    assert enter(facility_office).post(page, {"text": "x", "language": "en"}).status_code == 404
    assert client.post(page, {"text": "", "language": "en"}).status_code == 200

    done = client.post(page, {"text": "Then rest.", "language": "en"}, follow=True)

    assert "Your answer is sent." in words_of(done)
    assert FollowUpQuestion.objects.get().answer == "Then rest."
    again = client.post(page, {"text": "Other.", "language": "en"})
    assert again.status_code == 409
    assert "Other." in again.content.decode()
    assert client.get(url(case, "questions/11111111-1111-4111-8111-111111111111/")).status_code == 404


def test_the_desk_in_italian(case: Request, specialist: User, enter: Enter):
    specialist.language = "it"
    specialist.save()

    response = enter(specialist).get(url(case))

    assert '<html lang="it"' in response.content.decode()


def test_how_many_queries_the_pages_take(case: Request, by: Actor, specialist: User, enter: Enter):
    client = enter(specialist)
    for _number in range(30):
        factories.make_treatment()
    with CaptureQueriesContext(connection) as editor:
        client.get(url(case))
    rows = [option(OptionKind.HOME, f"Row {number}") for number in range(8)]
    factories.deliver_opinion(case, by, options=rows)
    with CaptureQueriesContext(connection) as delivered:
        client.get(url(case))

    assert len(editor) <= 60
    assert len(delivered) <= 60
