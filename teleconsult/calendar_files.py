"""Calendar entries (iCalendar, RFC 5545 and 5546) of consultations: one entry that moves and goes, never a second.

An entry names the portal, a reference, a time and the page to sign in to; nothing of it tells of a person's health.
"""

import datetime
from email.utils import parseaddr
from enum import StrEnum
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from icalendar import (
    Alarm,
    Calendar,
    Event,
    Timezone,
    TimezoneDaylight,
    TimezoneStandard,
    vCalAddress,
    vText,
)

from taxonomy.countries import country_name
from teleconsult import clock
from teleconsult.enums import BookingStatus
from teleconsult.models import Booking

PRODUCT = "-//Health Lombardy//Consultations//EN"
ALARM = datetime.timedelta(hours=-1)
# A zone is described from a year before the consultation until a year after.
AROUND = datetime.timedelta(days=366)
FILE_NAME = "consultation.ics"


class Method(StrEnum):
    """What a calendar does with an entry."""

    REQUEST = "REQUEST"
    CANCEL = "CANCEL"
    # A file that somebody downloads: nobody is invited, nothing is answered.
    PUBLISH = "PUBLISH"


def entry(booking: Booking, *, method: Method, language: str, zone: str, page_url: str, attendee: str = "") -> str:
    """Return the entry of a consultation in a language, with both clocks in words; `zone` is the reader's."""
    with translation.override(language):
        calendar = Calendar()
        calendar.add("prodid", PRODUCT)
        calendar.add("version", "2.0")
        calendar.add("method", str(method))
        calendar.add_component(_zone(booking))
        calendar.add_component(_event(booking, method, zone, page_url, attendee))
        return calendar.to_ical().decode()


def content_type(method: Method) -> str:
    """Return the type of the part of a mail (RFC 6047)."""
    return f"text/calendar; method={method}"


def times_in_words(booking: Booking, zone: str) -> list[str]:
    """Return the time on each clock, one line a place, in the active language."""
    return [
        _("%(place)s (%(offset)s): %(date)s, %(time)s")
        % {"place": span.place, "offset": span.offset, "date": span.date, "time": span.time_in_words}
        for span in clock.spans(booking.starts_at, booking.ends_at, zone, booking.zone, booking.city)
    ]


def _zone(booking: Booking) -> Timezone:
    """Return the zone around the consultation, one observance a change.

    Written here: the library's own begins each summer time by the new clock, and RFC 5545 (3.6.5) asks for the old.
    """
    here = ZoneInfo(booking.zone)
    first = booking.starts_at.replace(microsecond=0) - AROUND
    zone = Timezone()
    zone.add("tzid", booking.zone)
    begins = [first, *clock.changes_between(booking.zone, first, booking.ends_at + AROUND)]
    before = first.astimezone(here).utcoffset() or clock.NOTHING
    for at in begins:
        after = at.astimezone(here)
        offset = after.utcoffset() or clock.NOTHING
        part = TimezoneDaylight() if offset > before or (at == first and after.dst()) else TimezoneStandard()
        part.add("dtstart", (at.astimezone(datetime.UTC) + before).replace(tzinfo=None))
        part.add("tzoffsetfrom", before)
        part.add("tzoffsetto", offset)
        part.add("tzname", after.tzname() or booking.zone)
        zone.add_component(part)
        before = offset
    return zone


def _event(booking: Booking, method: Method, zone: str, page_url: str, attendee: str) -> Event:
    here = ZoneInfo(booking.zone)
    event = Event()
    is_over = method == Method.CANCEL or booking.status == BookingStatus.CANCELLED
    event.add("uid", booking.uid)
    event.add("sequence", booking.sequence)
    event.add("dtstamp", timezone.now().astimezone(datetime.UTC))
    event.add("dtstart", booking.starts_at.astimezone(here))
    event.add("dtend", booking.ends_at.astimezone(here))
    event.add("summary", _summary(booking))
    event.add("description", _description(booking, zone, page_url))
    event.add("status", "CANCELLED" if is_over else "CONFIRMED")
    event.add("class", "PRIVATE")
    event.add("transp", "TRANSPARENT" if is_over else "OPAQUE")
    event.add("url", page_url)
    if booking.city:
        country = country_name(booking.country, translation.get_language() or "en")
        event.add("location", vText(f"{booking.city}, {country}"))
    name, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    organizer = vCalAddress(f"mailto:{address}")
    organizer.params["CN"] = vText(name or "Health Lombardy")
    event.add("organizer", organizer)
    if attendee:
        person = vCalAddress(f"mailto:{attendee}")
        person.params["ROLE"] = vText("REQ-PARTICIPANT")
        person.params["PARTSTAT"] = vText("ACCEPTED")
        person.params["RSVP"] = vText("FALSE")
        event.add("attendee", person, encode=False)
    if not is_over:
        event.add_component(_alarm(booking))
    return event


def _alarm(booking: Booking) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("trigger", ALARM)
    alarm.add("description", _summary(booking))
    return alarm


def _summary(booking: Booking) -> str:
    words = {"reference": booking.request.reference}
    if booking.is_remote:
        return _("Health Lombardy: video consultation %(reference)s") % words
    return _("Health Lombardy: consultation %(reference)s") % words


def _description(booking: Booking, zone: str, page_url: str) -> str:
    return "\n".join([*times_in_words(booking, zone), "", _("Everything else stands on your page:"), page_url])
