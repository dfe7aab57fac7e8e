"""The patient begins, saves and sends."""

import datetime
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from teleconsult import access, permissions, transitions
from teleconsult.enums import Action, ConsentDecision, ConsentPurpose, RequestKind
from teleconsult.exceptions import Incomplete, RulesChanged
from teleconsult.models import CoordinationOffice, Request
from teleconsult.permissions import Actor
from teleconsult.workflow.decisions import decide, state_authority
from teleconsult.workflow.promises import protocol_for, protocol_id_for, start_office_clock
from teleconsult.workflow.requirements import check
from teleconsult.workflow.steps import LONGEST_TEXT, Step, begin, clean, finish, lock, write_trail
from vault.keys import DataKey, email_hash

LONGEST_NAME = 200

# A form pressed again within this time gets the receipt that its first answer lost.
SECOND_PRESS = datetime.timedelta(minutes=10)

ANSWER_NAMES = frozenset(
    {
        "age_years", "asker_name", "condition", "country", "email", "facility", "for_whom", "language",
        "organisation", "patient_name", "question", "relationship", "sex", "treatment", "zone",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Started:
    """A request that was begun, with the secret of its receipt; no secret when it was begun long ago."""

    request: Request
    secret: str


@transaction.atomic
def start_draft(
    *,
    answers: Mapping[str, Any],
    idempotency_key: uuid.UUID,
    kind: RequestKind = RequestKind.SECOND_OPINION,
) -> Started:
    """Keep the first answers, `email` and `language` among them, and return the draft with its receipt.

    Pressed twice, one row. Raises Incomplete without an e-mail address.
    """
    request, is_new = _begun(answers, idempotency_key, kind)
    if is_new:
        step = _start_step(request)
        finish(step)
    return _with_receipt(request, is_new)


@transaction.atomic
def send_enquiry(
    *,
    answers: Mapping[str, Any],
    idempotency_key: uuid.UUID,
    coordination_consent: str,
    shown_in: str,
    kind: RequestKind = RequestKind.QUESTION,
    has_authority: bool = False,
) -> Started:
    """Keep and send a request that fits on one screen, a question by default; pressed twice, one row.

    `coordination_consent` is the hash of the consent text that was on the screen, in the language `shown_in`.
    Raises Incomplete and ConsentTextChanged.
    """
    request, is_new = _begun(answers, idempotency_key, kind)
    if is_new:
        step = _start_step(request)
        finish(step, tells=False)
        by = Actor.author(request)
        if has_authority and request.needs_authority:
            request = state_authority(request=request, by=by, seen_version=step.request.version)
        request = submit(
            request=request,
            by=by,
            seen_version=request.version,
            idempotency_key=idempotency_key,
            coordination_consent=coordination_consent,
            shown_in=shown_in,
        )
    return _with_receipt(request, is_new)


@transaction.atomic
def save_draft(*, request: Request, by: Actor, answers: Mapping[str, Any]) -> Request:
    """Keep some answers of a draft; the last one given holds, so no version is asked for."""
    step = begin(request, Action.SAVE, by)
    _write_answers(step.request, answers)
    step.request.saved_at = step.now
    step.request.save()
    write_trail(step)
    return step.request


@transaction.atomic
def submit(
    *,
    request: Request,
    by: Actor,
    seen_version: int,
    idempotency_key: uuid.UUID,
    coordination_consent: str = "",
    facility_consent: str = "",
    shown_in: str = "",
    seen_rules: int | None = None,
) -> Request:
    """Send a draft to the coordination office; pressed twice with one key, one step.

    The two consents are the hashes of the texts that were on the screen, in the language `shown_in`; a consent that
    is live already need not be given again. `seen_rules` is the key of the hospital's protocol on the screen, None
    where there was none: what is frozen is what was read. Raises Incomplete, ConsentMissing, ConsentTextChanged and
    RulesChanged.
    """
    locked = lock(request)
    if locked.submit_key == idempotency_key and permissions.may(Action.SUBMIT, by, locked):
        return locked
    step = begin(locked, Action.SUBMIT, by, seen_version, checked=False, is_locked=True)
    language = shown_in or step.request.language
    if coordination_consent:
        decide(step, ConsentPurpose.COORDINATION, None, ConsentDecision.GRANT, coordination_consent, language)
    if facility_consent and step.request.facility:
        decide(step, ConsentPurpose.FACILITY, step.request.facility, ConsentDecision.GRANT, facility_consent, language)
    check(step)
    step.request.submitted_at = step.now
    step.request.submit_key = idempotency_key
    step.request.protocol_id = protocol_id_for(step.request, step.request.facility)
    if step.request.protocol_id != seen_rules:
        raise RulesChanged
    start_office_clock(step)
    finish(step)
    return step.request


def _start_step(request: Request) -> Step:
    by = Actor.author(request)
    row = next(row for row in transitions.TABLE if row.action == Action.START)
    return Step(request, Action.START, by, request.patient_role, row, request.created_at)


def _begun(answers: Mapping[str, Any], key: uuid.UUID, kind: RequestKind) -> tuple[Request, bool]:
    """Return the request that this form began, and whether that was now."""
    if not answers.get("email"):
        raise Incomplete(["email"])
    known = Request.objects.filter(idempotency_key=key).first()
    if known is not None and not _is_same_form(known, answers, kind):
        # The form of somebody else, seen on a shared screen, or her own with another address: no second press.
        return _begun(answers, uuid.uuid5(key, f"{kind}|{email_hash(answers['email'])}"), kind)
    if known:
        return known, False
    try:
        with transaction.atomic():
            return _new_request(answers, key, kind), True
    except IntegrityError:
        # The same form, pressed twice at once: the other press has just committed.
        return Request.objects.get(idempotency_key=key), False


def _is_same_form(known: Request, answers: Mapping[str, Any], kind: RequestKind) -> bool:
    # A referral has its mailbox from the patient, and its key from a form of the desk.
    return known.referred_from_id is not None or (
        known.kind == kind and known.email_key == email_hash(clean(answers["email"], LONGEST_NAME))
    )


def _new_request(answers: Mapping[str, Any], key: uuid.UUID, kind: RequestKind) -> Request:
    request = Request(
        kind=RequestKind(kind),
        idempotency_key=key,
        office=CoordinationOffice.receiving(),
        data_key=DataKey.objects.make(),
    )
    _write_answers(request, answers)
    request.save(force_insert=True)
    return request


def _with_receipt(request: Request, is_new: bool) -> Started:
    # The key of a referral came from a form of the desk: whoever knows it is not the patient.
    is_referral = request.referred_from_id is not None
    is_recent = timezone.now() - request.created_at < SECOND_PRESS
    # Whoever has signed out has her receipt; a browser keeps the form, and sends it again for whoever comes next.
    has_left = request.sessions.filter(ended_at__isnull=False).exists()
    is_second_press = not is_new and is_recent and not has_left and not is_referral and not request.is_ended
    if not is_new and not is_second_press:
        return Started(request, "")
    # Several presses at once take turns: one receipt lives.
    return Started(request, access.issue_receipt(lock(request), is_confirmed=True))


def _write_answers(request: Request, answers: Mapping[str, Any]) -> None:
    """Put answers on the row; raises KeyError for a name that is no answer."""
    unknown = set(answers) - ANSWER_NAMES
    if unknown:
        raise KeyError(f"No answers: {', '.join(sorted(unknown))}.")
    for name, value in answers.items():
        if name in {"treatment", "condition"}:
            setattr(request, f"{name}_slug", value.slug if value else "")
            request.__dict__.pop(name, None)
        elif isinstance(value, str):
            setattr(request, name, clean(value, LONGEST_TEXT if name == "question" else LONGEST_NAME))
        else:
            setattr(request, name, value)
    if "email" in answers:
        request.email_key = email_hash(request.email)
    if {"facility", "treatment"} & set(answers):
        request.protocol = protocol_for(request, request.facility)
