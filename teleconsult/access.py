"""Access without a password: the receipt, the mailed one-time code, the patient's session.

Coming back needs the receipt (reference and secret) and a code sent to the mailbox; the code alone opens the status.
A miss does what a hit does, mail and all, and rolls it back: it neither looks different nor takes less time.
Whoever knows the reference alone cannot use up what the holder of the receipt has: the two are counted apart.
"""

import datetime
import hashlib
import hmac
import secrets
import uuid
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.models import User
from teleconsult import mailings, references
from teleconsult.enums import AccessLevel, Status
from teleconsult.exceptions import TooMany, WrongCode, WrongReference
from teleconsult.models import AccessCode, PatientSession, Receipt, Request
from teleconsult.querysets import SESSION_LONGEST
from vault import limits, trail
from vault.keys import DataKey, keyed_hash

SECRET_BYTES = 16
# The one that opens everything, and the one that waits to take its place.
MOST_RECEIPTS = 2
# No 0 O, 1 I L: a code is read from a mail and typed on another screen. 31 signs, nearly 40 bits.
CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
CODE_SIGNS = 8
CODE_LIFE = datetime.timedelta(minutes=10)
CODE_TRIES = 3
# What carries everything away asks for a code as fresh as this.
FRESH = datetime.timedelta(minutes=10)
HOUR, DAY = 3600, 86_400
CODES_PER_MAILBOX = 5
# What is counted: by whoever knows a reference, and by whoever has its receipt.
CODES, WRONG = "teleconsult.codes", "teleconsult.wrong"
CODES_WITH_RECEIPT, WRONG_WITH_RECEIPT = "teleconsult.codes receipt", "teleconsult.wrong receipt"
WRONG_PER_REFERENCE = 10
TRIES_PER_NETWORK = 100


@dataclass(frozen=True)
class Asked:
    """A code that was asked for, whether or not there is such a request: `code_id` belongs to this browser's form."""

    code_id: uuid.UUID
    expires_at: datetime.datetime


# --- the receipt ---------------------------------------------------------------------------------------------------


def issue_receipt(request: Request, *, is_confirmed: bool) -> str:
    """Return the secret of a new receipt and end the old one; called by the steps of `workflow`.

    One that waits to be confirmed ends only another such: who has the mailbox alone takes nothing from the holder.
    """
    now = timezone.now()
    secret = secrets.token_urlsafe(SECRET_BYTES)
    if is_confirmed:
        _end_receipts(request, now)
    else:
        request.receipts.waiting().update(ended_at=now)
    Receipt.objects.create(
        request=request,
        secret_hash=_hash(secret),
        created_at=now,
        confirmed_at=now if is_confirmed else None,
    )
    return secret


def confirm_receipt(waiting: Receipt, *, by: User | None, at: datetime.datetime) -> None:
    """Let a receipt that waits open everything: the office knows who asked for it. The lost one ends."""
    request = waiting.request
    _end_receipts(request, at, besides=waiting)
    request.sessions.filter(ended_at__isnull=True, level=AccessLevel.FULL).update(ended_at=at, unconfirmed_secret=b"")
    waiting.confirmed_at, waiting.confirmed_by = at, by
    waiting.save(update_fields=["confirmed_at", "confirmed_by"])


def waiting_receipt(request: Request) -> Receipt | None:
    """Return the receipt for which someone waits until the office has confirmed who it is."""
    return request.receipts.waiting().first()


def was_used_since(request: Request, moment: datetime.datetime) -> bool:
    """Return whether somebody who has the receipt was in since a moment."""
    return request.sessions.filter(level=AccessLevel.FULL, seen_at__gt=moment).exists()


def keep_secret(session: PatientSession, secret: str) -> None:
    """Show the receipt in this session until the patient says it is kept."""
    session.unconfirmed_secret = secret
    session.save(update_fields=["unconfirmed_secret"])


def awake(session: PatientSession) -> PatientSession:
    """Return the row as it is now, locked until the transaction ends: two presses take turns."""
    return PatientSession.objects.select_for_update().get(pk=session.pk)


