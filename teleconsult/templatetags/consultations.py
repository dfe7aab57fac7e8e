"""The clocks of a consultation in templates: pages and mails ask the one helper."""

import datetime

from django import template

from teleconsult import clock

register = template.Library()


@register.simple_tag
def consultation_clocks(
    starts_at: datetime.datetime, ends_at: datetime.datetime, zone: str, place_zone: str = "", city: str = ""
) -> list[clock.Span]:
    """Return the time on the reader's clock, on Milan's, and on that of a place visited."""
    return clock.spans(starts_at, ends_at, zone, place_zone, city)


@register.filter
def zone_place(zone: str) -> str:
    """Return the place of a time zone in the active language."""
    return clock.place_of(zone)


@register.simple_tag
def clock_changes(starts_at: datetime.datetime, clocks: list[clock.Span]) -> list[clock.Change]:
    """Return the changes of these clocks from now until the consultation."""
    return clock.changes_before(starts_at, [span.zone for span in clocks])
