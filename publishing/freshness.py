"""Tells whether anything public has changed since a page was made.

Every transaction that writes to a public table leaves its number, by a trigger: an edit that is published, a load, a
console. No writer can forget it, and what is not committed is not seen.
"""

import threading
import time
from typing import Any
from zoneinfo import ZoneInfo

from django.apps import apps
from django.conf import settings
from django.db import Error, connection, connections
from django.db.models import Model
from django.utils import timezone

from vault.data_classes import DataClass

TRIGGER = "public_write"
FUNCTION = "public.publishing_note_write"
WRITES = """
    SELECT md5(string_agg(transaction_id || ' ' || extract(epoch FROM written_at), ',' ORDER BY transaction_id))
    FROM publishing_publicwrite
"""
WATCHED = """
    SELECT relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
    WHERE tgname = %s AND relnamespace = 'public'::regnamespace
"""


def public_tables() -> set[str]:
    """Return the tables of class C0, those of their many-to-many fields included."""
    models = apps.get_models(include_auto_created=True)
    return {model._meta.db_table for model in models if is_public(model) and model._meta.managed}


def is_public(model: type[Model]) -> bool:
    """Return whether what a model of ours holds may stand on a public page."""
    owner = model._meta.auto_created if isinstance(model._meta.auto_created, type) else model
    return getattr(owner, "data_class", None) == DataClass.PUBLIC


def watch_public_tables(using: str = "default", **_signal: Any) -> None:
    """Put the trigger on every public table, and on no other; called after each `migrate`."""
    own = connections[using]
    with own.cursor() as cursor:
        cursor.execute("SELECT to_regproc(%s) IS NOT NULL", [FUNCTION])
        # Migrated back to where there was none.
        if not cursor.fetchone()[0]:
            return
        wanted = public_tables() & set(own.introspection.table_names(cursor))
        cursor.execute(WATCHED, [TRIGGER])
        watched = {name for (name,) in cursor.fetchall()}
        for table in sorted(wanted - watched):
            cursor.execute(
                f"CREATE TRIGGER {TRIGGER} AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {own.ops.quote_name(table)} "
                f"FOR EACH STATEMENT EXECUTE FUNCTION {FUNCTION}()"
            )
        for table in sorted(watched - wanted):
            cursor.execute(f"DROP TRIGGER {TRIGGER} ON {own.ops.quote_name(table)}")


class PublicVersion:
    """The version of all that is public, as this process knows it; it asks PostgreSQL once a second at most."""

    def __init__(self, seconds: float = 1.0) -> None:
        self._seconds = seconds
        self._known: str | None = None
        self._asked_at = float("-inf")
        self._is_cut_off = False
        self._lock = threading.Lock()

    def current(self) -> str | None:
        """Return the version; the last one known while PostgreSQL is gone, None where there never was one."""
        if time.monotonic() - self._asked_at < self._seconds:
            return self._known
        # One thread asks. The others wait for it, but not for a database that was gone a moment ago.
        if self._lock.acquire(blocking=not self._is_cut_off):
            try:
                if time.monotonic() - self._asked_at >= self._seconds:
                    self._ask()
            finally:
                self._lock.release()
        return self._known

    def _ask(self) -> None:
        asked_at = time.monotonic()
        try:
            self._known = public_version()
            self._is_cut_off = False
        except Error:
            self._is_cut_off = True
            # What took long to fail is not tried again at once.
            asked_at = time.monotonic()
        self._asked_at = asked_at


def public_version() -> str:
    """Return the version of all that is public as PostgreSQL has it now."""
    return f"{version_of_writes()} {' '.join(days())}"


def version_of_writes() -> str:
    """Return what differs once another transaction has written to a public table."""
    with connection.cursor() as cursor:
        cursor.execute(WRITES)
        return str(cursor.fetchone()[0])


def days() -> list[str]:
    """Return today, by the clock of the pages and by Milan's: certificates lapse and protocols begin with the day."""
    today, in_milan = timezone.localdate(), timezone.localdate(timezone=ZoneInfo(settings.PORTAL_TIME_ZONE))
    return [today.isoformat(), in_milan.isoformat()]