def end_others(session: PatientSession) -> None:
    """End what is open elsewhere: a new receipt is asked for where the old one may have been seen."""
    others = session.request.sessions.filter(ended_at__isnull=True).exclude(pk=session.pk)
    others.update(ended_at=timezone.now(), unconfirmed_secret=b"")


def receipt_is_kept(session: PatientSession) -> None:
    """Never show the secret again."""
    keep_secret(session, "")


# --- the one-time code ---------------------------------------------------------------------------------------------


def ask_code(*, reference: str, secret: str = "", browser: str, network: str) -> Asked:
    """Send a code to the mailbox of a request, and answer the same where there is none.

    `browser` is a random value from a cookie of this browser, `network` its address. With the right secret the code
    opens everything, without a secret the status; a wrong secret is a miss. Raises WrongReference (the check
    character does not fit) and TooMany.
    """
    known = references.normalise(reference)
    if not known:
        raise WrongReference
    _count_network(network)
    request, level = _opened_by(known, secret)
    has_receipt = request is not None and bool(secret)
    if limits.spent(WRONG_WITH_RECEIPT if has_receipt else WRONG, known) >= WRONG_PER_REFERENCE:
        raise TooMany
    if request is None and secret:
        limits.allow(WRONG, known, WRONG_PER_REFERENCE, DAY)
    # Of a miss the reference stands for the mailbox: it runs dry as a real one does, a wrong secret by itself.
    mailbox = request.email_key if request else f"{known} {'with' if secret else 'without'}"
    if not limits.allow(CODES_WITH_RECEIPT if has_receipt else CODES, mailbox, CODES_PER_MAILBOX, HOUR):
        raise TooMany
    return _make_code(request, level, browser) if request else _pretend(browser)


def enter_code(*, code_id: uuid.UUID | str, code: str, browser: str, network: str) -> str:
    """Return the token of a new patient's session. Raises WrongCode, the same for every reason, and TooMany."""
    _count_network(network)
    request_id, level = _use_code(code_id, code, browser)
    if request_id is None:
        raise WrongCode
    request = Request.objects.get(pk=request_id)
    return start_session(request, level=level)


def is_fresh(session: PatientSession) -> bool:
    """Return whether the last code of a session was entered less than ten minutes ago."""
    return (session.renewed_at or session.started_at) > timezone.now() - FRESH


def ask_fresh_code(*, session: PatientSession, browser: str, network: str) -> Asked:
    """Send the patient who is in another code. Raises TooMany."""
    _count_network(network)
    request = session.request
    scope = CODES_WITH_RECEIPT if session.level == AccessLevel.FULL else CODES
    if not limits.allow(scope, request.email_key, CODES_PER_MAILBOX, HOUR):
        raise TooMany
    return _make_code(request, AccessLevel(session.level), browser)


def renew(*, session: PatientSession, code_id: str, code: str, browser: str, network: str) -> None:
    """Record that the patient who is in entered a fresh code. Raises WrongCode and TooMany."""
    _count_network(network)
    request_id, _level = _use_code(code_id, code, browser)
    if request_id != session.request_id:
        raise WrongCode
    with transaction.atomic():
        session.renewed_at = timezone.now()
        session.save(update_fields=["renewed_at"])
        _note(trail.Action.SIGNED_IN, session.request)


def send_references(*, email: str, network: str) -> None:
    """Mail the references of a mailbox's requests to it; says nothing about whether there are any. Raises TooMany."""
    _count_network(network)
    key = mailings.mailbox_key(email)
    if not limits.allow("teleconsult.references", key, CODES_PER_MAILBOX, HOUR):
        raise TooMany
    requests = list(Request.objects.filter(email_key=key).exclude(status=Status.ERASED).order_by("-created_at")[:20])
    with transaction.atomic():
        mark = transaction.savepoint()
        mailings.send_references(email, requests or [_decoy()])
        if requests:
            transaction.savepoint_commit(mark)
        else:
            transaction.savepoint_rollback(mark)


# --- the session ---------------------------------------------------------------------------------------------------


@transaction.atomic
def start_session(request: Request, *, level: AccessLevel = AccessLevel.FULL, secret: str = "") -> str:
    """Return the token of a new session; a `secret` is shown in it until it is kept."""
    token = secrets.token_urlsafe(32)
    PatientSession.objects.create(request=request, token_hash=_hash(token), level=level, unconfirmed_secret=secret)
    _note(trail.Action.SIGNED_IN, request)
    return token


