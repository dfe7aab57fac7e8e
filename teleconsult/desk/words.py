"""The words of the desk: days, times, ages, sizes and people, in the language of whoever reads."""

import datetime

from babel.dates import format_skeleton
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from taxonomy.countries import country_name
from taxonomy.dates import with_first
from taxonomy.languages import language_name, locale
from teleconsult import clock
from teleconsult.models import Request
from teleconsult.querysets import Person


def active_language() -> str:
    """Return the language of the desk."""
    return translation.get_language() or settings.LANGUAGE_CODE


def day_words(moment: datetime.datetime) -> str:
    """Return weekday, day and month of a moment in Milan."""
    return with_first(format_skeleton("MMMEd", moment.astimezone(clock.MILAN), locale=locale(active_language())))


def time_words(moment: datetime.datetime) -> str:
    """Return day and time of a moment in Milan."""
    return _("%(day)s, %(time)s") % {"day": day_words(moment), "time": f"{moment.astimezone(clock.MILAN):%H:%M}"}


def age_words(request: Request, now: datetime.datetime) -> str:
    """Return how long ago the request was sent."""
    sent = request.submitted_at or request.created_at
    days = (now.astimezone(clock.MILAN).date() - sent.astimezone(clock.MILAN).date()).days
    if days < 1:
        return _("sent today")
    return ngettext("%(days)s day old", "%(days)s days old", days) % {"days": days}


def left_words(days: int) -> str:
    """Return how many working days are left."""
    return ngettext("%(days)s working day left", "%(days)s working days left", days) % {"days": days}


def size_words(size: int) -> str:
    """Return a size in kB or MB."""
    if size < 1_000_000:
        return _("%(size)s kB") % {"size": max(1, round(size / 1000))}
    return _("%(size)s MB") % {"size": round(size / 1_000_000)}


def place_and_language(request: Request) -> str:
    """Return country or region and language by name, in the language of the desk."""
    names = [language_name(request.language, active_language())]
    if request.country:
        names.insert(0, country_name(request.country, active_language()))
    return ", ".join(names)


def owner_words(request: Request, reader: Person) -> str:
    """Return who owns the case, as the reader says it."""
    if request.owner_id is None:
        return pgettext("owner of a request", "nobody yet")
    return pgettext("owner of a request", "you") if request.owner_id == reader.pk else str(request.owner)
