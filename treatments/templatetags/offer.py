"""What makes the cards of offers comparable."""

import datetime
from typing import cast

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from facilities.distances import from_airports
from facilities.models import Accreditation
from facilities.templatetags.facility import Note
from taxonomy.dates import date_format
from taxonomy.languages import isolated
from taxonomy.rows import instances
from treatments.models import Offer

register = template.Library()


@register.simple_tag
def offer_notes(offer: Offer) -> list[Note]:
    """Return certificates in date, promise and nearest airport of an offer with its promise and certificates."""
    nearest = from_airports(offer.facility)[0]
    way = _("%(distance)s km from %(airport)s, in a straight line")
    notes = [Note("check", _certificate(row)) for row in instances(Accreditation, offer.certificate_rows)]
    if offer.promised_days:
        notes.append(Note("clock", _promise(offer.promised_days, is_approximate=offer.is_approximate)))
    notes.append(Note("pin", way % {"distance": nearest.kilometres, "airport": isolated(nearest.airport.name)}))
    return notes


def _certificate(row: Accreditation) -> str:
    words = _("%(body)s, valid until %(date)s")
    # Certificates in date have an end.
    until = date_format(cast(datetime.date, row.valid_until), "DATE_FORMAT")
    return words % {"body": isolated(row.body), "date": until}


def _promise(days: int, *, is_approximate: bool) -> str:
    if is_approximate:
        words = ngettext(
            "Second opinion: answer in about %(counter)s working day, as the hospital promises",
            "Second opinion: answer in about %(counter)s working days, as the hospital promises",
            days,
        )
    else:
        words = ngettext(
            "Second opinion: answer in %(counter)s working day, as the hospital promises",
            "Second opinion: answer in %(counter)s working days, as the hospital promises",
            days,
        )
    return words % {"counter": days}