@transaction.atomic
def go_over(session: PatientSession, request: Request) -> str:
    """End a session and return the token of one for a linked request, as old as the first: no code was entered."""
    token = secrets.token_urlsafe(32)
    PatientSession.objects.create(
        request=request,
        token_hash=_hash(token),
        level=session.level,
        started_at=session.started_at,
        renewed_at=session.renewed_at,
    )
    end_session(session)
    _note(trail.Action.SIGNED_IN, request)
    return token


def session_of(http_request: HttpRequest) -> PatientSession | None:
    """Return the patient's living session with its request, and keep it awake."""
    token = http_request.COOKIES.get(settings.PATIENT_COOKIE_NAME, "")
    return session_for(token) if token else None


def session_for(token: str) -> PatientSession | None:
    """Return the living session of a token, and keep it awake."""
    alive = PatientSession.objects.alive().select_related("request__data_key", "request__office", "request__facility")
    session = alive.filter(token_hash=_hash(token)).first()
    if session is not None:
        session.seen_at = timezone.now()
        PatientSession.objects.filter(pk=session.pk).update(seen_at=session.seen_at)
    return session


@transaction.atomic
def end_session(session: PatientSession) -> None:
    """Sign the patient out in this browser."""
    session.ended_at = timezone.now()
    session.unconfirmed_secret = ""
    session.save(update_fields=["ended_at", "unconfirmed_secret"])
    _note(trail.Action.SIGNED_OUT, session.request)


def end_all(request: Request, now: datetime.datetime) -> None:
    """End receipt, codes and sessions of a request that is gone."""
    request.receipts.live().update(ended_at=now)
    request.access_codes.filter(used_at__isnull=True).update(used_at=now)
    request.sessions.filter(ended_at__isnull=True).update(ended_at=now, unconfirmed_secret=b"")


