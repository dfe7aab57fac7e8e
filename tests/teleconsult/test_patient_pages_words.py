"""A walk through the patient's own pages, in every language and state: no page breaks, none speaks English by mistake."""

import re
import uuid
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from django.urls import URLPattern, get_resolver, reverse
from django.utils import translation

from accounts.models import User
from facilities.models import Facility
from teleconsult import reading, urls, workflow
from teleconsult.enums import AccessLevel, CloseReason, DeclineReason, Status
from teleconsult.models import Request
from teleconsult.permissions import Actor
from tests.pages.reading import Elements, Walked, in_words, readable
from tests.teleconsult import factories
from tests.teleconsult.browsing import Browser
from treatments.enums import DocumentKind
from vault.files import FileState, StoredFile

CODES = [code for code, _name in settings.LANGUAGES if code != "en"]
# Three words of the Latin alphabet in a row, which no name of this test has.
SENTENCE = re.compile(r"[A-Za-z]{2,}[ ’'-]+[A-Za-z]{2,}[ ,’'-]+[A-Za-z]{2,}")
# What people typed, and what is called so in every language.
TYPED = (*[str(value) for value in factories.ANSWERS.values()], "Ospedale Esempio", "Secretectomy", "Written by")
Words = set[str]


def pages_without_a_name() -> Iterator[str]:
    """Yield every page of the second opinion whose address names nothing: those of the session."""
    yield from (
        f"teleconsult:{pattern.name}"
        for pattern in urls.urlpatterns
        if isinstance(pattern, URLPattern) and not pattern.pattern.converters
    )


@pytest.fixture
def states(coordinator: User, facility: Facility, facility_office: User, specialist: User) -> dict[str, Request]:
    """Return a request in every state a patient meets, with messages and papers."""
    by = Actor.staff(coordinator)
    factories.make_protocol(facility)
    treatment = facility.offers.get().treatment

    def in_triage(**about: object) -> Request:
        return factories.make_in_triage(coordinator, facility=facility, treatment=treatment, with_consent=True, **about)

    def take_step(step: Callable[..., Request], **about: object) -> Request:
        case = in_triage()
        return step(request=case, by=by, seen_version=case.version, **about)

    made = {
        "draft": factories.make_draft(facility=facility, treatment=treatment),
        "relative's draft": factories.make_draft(**factories.RELATIVE_ANSWERS),
        "submitted": factories.make_submitted(facility=facility, treatment=treatment),
        "in triage": in_triage(),
        "document asked for": take_step(workflow.ask_document, text="Written by the office"),
        "answer asked for": take_step(workflow.ask_question, text="Written by the office"),
        "consent asked for": factories.make_in_triage(coordinator),
        "with the facility": factories.make_with_facility(coordinator, facility),
        "with the specialist": factories.make_with_specialist(coordinator, facility, facility_office, specialist),
        "opinion ready": factories.make_with_specialist(coordinator, facility, facility_office, specialist),
        "declined": take_step(workflow.decline, reason=DeclineReason.REQUIREMENTS, alternatives=[facility]),
        "closed": take_step(workflow.close, reason=CloseReason.ANSWERED, text="Written by the office"),
        "withdrawn": factories.make_submitted(),
    }
    asked = made["consent asked for"]
    made["consent asked for"] = workflow.ask_consent(
        request=asked, by=by, seen_version=asked.version, facility=facility
    )
    withdrawn = made["withdrawn"]
    made["withdrawn"] = workflow.withdraw(
        request=withdrawn, by=factories.patient_of(withdrawn), seen_version=withdrawn.version
    )
    factories.force_status(made["opinion ready"], Status.OPINION_READY, coordinator)
    for name in ("draft", "in triage", "with the specialist"):
        case = made[name]
        for content in (b"%PDF-1.4 one", b"%PDF-1.4 two"):
            workflow.add_document(
                request=case,
                by=factories.patient_of(case),
                upload=factories.upload(content=content + case.reference.encode()),
                kind=DocumentKind.REPORT,
                language="tr",
            )
    StoredFile.objects.update(state=FileState.CLEAN)
    case = made["in triage"]
    workflow.send_message(
        request=case, by=factories.patient_of(case), text="Written by the patient", idempotency_key=uuid.uuid4()
    )
    workflow.send_message(request=case, by=by, text="Written by the office", idempotency_key=uuid.uuid4())
    reading.view_request(request=case, by=by)
    return made


def walk(states: dict[str, Request], language: str) -> Iterator[tuple[str, Walked]]:
    """Yield every page that each patient can open, in a language."""
    for state, request in states.items():
        levels = (AccessLevel.FULL, AccessLevel.STATUS) if state == "in triage" else (AccessLevel.FULL,)
        for level in levels:
            browser = Browser(language).sign_in(request, level=level, secret="secret" if state == "submitted" else "")
            for name in pages_without_a_name():
                with translation.override(language):
                    address = reverse(name)
                answer = browser.client.get(address)
                if answer.status_code == 200:
                    yield f"{state} ({level}) {name}", Walked(address, language, answer)
                else:
                    assert answer.status_code in {302, 404, 405}, f"{state} {name}: {answer.status_code}"


def sentences(elements: Elements) -> Words:
    return {text for text in readable(elements) if SENTENCE.search(text) and not any(typed in text for typed in TYPED)}


def said_in(states: dict[str, Request], language: str) -> dict[str, Words]:
    return {name: sentences(page.elements) for name, page in walk(states, language)}


@pytest.mark.parametrize("language", CODES)
def test_the_patients_pages_in_every_language_and_state(states: dict[str, Request], language: str) -> None:
    english = {words for said in said_in(states, "en").values() for words in said}
    faults = {}

    for name, page in walk(states, language):
        elements = page.elements
        untranslated = sorted(sentences(elements) & english)
        is_private = page.response["Cache-Control"] == "no-store"
        faults[name] = page.faults(elements) + (page.private_faults(elements) if is_private else [])
        faults[name] += [f"says in English {words[:80]!r}" for words in untranslated]

    assert len(faults) > 2 * len(states)
    assert not in_words(faults), in_words(faults)


def test_the_walk_meets_every_page_of_the_session(states: dict[str, Request]) -> None:
    met = {name.rpartition(" ")[2] for name, _page in walk(states, "en")}
    steps = {"receipt", "receipt_new", "sign_out", "consent_revoke"}

    assert {name.removeprefix("teleconsult:") for name in pages_without_a_name()} - {
        name.removeprefix("teleconsult:") for name in met
    } == steps
    assert get_resolver().reverse_dict is not None


def test_the_walk_finds_a_sentence_left_in_english(states: dict[str, Request], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("teleconsult.views.area.WithdrawView.template_name", "teleconsult/withdraw.html")
    english = said_in({"submitted": states["submitted"]}, "en")
    said = {words for found in english.values() for words in found}

    assert len(said) > 20
