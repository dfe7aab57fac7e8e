"""The opinion as the patient reads it, takes it along, asks about it and ends the request."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from facilities.models import Facility
from teleconsult import workflow
from teleconsult.enums import AccessLevel, OptionKind, Status
from teleconsult.models import FollowUpQuestion, Opinion, Request
from teleconsult.models.opinions import option
from teleconsult.permissions import Actor
from tests.accounts.factories import sign_in
from tests.teleconsult import factories
from tests.teleconsult.browsing import Browser
from vault.trail import Action, ActorKind, TrailEntry

pytestmark = pytest.mark.django_db
SCRIPT = '<script>alert("x")</script>'


@pytest.fixture
def case(coordinator: User, facility: Facility, facility_office: User, specialist: User) -> Request:
    factories.make_protocol(facility, follow_up_questions=1, follow_up_days=10)
    return factories.make_with_specialist(coordinator, facility, facility_office, specialist)


@pytest.fixture
def by(specialist: User) -> Actor:
    return Actor.staff(specialist)


@pytest.fixture
def opinion(case: Request, by: Actor) -> Opinion:
    return factories.deliver_opinion(case, by)


def browser(case: Request, language: str = "en", **about: AccessLevel) -> Browser:
    return Browser(language).sign_in(Request.objects.get(pk=case.pk), **about)


def url(opinion: Opinion, rest: str = "") -> str:
    return f"my-request/opinion/{opinion.pk}/{rest}"


def test_the_request_says_that_the_answer_is_there(case: Request, opinion: Opinion, facility: Facility):
    page = browser(case).open("my-request/")

    assert "It is your turn" in page.words
    assert "The answer is ready." in page.words
    assert f"/en/my-request/opinion/{opinion.pk}/" in page.main
    assert f"The opinion was delivered: {facility.short_name}" in page.words
    assert "You receive an answer" not in page.words
    assert "You can wait." not in page.words


def test_what_the_checklist_misses_matters_no_more_once_the_answer_is_there(case: Request, by: Actor):
    pages = ("my-request/", "my-request/paper/")
    for page in pages:
        assert "Not sent yet." in browser(case).open(page).words

    factories.deliver_opinion(case, by)

    for page in pages:
        assert "Not sent yet." not in browser(case).open(page).words


def test_a_draft_is_nowhere_on_her_pages(case: Request, by: Actor):
    draft = workflow.write_opinion(request=case, by=by, seen_version=0, text=factories.opinion_text(case))
    here = browser(case)

    page = here.open("my-request/").main
    assert 'id="opinion"' not in page
    assert url(draft) not in page
    assert here.open(url(draft)).status == 404
    assert here.open(url(draft, "pdf/")).status == 404


def test_plain_words_come_first_then_answers_options_and_the_letter(case: Request, by: Actor, facility: Facility):
    treatment = factories.make_treatment()
    rows = [
        option(OptionKind.HOME, "Wait."),
        option(OptionKind.TRAVEL, "Come.", treatment=treatment.slug, facility=facility.slug),
        option(OptionKind.TRIAL, "Ask.", trial="NCT01234567"),
    ]
    opinion = factories.deliver_opinion(case, by, options=rows, plain_words=f"Plain {SCRIPT}")

    page = browser(case).open(url(opinion))

    order = ["Plain", case.question, "No, not now.", "Wait.", "Come.", "Ask.", "Dear colleague,"]
    places = [page.words.index(words) for words in order]
    assert places == sorted(places)
    assert SCRIPT not in page.html
    assert f'href="/en/treatments/{treatment.slug}/"' in page.main or treatment.slug in page.main
    assert f"/en/facilities/{facility.slug}/" in page.main
    assert "https://clinicaltrials.gov/study/NCT01234567" in page.main
    assert "This is not a qualified electronic signature." in page.words
    assert opinion.digest[:8] in page.words
    assert "(Dubai)" in page.words
    assert "(Milan)" in page.words


def test_a_treatment_that_left_the_catalogue_is_named_without_a_link(case: Request, by: Actor):
    treatment = factories.make_treatment()
    opinion = factories.deliver_opinion(
        case, by, options=[option(OptionKind.TRAVEL, "Come.", treatment=treatment.slug)]
    )
    treatment.is_published = False
    treatment.save()

    page = browser(case).open(url(opinion))

    assert "Secretectomy" in page.words
    assert treatment.slug not in page.main


def test_reading_is_in_the_trail_and_in_who_opened_it(case: Request, opinion: Opinion, specialist: User, client):
    here = browser(case)
    assert "Nobody else has opened it." in here.open(url(opinion)).words
    entry = TrailEntry.objects.get(object_id=str(opinion.pk), action=Action.VIEWED)
    assert entry.actor_kind == ActorKind.PATIENT

    sign_in(client, specialist).get(f"/desk/{case.reference}/opinion/")

    page = here.open(url(opinion))
    assert "Nobody else has opened it." not in page.words
    assert re.search(r"Who opened this opinion Specialist\s*,", page.words)


def test_the_language_is_said_where_it_is_not_hers(case: Request, by: Actor):
    opinion = factories.deliver_opinion(case, by, language="it", translated_from="de", plain_words="Può aspettare.")

    page = browser(case).open(url(opinion))

    assert "This opinion is written in: Italian." in page.words
    assert "This text is a translation. The original language is: German." in page.words
    assert '<div class="opinion__words" lang="it" dir="ltr"><p>Può aspettare.</p>' in page.main


def test_in_arabic(case: Request, by: Actor):
    opinion = factories.deliver_opinion(case, by, language="ar", plain_words="Metformin: يمكنك الانتظار.")

    page = browser(case, "ar").open(url(opinion))

    assert page.status == 200
    assert '<html lang="ar" dir="rtl"' in page.html
    # A drug's name at the beginning turns nothing around.
    assert 'lang="ar" dir="rtl"><p>Metformin: يمكنك الانتظار.' in page.main
    assert '<bdi dir="ltr">' in page.main


def test_the_pdf_is_hers_and_its_name_says_nothing(case: Request, opinion: Opinion):
    response = browser(case).client.get("/en/" + url(opinion, "pdf/"))

    assert response.status_code == 200
    assert response.content.startswith(b"%PDF")
    assert response["Content-Disposition"] == f'attachment; filename="{case.reference}.pdf"'
    assert response["Cache-Control"] == "no-store"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response["Content-Security-Policy"]
    assert TrailEntry.objects.filter(object_id=str(opinion.pk), action=Action.DOWNLOADED).count() == 1


@pytest.mark.parametrize("rest", ["", "pdf/", "question/"])
def test_nobody_else_finds_it(case: Request, opinion: Opinion, rest: str):
    other = factories.make_submitted()

    assert browser(other).open(url(opinion, rest)).status == 404
    assert Browser().open(url(opinion, rest)).path == "/en/my-request/"
    assert browser(case, level=AccessLevel.STATUS).open(url(opinion, rest)).path == "/en/my-request/"
    missing = f"my-request/opinion/11111111-1111-4111-8111-111111111111/{rest}"
    assert browser(case).open(missing).status == 404
    assert not FollowUpQuestion.objects.exists()


def test_a_question_within_the_protocol(case: Request, opinion: Opinion, by: Actor):
    here = browser(case)
    assert "You can ask 1 more question." in here.open(url(opinion)).words
    form = here.open(url(opinion, "question/"))
    assert "Write your message." in form.send(text=" ").words

    done = form.send(text=f"May I fly? {SCRIPT}")
    again = form.send(text=f"May I fly? {SCRIPT}")

    assert "Your question has been sent." in done.words
    assert again.status == 200
    question = FollowUpQuestion.objects.get()
    page = here.open(url(opinion))
    assert "May I fly?" in page.words
    assert SCRIPT not in page.html
    assert "The answer is not there yet." in page.words
    assert "You have asked all the questions that are included." in page.words
    assert here.open(url(opinion, "question/")).path == f"/en/{url(opinion)}"
    workflow.answer_follow_up(question=question, by=by, text="Yes, you may.", language="en")
    assert "Yes, you may." in here.open(url(opinion)).words


def test_a_question_too_many_keeps_its_words(case: Request, opinion: Opinion):
    here = browser(case)
    form = here.open(url(opinion, "question/"))
    factories.ask_follow_up(case)

    refused = form.send(text="One more?")

    assert "You have asked all the questions that are included, or the time for them is over." in refused.words
    assert "One more?" in refused.main


def test_an_addendum_is_below_the_opinion(case: Request, opinion: Opinion, by: Actor):
    addendum = factories.add_addendum(case, by, "One more thing.")
    here = browser(case)

    assert "The specialist added something." in here.open("my-request/").words
    page = here.open(url(opinion))

    assert page.words.index("One more thing.") > page.words.index("Dear colleague")
    assert addendum.digest[:8] in page.words


def test_a_draft_of_an_addendum_is_not_hers_to_read(case: Request, opinion: Opinion, by: Actor):
    workflow.write_addendum(request=case, by=by, seen_version=0, text="Not yet.", language="en")

    assert "Not yet." not in browser(case).open(url(opinion)).words


def test_i_have_what_i_need(case: Request, opinion: Opinion):
    here = browser(case)
    assert "I have what I need" in here.open(url(opinion)).words
    assert here.client.get("/en/my-request/done/").status_code == 405

    here.post("my-request/done/")
    ended = here.post("my-request/done/")

    case.refresh_from_db()
    assert case.status == Status.CLOSED
    assert "Your request is closed." in ended.words
    assert "Your question is answered." in ended.words
    page = here.open(url(opinion))
    assert "You can wait." in page.words
    assert "I have what I need" not in page.words
    assert here.client.get("/en/" + url(opinion, "pdf/")).status_code == 200


def test_done_before_the_opinion_ends_nothing(case: Request):
    browser(case).post("my-request/done/")

    case.refresh_from_db()
    assert case.status == Status.WITH_SPECIALIST


def test_after_the_consent_is_taken_back_the_opinion_stays_hers(case: Request, opinion: Opinion, facility: Facility):
    case.refresh_from_db()
    workflow.revoke_consent(request=case, by=factories.patient_of(case), seen_version=case.version, facility=facility)
    page = browser(case).open(url(opinion))

    assert "You can wait." in page.words
    assert "I have what I need" not in page.words
    assert "Ask a question" not in page.words


def test_how_many_queries_it_takes(case: Request, opinion: Opinion):
    here = browser(case)
    with CaptureQueriesContext(connection) as queries:
        here.open(url(opinion))

    assert len(queries) <= 45
