"""Who else could answer: reached through this portal and how far its protocol fits, or by an address of its own."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from facilities.models import Facility
from taxonomy.languages import language_name
from teleconsult.desk.words import active_language
from teleconsult.models import Request
from treatments.models import Protocol


@dataclass(frozen=True)
class Match:
    """A facility that is reached, with what of its protocol fits this case and what does not."""

    facility: Facility
    protocol: Protocol | None
    misses: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """Return whether a protocol is known and nothing of the case stands against it."""
        return self.protocol is not None and not self.misses

    @property
    def words(self) -> str:
        """Return in one line how far the protocol fits."""
        if self.protocol is None:
            return _("Offers the treatment; has no rules for a second opinion here.")
        if self.misses:
            return " ".join(self.misses)
        days = self.protocol.promised_working_days
        if not days:
            return _("Its rules fit this case.")
        return ngettext(
            "Its rules fit this case; it answers within %(days)s working day.",
            "Its rules fit this case; it answers within %(days)s working days.",
            days,
        ) % {"days": days}

    @property
    def rank(self) -> tuple[int, int, str]:
        """Return the order: what fits first, then the shorter promise."""
        days = self.protocol.promised_working_days if self.protocol else None
        return (0 if self.fits else 1 if self.protocol is None else 2, days or 1000, self.facility.slug)


def matches_of(request: Request, reached: Iterable[Facility]) -> list[Match]:
    """Return the facilities that are reached, those whose protocol fits first: by treatment, age and languages."""
    facilities = list(reached)
    protocols = _protocols_of(facilities, request)
    written = {row.language for row in request.papers} - {""}
    found = []
    for facility in facilities:
        protocol = protocols.get(facility.pk)
        misses = tuple(_misses(protocol, request, written)) if protocol else ()
        found.append(Match(facility, protocol, misses))
    return sorted(found, key=lambda match: match.rank)


def not_reached(request: Request, reached: Iterable[Facility]) -> list[Facility]:
    """Return the facilities that offer the treatment, or were wished for, and have no office here."""
    known = {facility.pk for facility in reached}
    others: dict[int, Facility] = {}
    if request.facility is not None:
        others[request.facility.pk] = request.facility
    if request.treatment is not None:
        for offer in request.treatment.offers.public().select_related("facility"):
            others.setdefault(offer.facility_id, offer.facility)
    return [facility for pk, facility in others.items() if pk not in known]


def _protocols_of(facilities: list[Facility], request: Request) -> dict[int, Protocol]:
    """Return the protocol that applies at each facility: one that names the treatment goes before a general one."""
    rows = Protocol.objects.in_force().filter(facility__in=facilities).prefetch_related("treatments").order_by("slug")
    asked = request.treatment
    named: dict[int, Protocol] = {}
    general: dict[int, Protocol] = {}
    for row in rows:
        treatments = {treatment.pk for treatment in row.treatments.all()}
        if not treatments:
            general.setdefault(row.facility_id, row)
        elif asked is not None and asked.pk in treatments:
            named.setdefault(row.facility_id, row)
    return general | named


def _misses(protocol: Protocol, request: Request, written: set[str]) -> Iterable[str]:
    age = request.age_years
    if age is not None and protocol.minimum_age is not None and age < protocol.minimum_age:
        yield _("Only from the age of %(age)s.") % {"age": protocol.minimum_age}
    if age is not None and protocol.maximum_age is not None and age > protocol.maximum_age:
        yield _("Only up to the age of %(age)s.") % {"age": protocol.maximum_age}
    unread = sorted(written - set(protocol.document_languages)) if protocol.document_languages else []
    if unread:
        yield _("It does not read documents in: %(languages)s.") % {"languages": _names(unread)}
    if protocol.report_languages and request.language not in protocol.report_languages:
        yield _("It answers in: %(languages)s.") % {"languages": _names(protocol.report_languages)}


def _names(codes: Iterable[str]) -> str:
    return ", ".join(language_name(code, active_language()) for code in codes)
