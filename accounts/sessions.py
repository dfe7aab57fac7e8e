"""Where the sessions of staff live: PostgreSQL, sealed, found by the hash of the cookie.

Fifteen minutes without a page end one, eight hours end any (SESSION_IDLE_SECONDS, SESSION_COOKIE_AGE).
"""

import datetime
import hashlib
import json
from typing import cast

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.db import DatabaseError, IntegrityError, OperationalError, transaction
from django.utils import timezone

from accounts.models import Session, User

# A page writes the time of use at most this often: the limit is 15 minutes, a few seconds do not matter.
NOTE_EVERY = datetime.timedelta(seconds=20)


def hash_of(session_key: str) -> str:
    """Return what stands in the table for a cookie."""
    return hashlib.sha256(session_key.encode()).hexdigest()


def owner_of_ended(session_key: str) -> User | None:
    """Return whose session a cookie was, if it has ended by itself and is not swept away yet; it opens nothing."""
    rows = Session.objects.dead().filter(key_hash=hash_of(session_key), user__is_active=True)
    row = rows.select_related("user").first() if session_key else None
    return row.user if row else None


class SessionStore(SessionBase):
    """Django's session engine over `accounts.Session`."""

    _row: Session | None = None

    @classmethod
    def clear_expired(cls) -> None:
        """Remove the rows of sessions that were over a day ago."""
        Session.objects.forgotten().delete()

    def load(self) -> dict[str, object]:
        """Return the content, empty where the session is over; note that it was used."""
        key = self.session_key
        row = Session.objects.alive().filter(key_hash=hash_of(key)).first() if key else None
        if row is None:
            self._session_key = None
            return {}
        now = timezone.now()
        if now - row.used_at > NOTE_EVERY:
            Session.objects.filter(pk=row.pk).update(used_at=now)
        self._row = row
        return json.loads(row.content)

    def exists(self, session_key: str | None) -> bool:
        return bool(session_key) and Session.objects.filter(key_hash=hash_of(str(session_key))).exists()

    def create(self) -> None:
        while True:
            self._session_key = self._get_new_session_key()
            try:
                self.save(must_create=True)
            except CreateError:
                continue
            self.modified = True
            return

    def save(self, must_create: bool = False) -> None:
        """Write the content; raises UpdateError when someone ended the session meanwhile."""
        if self.session_key is None:
            self.create()
            return
        data = self._get_session(no_load=must_create)
        if must_create:
            self._insert(data)
        else:
            self._update(data)

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key:
            Session.objects.filter(key_hash=hash_of(key)).delete()

    def _insert(self, data: dict[str, object]) -> None:
        row = Session(key_hash=hash_of(str(self.session_key)), content=json.dumps(data), user_id=data.get(SESSION_KEY))
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError as error:
            raise CreateError from error
        self._row = row

    def _update(self, data: dict[str, object]) -> None:
        row = self._row or Session.objects.filter(key_hash=hash_of(str(self.session_key))).first()
        if row is None:
            raise UpdateError
        row.content = json.dumps(data)
        row.user_id = cast(str | None, data.get(SESSION_KEY))
        try:
            row.save(force_update=True, update_fields=["content", "user_id"])
        except OperationalError:
            raise
        except DatabaseError as error:
            raise UpdateError from error
        self._row = row
