"""Versions of a protocol: what a request was checked against is never written to, the next version takes the edit."""

import datetime
from itertools import count
from typing import Any

from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from facilities.editing import PROVENANCE
from facilities.models import Facility
from publishing.editing import Values
from publishing.exceptions import Invalid
from publishing.texts import copy_states
from treatments.models import Protocol, RequiredDocument

# Of a slug of 120 characters; a number may follow.
LONGEST_START = 110
# What tells of a version and is no rule of it: no request was checked against these.
NO_RULES = frozenset({*PROVENANCE, "note", "valid_until"})


def must_be_newest(protocol: Protocol) -> None:
    """Raise Invalid where another version has replaced this one."""
    if Protocol.objects.filter(slug=protocol.slug, version__gt=protocol.version).exists():
        raise Invalid([_("A newer version of these rules exists: edit that one.")])


def new_slug(facility: Facility, name: str) -> str:
    """Return a slug that no protocol has, from the facility and the English name."""
    start = slugify(f"{facility.slug} {name}")[:LONGEST_START].strip("-")
    taken = set(Protocol.objects.filter(slug__startswith=start).values_list("slug", flat=True))
    numbered = (f"{start}-{number}" for number in count(2))
    return start if start not in taken else next(slug for slug in numbered if slug not in taken)


def prepare_protocol(protocol: Protocol, after: Values) -> tuple[Protocol, Values]:
    """Return the version that takes these values: this one, or the next where a request was checked against it."""
    if protocol.pk is None:
        # A protocol of its own, just added.
        return protocol, after
    protocol = _locked(protocol)
    if set(after) <= NO_RULES or not protocol.is_used:
        return protocol, after
    return _next_version(protocol, after.get("valid_from")), after


def prepare_document(document: RequiredDocument, after: Values) -> tuple[RequiredDocument, Values]:
    """Return the paper, of the version that may be written to, and its values."""
    protocol = _locked(document.protocol)
    if not protocol.is_used:
        return document, after
    new = _next_version(protocol)
    if document.pk is None:
        document.protocol = new
        return document, after | {"protocol": new.pk}
    return new.required_documents.get(position=document.position), after


def _locked(protocol: Protocol) -> Protocol:
    """Return the protocol so that no request can point to it meanwhile; raises Invalid for one that was replaced."""
    locked = Protocol.objects.select_for_update().get(pk=protocol.pk)
    must_be_newest(locked)
    return locked


def _next_version(old: Protocol, wanted: str | None = None) -> Protocol:
    """Copy a protocol with its papers, valid from today or a later day on which the old version ends."""
    begins = _first_day(old, wanted)
    new = _copy(old, version=old.version + 1, valid_from=begins)
    new.treatments.set(old.treatments.all())
    for paper in old.required_documents.all():
        _copy(paper, protocol_id=new.pk)
    if old.valid_until is None or old.valid_until > begins:
        Protocol.objects.filter(pk=old.pk).update(valid_until=begins)
    return new


def _first_day(old: Protocol, wanted: str | None) -> datetime.date:
    today = timezone.localdate()
    earliest = max(today, old.valid_from)
    if wanted is None:
        return earliest
    day = datetime.date.fromisoformat(wanted)
    if day < earliest:
        raise Invalid([_("Requests were checked against these rules: new ones begin today or later.")])
    return day


def _copy(row: Any, **others: Any) -> Any:
    """Return a stored copy of a row with other values in some columns, and with the states of its texts."""
    copied = type(row).objects.get(pk=row.pk)
    copied.pk, copied._state.adding = None, True
    for name, value in others.items():
        setattr(copied, name, value)
    copied.save(force_insert=True)
    copy_states(row, copied)
    return copied
