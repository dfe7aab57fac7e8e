"""A walk through the patient's own pages, in every language: no page breaks, none speaks English by mistake.

The page of the request is opened in every state, every other page in the first states that show it.
"""

import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import pytest
from django.conf import settings
from django.urls import URLPattern, reverse
from django.utils import translation
from django.utils.translation import trans_real

from accounts.models import User
from facilities.models import Facility
from teleconsult import reading, urls, workflow
from teleconsult.enums import AccessLevel, CloseReason, DeclineReason, Status
from teleconsult.models import Request, SpecialistProfile
from teleconsult.permissions import Actor
from tests.pages.reading import Elements, Walked, in_words, readable
from tests.teleconsult import consulting, factories
from tests.teleconsult.browsing import Browser
from treatments.enums import DocumentKind
from vault.files import FileState, StoredFile

CODES = [code for code, _name in settings.LANGUAGES if code != "en"]
# Three words of the Latin alphabet in a row.
SENTENCE = re.compile(r"[A-Za-z]{2,}[ ’'-]+[A-Za-z]{2,}[ ,’'-]+[A-Za-z]{2,}")
# What people typed, and what is called so in every language.
TYPED = (*[str(value) for value in factories.ANSWERS.values()], "Ospedale Esempio", "Secretectomy", "Written by")
NAMES = (*TYPED, "Isle of Man", "width=device-width")
REFERENCE = re.compile(r"HL(?:-[0-9A-Z]+){3}")
OPENED_OF_A_KIND = 2
IN_EVERY_STATE = "teleconsult:my_request"
Words = set[str]
# These take forms only.
NOT_SHOWN = {
    "consent_revoke",
    "consultation_wait",
    "copy_code",
    "opinion_done",
    "receipt",
    "receipt_new",
    "sign_out",
    "uploads",
}


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
    protocol = factories.make_protocol(facility, includes_consultation=True)
    SpecialistProfile.objects.create(user=specialist, languages=["en"])
    consulting.add_hours(specialist)
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
    Request.objects.filter(pk=made["with the specialist"].pk).update(protocol=protocol)
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


def walk(states: dict[str, Request], language: str, names: Iterable[str] = ()) -> Iterator[tuple[str, Walked]]:
    """Yield the pages that the patients can open, in a language."""
    opened: Counter[str] = Counter()
    for state, request in states.items():
        levels = (AccessLevel.FULL, AccessLevel.STATUS) if state == "in triage" else (AccessLevel.FULL,)
        for level in levels:
            browser = Browser(language).sign_in(request, level=level, secret="secret" if state == "submitted" else "")
            for name in names or pages_without_a_name():
                if opened[name] >= OPENED_OF_A_KIND and name != IN_EVERY_STATE:
                    continue
                with translation.override(language):
                    address = reverse(name)
                answer = browser.client.get(address)
                if answer.status_code == 200:
                    opened[name] += 1
                    yield f"{state} ({level}) {name}", Walked(address, language, answer)
                else:
                    assert answer.status_code in {302, 404, 405}, f"{state} {name}: {answer.status_code}"


def sentences(elements: Elements) -> Words:
    read = [REFERENCE.sub("", text) for text in readable(elements)]
    return {text for text in read if SENTENCE.search(text) and not any(name in text for name in NAMES)}


def said_in(states: dict[str, Request], language: str, names: Iterable[str] = ()) -> Words:
    return {words for _name, page in walk(states, language, names) for words in sentences(page.elements)}


# Read once: a sentence is the same in every database.
_english: Words = set()


@pytest.fixture
def english(states: dict[str, Request]) -> Words:
    _english.update(() if _english else said_in(states, "en"))
    return _english


@pytest.mark.parametrize("language", CODES)
def test_the_patients_pages_in_every_language_and_state(
    states: dict[str, Request], english: Words, language: str
) -> None:
    faults = {}
    for name, page in walk(states, language):
        elements = page.elements
        is_private = page.response["Cache-Control"] == "no-store"
        faults[name] = page.faults(elements) + (page.private_faults(elements) if is_private else [])
        faults[name] += [f"says in English {words[:80]!r}" for words in sorted(sentences(elements) & english)]

    assert not in_words(faults), in_words(faults)
    met = {name.rpartition(" ")[2] for name in faults}
    assert {name.removeprefix("teleconsult:") for name in set(pages_without_a_name()) - met} == NOT_SHOWN


def test_a_sentence_left_in_english_is_found(
    states: dict[str, Request], english: Words, monkeypatch: pytest.MonkeyPatch
) -> None:
    for catalogue in trans_real.translation("de")._catalog._catalogs:  # type: ignore[attr-defined]
        for words in english & catalogue.keys():
            monkeypatch.setitem(catalogue, words, words)

    assert len(said_in(states, "de", ["teleconsult:withdraw"]) & english) > 2
