"""Who opened or changed what: rows that are only ever added, chained by their hashes.

Every case has a chain of its own; entries without a case (sign-ins) share one. The database refuses every change
(a trigger) and the application's role lacks the right to try. Heads are copied once a day, and their digest is
logged, so that even the owner of the database cannot shorten or rewrite a chain unseen.
"""

import hashlib
import json
import logging
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, ClassVar

from django.conf import settings
from django.db import connection, models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from vault.data_classes import DataClass

log = logging.getLogger(__name__)

NO_HASH = "0" * 64

# What `vault_remove_old_trail` removes, counted.
_REMOVABLE = """
WITH ends AS (
    SELECT case_id, max(number) AS number FROM vault_trailanchor WHERE "on" < %s GROUP BY case_id
)
SELECT entry.case_id, count(*) FROM vault_trailentry entry
JOIN ends ON entry.case_id IS NOT DISTINCT FROM ends.case_id AND entry.number <= ends.number
GROUP BY entry.case_id
"""


class ActorKind(models.TextChoices):
    """Who acts."""

    PATIENT = "patient", _("patient")
    STAFF = "staff", _("staff")
    SYSTEM = "system", _("system")


class Action(models.TextChoices):
    """What was done."""

    VIEWED = "viewed", _("viewed")
    DOWNLOADED = "downloaded", _("downloaded")
    EXPORTED = "exported", _("exported")
    CREATED = "created", _("created")
    CHANGED = "changed", _("changed")
    SIGNED = "signed", _("signed")
    GRANTED = "granted", _("granted")
    REVOKED = "revoked", _("revoked")
    REFUSED = "refused", _("refused")
    BROKE_GLASS = "broke_glass", _("opened in an emergency")
    ERASED = "erased", _("erased")
    SIGNED_IN = "signed_in", _("signed in")
    SIGN_IN_FAILED = "sign_in_failed", _("sign-in failed")
    SIGNED_OUT = "signed_out", _("signed out")


class NotInTransaction(Exception):
    """A trail entry belongs into the transaction of the deed it tells of."""


