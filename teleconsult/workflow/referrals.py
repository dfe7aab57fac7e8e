"""A referral: another facility treats it, or treats it sooner. A second request, with its own consent and clock."""

import uuid

from django.db import transaction

from accounts.models import User
from facilities.models import Facility
from teleconsult import transitions
from teleconsult.enums import Action, ConsentDecision, ConsentPurpose, Status
from teleconsult.models import Consent, Request, SharedDocument
from teleconsult.permissions import Actor
from teleconsult.workflow.correspondence import write_message
from teleconsult.workflow.promises import protocol_for, start_office_clock
from teleconsult.workflow.steps import LONGEST_TEXT, Step, begin, clean, finish
from vault.files import FileState
from vault.keys import DataKey

# What the second request begins with; each value is sealed anew, under the key of the second.
COPIED = (
    "kind", "office", "for_whom", "authority_stated_at", "email", "email_key", "patient_name", "asker_name",
    "relationship", "country", "language", "zone", "question", "treatment_slug", "condition_slug", "age_years", "sex",
    "urgency", "urgency_reason",
)  # fmt: skip


@transaction.atomic
def refer(
    *, request: Request, by: Actor, seen_version: int, facility: Facility, idempotency_key: uuid.UUID, text: str = ""
) -> Request:
    """Make a second request for another facility and ask the patient for consent; return the second.

    The first goes on as it is. The documents are shared by reference; nobody of the facility reads anything before
    the patient agrees and the office forwards. Pressed twice, one row. Raises NotReached and ConsentMissing.
    """
    known = request.referrals.filter(idempotency_key=idempotency_key).first()
    if known:
        return known
    words = clean(text, LONGEST_TEXT)
    step = begin(request, Action.REFER, by, seen_version, facility=facility, text=words)
    second = _second(step, idempotency_key)
    finish(step, note="")
    _share(step, second)
    _carry_consent_of_the_office(step, second)
    _begin(second, step, words)
    return second


def _second(step: Step, key: uuid.UUID) -> Request:
    first = step.request
    second = Request(
        **{name: getattr(first, name) for name in COPIED},
        data_key=DataKey.objects.make(),
        facility=step.facility,
        referred_from=first,
        owner=_owner(step),
        status=Status.IN_TRIAGE,
        submitted_at=step.now,
        created_at=step.now,
        saved_at=step.now,
        idempotency_key=key,
    )
    second.protocol = protocol_for(second, step.facility)
    second.save(force_insert=True)
    return second


def _owner(step: Step) -> User | None:
    return step.by.user or step.request.owner


def _share(step: Step, second: Request) -> None:
    """Let the second request read the papers of the first; a file that was refused helps nobody."""
    papers = step.request.papers.exclude(file__state=FileState.REFUSED)
    SharedDocument.objects.bulk_create(
        SharedDocument(request=second, document=document, shared_at=step.now) for document in papers
    )


def _carry_consent_of_the_office(step: Step, second: Request) -> None:
    """Let the same office read what it reads already: the decision, its text and its time are those of the first."""
    given = step.request.consents.live().for_coordination().latest("number")
    Consent.objects.create(
        request=second,
        number=1,
        purpose=ConsentPurpose.COORDINATION,
        facility=None,
        decision=ConsentDecision.GRANT,
        at=given.at,
        text_version=given.text_version,
        text_language=given.text_language,
        text_hash=given.text_hash,
    )


def _begin(second: Request, first: Step, words: str) -> None:
    """Write the first step of the second request: the patient is asked, and the clock stands still."""
    row = next(row for row in transitions.TABLE if row.action == Action.BEGIN_REFERRAL)
    step = Step(
        second, Action.BEGIN_REFERRAL, first.by, first.role, row, first.now, facility=first.facility, text=words
    )
    if words:
        write_message(step, words)
    start_office_clock(step)
    finish(step)
