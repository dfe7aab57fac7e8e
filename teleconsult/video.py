"""The video room of a consultation: a private link to a Jitsi-compatible provider, opened shortly before.

The name of the room is a secret of the booking; the link carries a token (JSON Web Token, RFC 7519, HS256) that the
provider checks. It names the room, a role and an hour, no person.
"""

import base64
import datetime
import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from teleconsult.enums import Role
from teleconsult.exceptions import RoomClosed
from teleconsult.models import Booking
from teleconsult.permissions import Actor
from vault import trail

OPENS_BEFORE = datetime.timedelta(minutes=15)
# Consultations overrun.
CLOSES_AFTER = datetime.timedelta(minutes=60)


def has_provider() -> bool:
    """Return whether this portal has video rooms; without one the office says how people meet."""
    return bool(settings.VIDEO_URL)


def opens_at(booking: Booking) -> datetime.datetime:
    return booking.starts_at - OPENS_BEFORE


def is_open(booking: Booking, now: datetime.datetime | None = None) -> bool:
    """Return whether the link is shown now."""
    moment = now or timezone.now()
    is_time = opens_at(booking) <= moment < booking.ends_at + CLOSES_AFTER
    return has_provider() and booking.is_confirmed and booking.is_remote and is_time


@transaction.atomic
def enter(booking: Booking, *, by: Actor, role: Role) -> str:
    """Return the link for somebody who takes part, and record that she asked for it. Raises RoomClosed."""
    if not is_open(booking):
        raise RoomClosed
    trail.record(action=trail.Action.VIEWED, by=by.for_trail(role), case=booking.request, object=booking, detail="room")
    return link(booking, role)


def link(booking: Booking, role: Role) -> str:
    """Return the address of the room with a token for a role; the specialist opens and ends it."""
    return f"{settings.VIDEO_URL}/{booking.room}?jwt={_token(booking, role)}"


def read_token(token: str) -> dict[str, Any] | None:
    """Return what a token says, if it is ours and its hour has come and is not over."""
    head, _dot, seal = token.rpartition(".")
    if not hmac.compare_digest(seal.encode(), _seal(head).encode()):
        return None
    payload = head.partition(".")[2]
    said = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return said if said["nbf"] <= time.time() < said["exp"] else None


def _token(booking: Booking, role: Role) -> str:
    payload = {
        "aud": "jitsi",
        "iss": settings.VIDEO_APP,
        "sub": urlsplit(settings.VIDEO_URL).hostname or "*",
        "room": booking.room,
        "nbf": int(opens_at(booking).timestamp()),
        "exp": int((booking.ends_at + CLOSES_AFTER).timestamp()),
        "moderator": role == Role.SPECIALIST,
        "context": {"user": {"name": role.value.replace("_", " ").title(), "moderator": role == Role.SPECIALIST}},
    }
    head = f"{_packed({'alg': 'HS256', 'typ': 'JWT'})}.{_packed(payload)}"
    return f"{head}.{_seal(head)}"


def _packed(value: dict[str, Any]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _seal(head: str) -> str:
    return _base64(hmac.new(settings.VIDEO_SECRET.encode(), head.encode(), hashlib.sha256).digest())


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
