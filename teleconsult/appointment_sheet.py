"""The appointment on paper: one page, both clocks, nothing about health."""

from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from taxonomy.languages import BCP47, isolated
from teleconsult.appointments import Appointment
from typesetting.coverage import with_replacements
from typesetting.press import typeset

TEMPLATE = "typeset/appointment.typ"


def pdf(appointment: Appointment, language: str) -> bytes:
    """Return the sheet in a language (PDF/UA-1)."""
    with translation.override(language):
        return typeset(TEMPLATE, data_of(appointment, language))


def data_of(appointment: Appointment, language: str) -> dict[str, Any]:
    """Return what the sheet says."""
    booking = appointment.booking
    return {
        "language": language,
        "tag": BCP47[language],
        "title": _("Your consultation"),
        "reference": booking.request.reference,
        "date": appointment.date,
        "clocks": [
            {
                "time": span.time,
                "place": with_replacements(span.place),
                "offset": span.offset,
                "date": span.date,
            }
            for span in appointment.clocks
        ],
        "facts": [
            {"name": _("How you meet"), "value": with_replacements(_where(appointment))},
            {"name": _("Hospital"), "value": with_replacements(booking.facility.official_name)},
            {"name": _("Languages"), "value": " – ".join(appointment.languages)},
        ],
        "notes": [*(_change(change) for change in appointment.changes), _("You can move or cancel it on your page.")],
    }


def _where(appointment: Appointment) -> str:
    if appointment.booking.is_remote:
        return _("By video. The way in stands on your page; it opens 15 minutes before.")
    if appointment.city:
        return _("In person, in %(place)s") % {"place": isolated(appointment.city)}
    return _("In person, at the hospital")


def _change(change: Any) -> str:
    words = {"place": change.place, "date": change.date}
    if change.is_forward:
        return (
            _(
                "Clocks in %(place)s go forward on %(date)s, before your consultation. "
                "The times shown here already count with that."
            )
            % words
        )
    return (
        _(
            "Clocks in %(place)s go back on %(date)s, before your consultation. "
            "The times shown here already count with that."
        )
        % words
    )
