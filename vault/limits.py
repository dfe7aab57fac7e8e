"""How often something may happen: counters in PostgreSQL, exact under any number of processes.

Callers decide what a database that is gone means: for sign-in the error stands (closed), the catalogue goes on (open).
"""

from datetime import timedelta
from typing import Any, ClassVar

from django.db import connection, models
from django.utils import timezone

from vault.data_classes import DataClass
from vault.fields import KeyedHashField
from vault.keys import keyed_hash

_COUNT = """
INSERT INTO {table} AS counter (scope, key, spent, ends_at) VALUES (%(scope)s, %(key)s, 1, %(ends_at)s)
ON CONFLICT (scope, key) DO UPDATE SET
    spent = CASE WHEN counter.ends_at <= %(now)s THEN 1 ELSE counter.spent + 1 END,
    ends_at = CASE WHEN counter.ends_at <= %(now)s THEN excluded.ends_at ELSE counter.ends_at END
RETURNING spent
"""


class Counter(models.Model):
    """How often something happened in the running window."""

    data_class: ClassVar[DataClass] = DataClass.OPERATIONAL
    # Over within hours: not in a backup, for a restore must let nobody in.
    is_momentary = True

    scope = models.CharField(max_length=60)
    # Mail and network addresses are kept as keyed hashes only.
    key = KeyedHashField("limits")
    spent = models.PositiveIntegerField()
    ends_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "key"], name="vault_counter_once")]

    def __str__(self) -> str:
        return f"{self.scope}: {self.spent}"


def allow(scope: str, key: str, limit: int, seconds: int) -> bool:
    """Count one try and return whether it is within `limit` tries per `seconds`.

    The window begins with its first try and is not made longer by refused ones. The count is part of the caller's
    transaction: call it outside the one that may be rolled back.
    """
    now = timezone.now()
    ends_at = now + timedelta(seconds=seconds)
    values: dict[str, Any] = {"scope": scope, "key": _hashed(scope, key), "now": now, "ends_at": ends_at}
    with connection.cursor() as cursor:
        cursor.execute(_COUNT.format(table=connection.ops.quote_name(Counter._meta.db_table)), values)
        return int(cursor.fetchone()[0]) <= limit


def spent(scope: str, key: str) -> int:
    """Return how many tries the running window has seen, without counting one."""
    running = Counter.objects.filter(scope=scope, key=_hashed(scope, key), ends_at__gt=timezone.now())
    return running.values_list("spent", flat=True).first() or 0


def forget(scope: str, key: str) -> None:
    """Start anew, for example after a sign-in that worked."""
    Counter.objects.filter(scope=scope, key=_hashed(scope, key)).delete()


def remove_ended() -> int:
    """Delete the counters whose window is over; return how many."""
    return Counter.objects.filter(ends_at__lte=timezone.now()).delete()[0]


def _hashed(scope: str, key: str) -> str:
    return keyed_hash(key, f"limits/{scope}", is_kept=False)