class ChainBroken(Exception):
    """The trail of a case was changed, shortened or reordered."""


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who acts, in which role and for which facility; nothing here names a person."""

    kind: ActorKind
    id: str = ""
    role: str = ""
    facility_id: int | None = None

    @classmethod
    def patient(cls, request_id: uuid.UUID | str) -> "Actor":
        return cls(kind=ActorKind.PATIENT, id=str(request_id), role="patient")

    @classmethod
    def staff(cls, user_id: object, *, role: str = "", facility_id: int | None = None) -> "Actor":
        return cls(kind=ActorKind.STAFF, id=str(user_id), role=role, facility_id=facility_id)

    @classmethod
    def system(cls, name: str = "") -> "Actor":
        return cls(kind=ActorKind.SYSTEM, id=name)


class TrailEntryQuerySet(models.QuerySet["TrailEntry"]):
    def of_case(self, case: models.Model | uuid.UUID | str | None) -> "TrailEntryQuerySet":
        """Return one chain, oldest first; None is the chain of entries without a case."""
        return self.filter(case_id=_case_id(case)).order_by("number")


class TrailEntry(models.Model):
    """One deed. Written by `record()`, never changed."""

    data_class: ClassVar[DataClass] = DataClass.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case_id = models.UUIDField(null=True)
    number = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=10, choices=ActorKind)
    actor_id = models.CharField(max_length=64, blank=True)
    role = models.CharField(max_length=40, blank=True)
    facility_id = models.BigIntegerField(null=True)
    action = models.CharField(max_length=20, choices=Action)
    object_kind = models.CharField(max_length=80, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    detail = models.CharField(max_length=200, blank=True)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    objects = TrailEntryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "trail entries"
        constraints = [
            models.UniqueConstraint(
                fields=["case_id", "number"], nulls_distinct=False, name="vault_trailentry_one_chain"
            )
        ]
        indexes = [
            models.Index(fields=["at"], name="vault_trailentry_at"),
            models.Index(fields=["actor_id", "at"], name="vault_trailentry_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.action} {self.object_kind}"

    def computed_hash(self) -> str:
        """Return the hash this entry must have, over all its values and the hash before it."""
        names = [field.attname for field in self._meta.concrete_fields if field.attname != "hash"]
        values = {name: _plain(getattr(self, name)) for name in names}
        return hashlib.sha256(json.dumps(values, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


class TrailAnchor(models.Model):
    """The head of one chain at the end of a day on which it grew."""

    data_class: ClassVar[DataClass] = DataClass.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    on = models.DateField()
    case_id = models.UUIDField(null=True)
    number = models.PositiveBigIntegerField()
    hash = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case_id", "on"], nulls_distinct=False, name="vault_trailanchor_once_a_day")
        ]

    def __str__(self) -> str:
        return f"{self.on} {self.number}"


def record(
    *,
    action: Action,
    by: Actor,
    case: models.Model | uuid.UUID | str | None = None,
    object: models.Model | None = None,
    detail: str = "",
) -> TrailEntry:
    """Add one entry inside the caller's transaction: no entry, no deed.

    `detail` is operational words only (C1), at most 200 characters. The chain stays locked until the transaction
    ends; one that writes to several cases takes them in the order of their ids. Raises `NotInTransaction`.
    """
    if not connection.in_atomic_block:
        raise NotInTransaction("Call record() inside transaction.atomic(), together with what it tells of.")
    case_id = _case_id(case)
    _lock_chain(case_id)
    # Where all entries are gone with their time, the last anchor tells where the chain goes on.
    last = _last_of(TrailEntry, case_id) or _last_of(TrailAnchor, case_id) or (0, NO_HASH)
    entry = TrailEntry(
        case_id=case_id,
        number=last[0] + 1,
        at=timezone.now().astimezone(UTC),
        actor_kind=ActorKind(by.kind),
        actor_id=by.id[:64],
        role=by.role[:40],
        facility_id=by.facility_id,
        action=Action(action),
        object_kind=object._meta.label_lower if object is not None else "",
        object_id=str(object.pk) if object is not None else "",
        detail=detail.replace("\0", "")[:200],
        previous_hash=last[1],
    )
    entry.hash = entry.computed_hash()
    entry.save(force_insert=True)
    return entry


def verify_chain(case: models.Model | uuid.UUID | str | None) -> int:
    """Return the number of entries of an intact chain; raises `ChainBroken` with the first number that is wrong.

    The beginning may be missing up to an entry that was anchored longer ago than the trail is kept; nothing else may.
    """
    case_id = _case_id(case)
    anchors = {row.number: row for row in TrailAnchor.objects.filter(case_id=case_id).order_by("number")}
    previous_hash, number = _first_link(case_id, anchors)
    count = 0
    for entry in TrailEntry.objects.of_case(case_id).iterator():
        number += 1
        if (entry.number, entry.previous_hash, entry.hash) != (number, previous_hash, entry.computed_hash()):
            raise ChainBroken(f"Entry {number} of case {case_id} was changed or is missing.")
        if number in anchors and anchors[number].hash != entry.hash:
            raise ChainBroken(f"Entry {number} of case {case_id} is not the one that was anchored.")
        previous_hash = entry.hash
        count += 1
    if any(anchored > number for anchored in anchors):
        raise ChainBroken(f"The end of the trail of case {case_id} is missing.")
    return count


def verify_all_chains() -> Iterator[str]:
    """Yield a sentence for every broken chain."""
    cases = set(TrailEntry.objects.order_by().values_list("case_id", flat=True).distinct())
    cases |= set(TrailAnchor.objects.order_by().values_list("case_id", flat=True).distinct())
    for case_id in cases:
        try:
            verify_chain(case_id)
        except ChainBroken as broken:
            yield str(broken)


def kept_since() -> date:
    """Return the day before which whatever was anchored may be gone."""
    today = timezone.now().astimezone(UTC).date()
    year = today.year - settings.TRAIL_YEARS
    # PostgreSQL, too, takes the day before where there is no 29 February.
    return today.replace(year=year) if (today.month, today.day) != (2, 29) else date(year, 2, 28)


def removable() -> dict[uuid.UUID | None, int]:
    """Return, by case, how many entries are older than the trail is kept."""
    with connection.cursor() as cursor:
        cursor.execute(_REMOVABLE, [kept_since()])
        return dict(cursor.fetchall())


def remove_old() -> int:
    """Remove what was anchored longer ago than TRAIL_YEARS; return how many entries. What stays can be verified."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT vault_remove_old_trail(%s)", [settings.TRAIL_YEARS])
        return int(cursor.fetchone()[0])


