import datetime
import re
import uuid
from pathlib import Path

import pytest
from django.conf import settings
from django.core import mail
from django.utils.html import strip_tags

from accounts.models import User
from facilities.models import Facility
from notifications.models import OutboxMessage
from notifications.sending import build
from teleconsult import access, mailings, workflow
from teleconsult.enums import DeclineReason
from teleconsult.models import Request
from teleconsult.permissions import Actor
from teleconsult.transitions import Mail
from tests.teleconsult import factories
from treatments.models import Treatment

FOLDER = Path(settings.BASE_DIR) / "templates" / "teleconsult" / "mail"
KINDS = sorted(path.name.removesuffix(".subject.txt") for path in FOLDER.glob("*.subject.txt"))
SECRETS = (
    "secret",
    "52",
    "Ada Example",
    "Is the operation needed",
    "Esempio",
    "Ospedale",
    "onco",
    "opinion",
    "surgery",
)


@pytest.fixture
def treatment(db: None) -> Treatment:
    return factories.make_treatment("secretectomy")


def told(request: Request) -> list[str]:
    rows = OutboxMessage.objects.filter(about=str(request.pk)).order_by("created_at")
    return [row.kind.removeprefix("teleconsult/mail/") for row in rows]


def test_each_step_tells_the_patient_once(
    coordinator: User, facility: Facility, facility_office: User, specialist: User, treatment: Treatment
):
    request = factories.make_with_facility(coordinator, facility)
    office = Actor.staff(facility_office)
    request = workflow.ask_document(request=request, by=office, seen_version=request.version, text="Your scans.")
    request = workflow.patient_answers(
        request=request, by=factories.patient_of(request), seen_version=request.version, text="Here."
    )
    request = workflow.ask_question(request=request, by=office, seen_version=request.version, text="Since when?")
    request = workflow.patient_answers(
        request=request, by=factories.patient_of(request), seen_version=request.version, text="May."
    )
    workflow.send_message(request=request, by=office, text="Thank you.", idempotency_key=uuid.uuid4())
    request = workflow.withdraw(request=request, by=factories.patient_of(request), seen_version=request.version)

    assert told(request) == [
        "draft_saved",
        "request_received",
        "status_changed",
        "status_changed",
        "document_asked",
        "answer_asked",
        "message_waiting",
        "withdrawn",
    ]


def test_declining_and_closing_and_consent_have_their_own_mail(
    coordinator: User, facility: Facility, facility_office: User
):
    by = Actor.staff(coordinator)
    asked, declined, closed = (factories.make_in_triage(coordinator) for _number in range(3))

    workflow.ask_consent(request=asked, by=by, seen_version=asked.version, facility=facility)
    workflow.decline(request=declined, by=by, seen_version=declined.version, reason=DeclineReason.NOT_OFFERED)
    workflow.close(request=closed, by=by, seen_version=closed.version)

    assert told(asked)[-1] == "consent_asked"
    assert told(declined)[-1] == "declined"
    assert told(closed)[-1] == "closed"


def test_an_internal_note_is_told_to_nobody(coordinator: User):
    request = factories.make_in_triage(coordinator)
    before = told(request)

    workflow.write_note(request=request, by=Actor.staff(coordinator), text="Hm.", idempotency_key=uuid.uuid4())

    assert told(request) == before


def test_a_refused_step_tells_nobody(coordinator: User, stranger: User):
    request = factories.make_in_triage(coordinator)
    before = told(request)

    with pytest.raises(Exception, match="cannot"):
        workflow.close(request=request, by=Actor.staff(stranger), seen_version=request.version)

    assert told(request) == before


def test_erasing_leaves_one_last_mail(coordinator: User):
    request = factories.make_in_triage(coordinator)

    workflow.erase(request=request, by=factories.patient_of(request))

    rows = OutboxMessage.objects.filter(about=str(request.pk))
    assert [row.kind for row in rows if row.erased_at is None] == ["teleconsult/mail/erased"]


def test_every_mail_of_the_table_has_its_templates():
    assert {str(kind) for kind in Mail} <= set(KINDS)
    for kind in KINDS:
        assert (FOLDER / f"{kind}.txt").exists()
        assert (FOLDER / f"{kind}.html").exists()


@pytest.mark.parametrize("language", [code for code, _name in settings.LANGUAGES])
@pytest.mark.parametrize("kind", sorted(str(kind) for kind in Mail))
def test_no_mail_says_anything_about_health(kind: str, language: str, facility: Facility, treatment: Treatment):
    request = factories.make_draft(treatment=treatment, facility=facility, language=language)
    event = request.events.get()
    OutboxMessage.objects.all().delete()

    mailings.tell(Mail(kind), request, event)

    message = build(OutboxMessage.objects.get())
    html = message.alternatives[0].content
    for text in (message.subject, message.body, strip_tags(html)):
        assert not [secret for secret in SECRETS if secret.casefold() in text.casefold()]
        assert "{{" not in text
    assert request.reference in message.body
    assert request.reference not in message.subject
    if kind != Mail.ERASED:
        # The address names no request: mail scanners open it too.
        assert re.findall(r"https?://\S+", message.body) == [mailings.sign_in_url(language)]
        assert f"/{language}/my-request/" in message.body
    assert f'dir="{"rtl" if language == "ar" else "ltr"}"' in html


def test_a_code_stands_in_the_body_only(draft: Request):
    OutboxMessage.objects.all().delete()
    access.ask_code(reference=draft.reference, browser="b", network="192.0.2.1")

    row = OutboxMessage.objects.get()
    message = build(row)
    assert row.context["code"] in message.body
    assert row.context["code"] not in message.subject
    assert "10 minutes" in message.body
    assert "http" not in message.body


def test_reminders_name_the_day(draft: Request):
    OutboxMessage.objects.all().delete()

    mailings.remind_of_draft(draft, days=7, ends_on=datetime.date(2026, 5, 4))
    mailings.remind_of_draft(draft, days=7, ends_on=datetime.date(2026, 5, 4))

    assert "4 May 2026" in build(OutboxMessage.objects.get()).body


def test_nothing_is_sent_by_a_step_itself(draft: Request):
    assert mail.outbox == []