def set_cookie(response: HttpResponse, token: str) -> None:
    """Give the browser its session; the cookie ends with the session at the latest."""
    response.set_cookie(
        settings.PATIENT_COOKIE_NAME,
        token,
        max_age=int(SESSION_LONGEST.total_seconds()),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def delete_cookie(response: HttpResponse) -> None:
    """Take the session's cookie away."""
    response.delete_cookie(settings.PATIENT_COOKIE_NAME, samesite="Lax")


# --- the parts -----------------------------------------------------------------------------------------------------


def _opened_by(reference: str, secret: str) -> tuple[Request | None, AccessLevel]:
    """Return what reference and secret open; both are always looked up and compared."""
    request = Request.objects.filter(reference=reference, erased_at__isnull=True).first()
    live = list(Receipt.objects.live().filter(request_id=request.pk if request else uuid.uuid4())[:MOST_RECEIPTS])
    hashes = [row.secret_hash for row in live] + [_hash("")] * (MOST_RECEIPTS - len(live))
    fits = [hmac.compare_digest(known, _hash(secret)) for known in hashes]
    receipt = next((row for row, is_it in zip(live, fits, strict=False) if is_it), None)
    if request is None or (secret and receipt is None):
        return None, AccessLevel.STATUS
    is_full = receipt is not None and receipt.confirmed_at is not None
    return request, AccessLevel.FULL if is_full else AccessLevel.STATUS


@transaction.atomic
def _make_code(request: Request, level: AccessLevel, browser: str, *, is_decoy: bool = False) -> Asked:
    code = "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_SIGNS))
    now = timezone.now()
    row = AccessCode(
        request=None if is_decoy else request,
        level=level,
        browser_hash=_hash(browser),
        created_at=now,
        expires_at=now + CODE_LIFE,
    )
    row.code_hash = _code_hash(row.pk, code)
    # A newer code ends the older ones of this browser.
    older = AccessCode.objects.filter(request=row.request, browser_hash=row.browser_hash, used_at__isnull=True)
    older.update(used_at=now)
    row.save(force_insert=True)
    mailings.send_code(request, code, row)
    return Asked(row.pk, row.expires_at)


def _pretend(browser: str) -> Asked:
    """Do all a hit does and take it back, but for a row that no code opens."""
    with transaction.atomic():
        mark = transaction.savepoint()
        _make_code(_decoy(), AccessLevel.STATUS, browser, is_decoy=True)
        # The bell of the mail that is taken back rings all the same: this rollback lets it stand.
        transaction.savepoint_rollback(mark)
        now = timezone.now()
        row = AccessCode.objects.create(
            level=AccessLevel.STATUS,
            code_hash=_hash(secrets.token_urlsafe(32)),
            browser_hash=_hash(browser),
            created_at=now,
            expires_at=now + CODE_LIFE,
        )
    return Asked(row.pk, row.expires_at)


def _decoy() -> Request:
    """Return a request that is never saved."""
    return Request(language=settings.LANGUAGE_CODE, email="nobody@example.org", data_key=DataKey())


def _use_code(code_id: uuid.UUID | str, code: str, browser: str) -> tuple[uuid.UUID | None, AccessLevel]:
    """Count a try, and return what the code opens; the count stays when the code is wrong."""
    typed = "".join(char for char in code.upper() if char.isalnum())[: CODE_SIGNS * 2]
    with transaction.atomic():
        row = (
            AccessCode.objects.select_for_update(of=("self",))
            .select_related("request")
            .filter(pk=_uuid(code_id))
            .first()
        )
        fits = hmac.compare_digest(row.code_hash if row else _hash(""), _code_hash(_uuid(code_id), typed))
        if row is None or not _is_usable(row) or not hmac.compare_digest(row.browser_hash, _hash(browser)):
            return None, AccessLevel.STATUS
        row.tries = F("tries") + 1
        row.used_at = timezone.now() if fits and row.request_id else None
        row.save(update_fields=["tries", "used_at"])
        if not fits or row.request is None:
            _count_wrong(row)
            return None, AccessLevel.STATUS
        limits.forget(WRONG, row.request.reference)
        if row.level == AccessLevel.FULL:
            limits.forget(WRONG_WITH_RECEIPT, row.request.reference)
        return row.request_id, AccessLevel(row.level)


def _count_wrong(row: AccessCode) -> None:
    if row.request is not None:
        scope = WRONG_WITH_RECEIPT if row.level == AccessLevel.FULL else WRONG
        limits.allow(scope, row.request.reference, WRONG_PER_REFERENCE, DAY)
        _note(trail.Action.SIGN_IN_FAILED, row.request)
        return
    # Of a look-up that found nothing the same work, taken back.
    mark = transaction.savepoint()
    limits.allow(WRONG, str(row.pk), WRONG_PER_REFERENCE, DAY)
    _note(trail.Action.SIGN_IN_FAILED, Request(pk=row.pk))
    transaction.savepoint_rollback(mark)


def _is_usable(row: AccessCode) -> bool:
    return row.used_at is None and row.tries < CODE_TRIES and row.expires_at > timezone.now()


def _count_network(network: str) -> None:
    if not limits.allow("teleconsult.network", network, TRIES_PER_NETWORK, HOUR):
        raise TooMany


def _end_receipts(request: Request, now: datetime.datetime, *, besides: Receipt | None = None) -> None:
    """End the receipts of a request, and the codes that were asked for with them."""
    request.receipts.live().exclude(pk=besides.pk if besides else None).update(ended_at=now)
    request.access_codes.filter(used_at__isnull=True, level=AccessLevel.FULL).update(used_at=now)


def _note(action: trail.Action, request: Request) -> None:
    by = trail.Actor(kind=trail.ActorKind.PATIENT, id=str(request.pk), role=request.patient_role)
    trail.record(action=action, by=by, case=request, object=request)


def _hash(secret: str) -> str:
    """Return the SHA-256 of something random enough not to be guessed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _code_hash(row_id: uuid.UUID, code: str) -> str:
    """Return the keyed hash of a code: 40 bits could be guessed from a plain one."""
    return keyed_hash(f"{row_id}:{code}", "teleconsult/code", is_kept=False)


def _uuid(text: uuid.UUID | str) -> uuid.UUID:
    """Return an id; one that cannot be an id is one nobody has."""
    try:
        return text if isinstance(text, uuid.UUID) else uuid.UUID(text)
    except ValueError:
        return uuid.uuid4()
