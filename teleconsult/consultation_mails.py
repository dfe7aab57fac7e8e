"""What is sent about a consultation: to patient, specialist and interpreter, each in her language and on her clocks."""

import datetime
from enum import StrEnum

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from notifications import outbox
from notifications.outbox import Attachment
from teleconsult import calendar_files
from teleconsult.calendar_files import Method
from teleconsult.mailings import FOLDER, sign_in_url
from teleconsult.models import Booking, Interpreter, WaitingEntry

# Hours before the consultation: a week, a day.
REMINDERS = (168, 24)
LATEST = datetime.timedelta(minutes=30)


class News(StrEnum):
    """What happened to a consultation."""

    CONFIRMED = "confirmed"
    MOVED = "moved"
    CANCELLED = "cancelled"
    REMINDER = "reminder"


class Afterwards(StrEnum):
    """What a patient can do after a cancellation."""

    # Choose another time.
    CHOOSE = "choose"
    # Read on her page why the case has left the specialist, or what is asked of her first.
    READ_NEWS = "read_news"
    # The request is over; another mail says so.
    READ = "read"
    # Everything is erased, the page too.
    NOTHING = "nothing"


def tell(
    news: News, booking: Booking, afterwards: Afterwards = Afterwards.CHOOSE, *, interpreter_joins: bool = False
) -> None:
    """Tell everybody who takes part, with the calendar entry; to an interpreter who joins it is a new one."""
    method = Method.CANCEL if news == News.CANCELLED else Method.REQUEST
    key = f"{booking.pk}:{booking.sequence}:{news}"
    _to_patient(news, booking, key, method, afterwards=afterwards)
    _to_staff(news, booking, booking.specialist, _clocks_of_specialist(booking), key, method)
    if booking.interpreter:
        hers = News.CONFIRMED if interpreter_joins else news
        _to_staff(hers, booking, booking.interpreter.user, booking.interpreter.zone, key, method)


def tell_who_leaves(booking: Booking, interpreter: Interpreter) -> None:
    """Tell an interpreter that she no longer takes part; called while the booking still has the time she knows."""
    key = f"{booking.pk}:{booking.sequence}:leaves"
    _to_staff(News.CANCELLED, booking, interpreter.user, interpreter.zone, key, Method.CANCEL)


def remind(booking: Booking, hours: int, due_at: datetime.datetime) -> None:
    """Remind everybody who takes part, once; half an hour after it was due it is no longer sent."""
    key, until = _reminder_key(booking, hours), due_at + LATEST
    _to_patient(News.REMINDER, booking, key, None, until)
    _to_staff(News.REMINDER, booking, booking.specialist, _clocks_of_specialist(booking), key, None, until)
    if booking.interpreter:
        _to_staff(News.REMINDER, booking, booking.interpreter.user, booking.interpreter.zone, key, None, until)


def forget_reminders(booking: Booking) -> None:
    """Cancel reminders that no mail server has taken yet: the time they name is no longer true."""
    for hours in REMINDERS:
        outbox.cancel(dedupe_key=_reminder_key(booking, hours))


def tell_waiting(entry: WaitingEntry) -> None:
    """Tell a patient that a time has become free."""
    request = entry.request
    outbox.post(
        f"{FOLDER}/waiting_list",
        to=request.email,
        language=request.language,
        zone=request.zone,
        about=str(request.pk),
        context={"reference": request.reference, "sign_in_url": sign_in_url(request.language)},
        dedupe_key=f"{entry.pk}:free",
    )


def was_held() -> str:
    """Return why a patient cannot book again."""
    return _("The consultation of this request is over. If you need another one, write to the coordination office.")


def not_recorded() -> str:
    """Return why staff cannot book again yet."""
    return _("Record first what became of the last consultation: it took place, or the patient did not come.")


def too_near() -> str:
    """Return why a patient cannot move a consultation any more."""
    return _("The consultation is too near to be moved here. Write to the coordination office, or cancel it.")


def _to_patient(
    news: News,
    booking: Booking,
    key: str,
    method: Method | None,
    until: datetime.datetime | None = None,
    *,
    afterwards: Afterwards = Afterwards.CHOOSE,
) -> None:
    request = booking.request
    page = sign_in_url(request.language)
    outbox.post(
        f"{FOLDER}/consultation",
        to=request.email,
        language=request.language,
        zone=request.zone,
        about=str(request.pk),
        context={
            **_context(news, booking),
            "clock_zone": request.zone,
            "sign_in_url": page,
            "afterwards": str(afterwards),
        },
        attachments=_entry(booking, method, request.language, request.zone, page, request.email),
        not_after=until,
        dedupe_key=key,
    )


def _to_staff(
    news: News,
    booking: Booking,
    user: User,
    zone: str,
    key: str,
    method: Method | None,
    until: datetime.datetime | None = None,
) -> None:
    page = settings.PUBLIC_URL + reverse("desk:consultations")
    outbox.post(
        f"{FOLDER}/consultation_staff",
        to=user.email,
        language=user.language,
        zone=settings.PORTAL_TIME_ZONE,
        about=str(booking.pk),
        context={**_context(news, booking), "clock_zone": zone, "desk_url": page},
        attachments=_entry(booking, method, user.language, zone, page, user.email),
        not_after=until,
        dedupe_key=key,
    )


def _context(news: News, booking: Booking) -> dict[str, object]:
    return {
        "news": str(news),
        "reference": booking.request.reference,
        "starts_at": booking.starts_at,
        "ends_at": booking.ends_at,
        "place_zone": booking.zone,
        "city": booking.city,
        "is_remote": booking.is_remote,
        "patient_language": booking.patient_language,
        "visit_language": booking.visit_language,
    }


def _entry(
    booking: Booking, method: Method | None, language: str, zone: str, page: str, attendee: str
) -> list[Attachment]:
    if method is None:
        return []
    text = calendar_files.entry(booking, method=method, language=language, zone=zone, page_url=page, attendee=attendee)
    return [Attachment(calendar_files.FILE_NAME, calendar_files.content_type(method), text)]


def _clocks_of_specialist(booking: Booking) -> str:
    # Hers are Milan's and those of the place; beside them stands the patient's.
    return booking.request.zone


def _reminder_key(booking: Booking, hours: int) -> str:
    return f"{booking.pk}:{booking.sequence}:reminder:{hours}"
