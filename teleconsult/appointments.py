"""What pages say about a consultation: its clocks, its languages, what can be done with it now."""

import datetime
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone, translation

from taxonomy.countries import country_name
from taxonomy.languages import language_name
from teleconsult import clock, slots, video, workflow
from teleconsult.enums import Action, BookingStatus
from teleconsult.language_chain import chain_of
from teleconsult.models import Booking, Request, WaitingEntry
from teleconsult.permissions import Actor
from teleconsult.slots import Slot

BADGES = {
    BookingStatus.HELD: "amber",
    BookingStatus.CONFIRMED: "leaf",
    BookingStatus.RELEASED: "plain",
    BookingStatus.CANCELLED: "brick",
    BookingStatus.DONE: "plain",
    BookingStatus.NO_SHOW: "brick",
}
DAYS_ON_A_PAGE = 10


@dataclass(frozen=True)
class Appointment:
    """One consultation as somebody reads it: `zone` is the reader's, or the patient's where the reader is staff."""

    booking: Booking
    zone: str
    now: datetime.datetime

    @cached_property
    def clocks(self) -> list[clock.Span]:
        row = self.booking
        return clock.spans(row.starts_at, row.ends_at, self.zone, row.zone, row.city)

    @property
    def date(self) -> str:
        """Return the day on the first clock."""
        return self.clocks[0].date

    @cached_property
    def changes(self) -> list[clock.Change]:
        """Return the changes of these clocks from now until then."""
        return clock.changes_before(self.booking.starts_at, [span.zone for span in self.clocks], self.now)

    @property
    def city(self) -> str:
        """Return the place abroad with its country or region, where there is one."""
        if not self.booking.city:
            return ""
        return f"{self.booking.city}, {country_name(self.booking.country, _language())}"

    @property
    def badge(self) -> str:
        return BADGES[BookingStatus(self.booking.status)]

    @property
    def languages(self) -> list[str]:
        """Return the languages spoken: the patient's, and the specialist's where they differ."""
        codes = dict.fromkeys([self.booking.patient_language, self.booking.visit_language])
        return [language_name(code, _language()) for code in codes]

    @property
    def is_over(self) -> bool:
        return self.booking.ends_at <= self.now

    @property
    def has_begun(self) -> bool:
        return self.booking.has_begun(self.now)

    @property
    def is_held(self) -> bool:
        """Return whether the ten minutes run."""
        held_until = self.booking.hold_until
        return self.booking.is_held and held_until is not None and held_until > self.now

    @property
    def minutes_left(self) -> int:
        """Return the minutes for which the time is still held, begun ones counted."""
        left = (self.booking.hold_until or self.now) - self.now
        return max(1, -(-int(left.total_seconds()) // 60))

    @property
    def can_change(self) -> bool:
        return self.booking.is_confirmed and not self.has_begun

    @property
    def can_move(self) -> bool:
        """Return whether the patient may still give it another time."""
        notice = datetime.timedelta(hours=settings.BOOKING_NOTICE_HOURS)
        return self.can_change and self.booking.starts_at - self.now >= notice

    @property
    def has_room(self) -> bool:
        """Return whether there is, or will be, a video room."""
        return self.booking.is_remote and self.booking.is_confirmed and video.has_provider()

    @property
    def is_room_open(self) -> bool:
        return video.is_open(self.booking, self.now)

    @cached_property
    def room_opens(self) -> list[clock.Clock]:
        """Return when the room opens, on both clocks."""
        return clock.two_clocks(video.opens_at(self.booking), self.zone)


@dataclass(frozen=True)
class Offer:
    """A free time as a page offers it."""

    slot: Slot
    zone: str

    @property
    def key(self) -> str:
        return self.slot.key

    @cached_property
    def clocks(self) -> list[clock.Span]:
        place = self.slot.place
        return clock.spans(self.slot.start, self.slot.end, self.zone, place.zone, place.city)

    @property
    def day(self) -> datetime.date:
        """Return the day on the patient's clock."""
        return self.slot.start.astimezone(ZoneInfo(self.zone)).date()

    @property
    def city(self) -> str:
        place = self.slot.place
        return f"{place.city}, {country_name(place.country, _language())}" if place.city else ""


@dataclass(frozen=True)
class Day:
    """A day with free times, by the patient's clock."""

    date: datetime.date
    offers: list[Offer]

    @property
    def short(self) -> str:
        return self.offers[0].clocks[0].short_date

    @property
    def long(self) -> str:
        return self.offers[0].clocks[0].date


@dataclass(frozen=True)
class Choice:
    """The days with free times: those of one page, and the one that is open."""

    days: list[Day]
    chosen: Day | None
    earlier: Day | None
    later: Day | None
    needs_interpreter: bool
    languages_fit: bool


def choice_of(request: Request, wanted: str = "", *, besides: Booking | None = None) -> Choice:
    """Return what a request can book; `wanted` is an ISO date, the first day with a free time otherwise."""
    assignment = request.assignment
    if assignment is None or assignment.specialist is None:
        return Choice([], None, None, None, needs_interpreter=False, languages_fit=True)
    chain = chain_of(request, assignment.specialist)
    found = slots.slots_of(request, assignment.specialist, chain=chain, besides=besides.pk if besides else None)
    offers = [Offer(slot, request.zone) for slot in found]
    days = [Day(date, list(group)) for date, group in groupby(offers, key=lambda offer: offer.day)]
    index = next((number for number, day in enumerate(days) if day.date.isoformat() == wanted), 0)
    first = index - index % DAYS_ON_A_PAGE
    return Choice(
        days=days[first : first + DAYS_ON_A_PAGE],
        chosen=days[index] if days else None,
        earlier=days[max(0, first - DAYS_ON_A_PAGE)] if first else None,
        later=days[first + DAYS_ON_A_PAGE] if first + DAYS_ON_A_PAGE < len(days) else None,
        needs_interpreter=chain.needs_interpreter,
        languages_fit=chain.works,
    )


@dataclass(frozen=True)
class Consultation:
    """The part of the patient's page about the consultation."""

    appointment: Appointment | None
    is_waiting: bool
    can_book: bool
    # It took place or should have; another one is the office's to arrange, who can still be written to.
    is_over: bool = False


def consultation_of(request: Request, by: Actor) -> Consultation | None:
    """Return what the patient's page says of the consultation; nothing where the protocol includes none."""
    if request.protocol is None or not request.protocol.includes_consultation:
        return None
    rows = request.bookings.with_people().exclude(status=BookingStatus.RELEASED)
    now = timezone.now()
    found = [Appointment(row, request.zone, now) for row in rows.order_by("created_at")]
    # A hold whose minutes are over is nobody's news.
    shown = [one for one in found if one.is_held or not one.booking.is_held]
    last = shown[-1] if shown else None
    is_open = last is None or last.booking.status == BookingStatus.CANCELLED
    can_book = is_open and workflow.allows(Action.HOLD_SLOT, by, request)
    is_waiting = can_book and WaitingEntry.objects.waiting().filter(request=request).exists()
    is_past = last is not None and not is_open and (last.booking.ended_at is not None or last.is_over)
    is_over = is_past and workflow.allows(Action.SEND_MESSAGE, by, request)
    return Consultation(last, is_waiting, can_book, is_over) if last or can_book else None


def _language() -> str:
    return translation.get_language() or settings.LANGUAGE_CODE
