"""Which message goes to whom: always "something waits", a reference and the sign-in page, never a word on health."""

import datetime
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone, translation

from accounts.models import User
from notifications import outbox
from teleconsult.enums import Action
from teleconsult.models import AccessCode, Event, Request
from teleconsult.transitions import Mail
from vault.keys import email_hash

FOLDER = "teleconsult/mail"


def tell(mail: Mail, request: Request, event: Event) -> None:
    """Tell the patient about a step, once."""
    is_receipt = mail == Mail.NEW_RECEIPT_NOTICE
    context: dict[str, object] = {"waits": request.receipts.waiting().exists()} if is_receipt else {}
    _to_patient(str(mail), request, f"{event.pk}:{mail}", context)


def remind(request: Request, *, days: int, ends_on: datetime.date) -> None:
    """Remind the patient that we wait, once for each number of days of this wait."""
    key = f"{request.pk}:wait:{request.paused_since:%Y%m%d%H%M%S}:{days}"
    _to_patient("reminder", request, key, {"ends_on": ends_on})


def remind_of_draft(request: Request, *, days: int, ends_on: datetime.date) -> None:
    """Remind the patient of a draft, once for each number of days since it was last saved."""
    key = f"{request.pk}:draft:{request.saved_at:%Y%m%d%H%M%S}:{days}"
    _to_patient("draft_reminder", request, key, {"ends_on": ends_on})


def send_code(request: Request, code: str, row: AccessCode) -> None:
    """Send a one-time code. Of a code the outbox keeps a sealed copy until it is sent, and it ends in minutes."""
    context = {"code": code, "minutes": int((row.expires_at - row.created_at).total_seconds()) // 60}
    _to_patient("access_code", request, f"code:{row.pk}", context)


def send_references(email: str, requests: Iterable[Request]) -> None:
    """Send a mailbox the references of its requests."""
    rows = list(requests)
    outbox.post(
        f"{FOLDER}/your_references",
        to=email,
        language=rows[0].language,
        zone=rows[0].zone,
        context={
            "references": [row.reference for row in rows],
            "sign_in_url": sign_in_url(rows[0].language),
        },
    )


def send_digest(user: User, *, day: datetime.date, zone: str, lanes: dict[str, list[str]], dedupe_key: str) -> None:
    """Send a colleague the references that wait, by lane."""
    outbox.post(
        f"{FOLDER}/digest",
        to=user.email,
        language=user.language,
        zone=zone,
        context={"day": day, "lanes": lanes, "desk_url": settings.PUBLIC_URL + reverse("desk:queue")},
        dedupe_key=dedupe_key,
    )


def tell_specialist(user: User, request: Request, event: Event) -> None:
    """Tell the specialist, once, that the case is with her, or that a question about her opinion waits."""
    mail = "follow_up_waiting" if event.action == Action.ASK_FOLLOW_UP else "case_waiting"
    is_new = event.action == Action.NAME_SPECIALIST
    address = reverse("desk:case", args=[request.reference])
    _to_specialist(user, request, event, mail, address, is_new=is_new, due_at=request.due_at)


def tell_relieved(user: User, request: Request, event: Event) -> None:
    """Tell the specialist, once, that the case is not hers any more; why is nothing for a mail."""
    _to_specialist(user, request, event, "case_left", reverse("desk:queue"))


def _to_specialist(user: User, request: Request, event: Event, mail: str, address: str, **context: Any) -> None:
    outbox.post(
        f"{FOLDER}/{mail}",
        to=user.email,
        language=user.language,
        zone=settings.PORTAL_TIME_ZONE,
        about=str(request.pk),
        context={"reference": request.reference, "desk_url": settings.PUBLIC_URL + address, **context},
        dedupe_key=f"{event.pk}:{mail}",
    )


def sign_in_url(language: str) -> str:
    """Return the address of the sign-in page; it names no request, for mail scanners open it too."""
    with translation.override(language):
        return settings.PUBLIC_URL + reverse("teleconsult:my_request")


def mailbox_key(email: str) -> str:
    """Return the look-up of a mailbox."""
    return email_hash(email)


def _to_patient(kind: str, request: Request, dedupe_key: str, context: dict[str, object]) -> None:
    outbox.post(
        f"{FOLDER}/{kind}",
        to=request.email,
        language=request.language,
        zone=request.zone,
        about=str(request.pk),
        context={
            "reference": request.reference,
            "request_kind": str(request.kind),
            "sign_in_url": sign_in_url(request.language),
            "at": timezone.now(),
            **context,
        },
        dedupe_key=dedupe_key,
    )