def digest_of(on: date) -> str:
    """Return the digest of the heads that were anchored on a day, as the log of that day has it."""
    digest = hashlib.sha256()
    for case_id, number, head in _anchors_of(on):
        digest.update(f"{case_id}|{number}|{head}\n".encode())
    return digest.hexdigest()


@transaction.atomic
def anchor_heads(on: date | None = None) -> str:
    """Copy the head of every chain that grew since its last anchor, log and return their digest.

    Done once a day: once heads are anchored, a later call on that day adds none, so the digest that was logged stays
    that of the day.
    """
    on = on or timezone.now().date()
    _lock("anchors")
    if TrailAnchor.objects.filter(on=on).exists():
        return digest_of(on)
    anchors = [
        TrailAnchor(on=on, case_id=entry.case_id, number=entry.number, hash=entry.hash) for entry in _unanchored_heads()
    ]
    TrailAnchor.objects.bulk_create(anchors, batch_size=1000)
    digest = digest_of(on)
    # Before the commit: rather a line too many, of a run that was undone, than a day without one.
    log.info("Trail anchored on %s: %s", on, digest)
    return digest


def _anchors_of(on: date) -> Any:
    return TrailAnchor.objects.filter(on=on).order_by("case_id").values_list("case_id", "number", "hash")


def _unanchored_heads() -> Iterator[TrailEntry]:
    anchored = dict(
        TrailAnchor.objects.order_by()
        .values("case_id")
        .annotate(last=models.Max("number"))
        .values_list("case_id", "last")
    )
    heads = TrailEntry.objects.order_by("case_id", "-number").distinct("case_id")
    for entry in heads.iterator():
        if anchored.get(entry.case_id, 0) < entry.number:
            yield entry


def _first_link(case_id: uuid.UUID | None, anchors: dict[int, TrailAnchor]) -> tuple[str, int]:
    """Return the hash and number before the oldest entry that is kept; what is older was removed in time."""
    oldest = TrailEntry.objects.of_case(case_id).first()
    if oldest is not None and oldest.number == 1:
        return NO_HASH, 0
    removable = [number for number, anchor in anchors.items() if anchor.on < kept_since()]
    if oldest is None:
        return (anchors[max(removable)].hash, max(removable)) if removable else (NO_HASH, 0)
    if oldest.number - 1 not in removable:
        raise ChainBroken(f"The beginning of the trail of case {case_id} is missing.")
    return anchors[oldest.number - 1].hash, oldest.number - 1


def _last_of(rows: "type[TrailEntry] | type[TrailAnchor]", case_id: uuid.UUID | None) -> tuple[int, str] | None:
    """Return number and hash of the last row of a chain."""
    return rows.objects.filter(case_id=case_id).order_by("-number").values_list("number", "hash").first()


def _lock_chain(case_id: uuid.UUID | None) -> None:
    _lock(str(case_id))


def _lock(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"vault.trail|{name}"])


def _case_id(case: models.Model | uuid.UUID | str | None) -> uuid.UUID | None:
    if case is None or isinstance(case, uuid.UUID):
        return case
    return uuid.UUID(str(case.pk if isinstance(case, models.Model) else case))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return str(value) if isinstance(value, uuid.UUID) else value
