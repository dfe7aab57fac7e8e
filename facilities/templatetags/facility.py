"""A facility in one line, and what patients compare."""

from dataclasses import dataclass

from django import template
from django.conf import settings
from django.utils import translation
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from facilities.distances import Airport
from facilities.enums import FacilityKind, Ownership
from facilities.models import Facility
from publishing.templatetags.text import text_of
from taxonomy import languages
from taxonomy.dates import date_format

register = template.Library()


@register.simple_tag
def facility_in_words(facility: Facility) -> SafeString:
    """Return the name readers of the language use, kind, place and ownership, for the line under the Italian name."""
    usual_name = text_of(facility, "usual_name")
    # Asking the enumerations is ten times as fast as get_kind_display, and a page has many cards.
    parts = [str(FacilityKind(facility.kind).label), facility.place, str(Ownership(facility.ownership).label)]
    if usual_name.value != facility.short_name and not usual_name.is_fallback:
        parts.insert(0, usual_name.value)
    if facility.is_demo:
        parts.append(_("invented for the demo"))
    # Each part keeps its own direction: Italian towns stand among Arabic words.
    return format_html_join(" · ", "<bdi>{}</bdi>", ((part,) for part in parts if part))


@dataclass(frozen=True)
class Note:
    """A fact in a few words, with its icon."""

    icon: str
    text: str


@register.simple_tag
def facility_notes(facility: Facility, airport: Airport | None) -> list[Note]:
    """Return distance, certificates in date and promise of a facility as the list loads it."""
    notes = []
    if airport:
        words = _("%(distance)s km from %(airport)s, in a straight line")
        notes.append(
            Note("pin", words % {"distance": round(facility.distance_km), "airport": languages.isolated(airport.name)})
        )
    for certificate in facility.certificates_in_date:
        words = _("%(body)s, valid until %(date)s")
        until = date_format(certificate.valid_until, "DATE_FORMAT")
        notes.append(Note("check", words % {"body": languages.isolated(certificate.body), "date": until}))
    if facility.promised_days:
        days = facility.promised_days
        if facility.is_promise_approximate:
            words = ngettext(
                "Second opinion promised from about %(days)s working day",
                "Second opinion promised from about %(days)s working days",
                days,
            )
        else:
            words = ngettext(
                "Second opinion promised from %(days)s working day",
                "Second opinion promised from %(days)s working days",
                days,
            )
        notes.append(Note("clock", words % {"days": days}))
    return notes


@register.filter
def kilometres(number: int) -> str:
    """Return a distance as the reader's language writes it."""
    return languages.kilometres(number, translation.get_language() or settings.LANGUAGE_CODE)
