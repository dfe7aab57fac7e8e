"""How a case stands, in words; late is said before it happens."""

import datetime
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from teleconsult import clock
from teleconsult.desk.words import day_words, left_words, time_words
from teleconsult.enums import Status
from teleconsult.models import Request

# From so many hours on they are counted: an afternoon.
FEW_HOURS = 6

# The words of `Status` and `WaitingFor` speak to the patient; these speak of her.
WHERE_IT_IS: dict[str, Promise] = {
    Status.SUBMITTED: pgettext_lazy("where a request is", "New"),
    Status.IN_TRIAGE: pgettext_lazy("where a request is", "With the office"),
    Status.WITH_FACILITY: pgettext_lazy("where a request is", "With the facility"),
    Status.WITH_SPECIALIST: pgettext_lazy("where a request is", "With the specialist"),
    Status.OPINION_READY: pgettext_lazy("where a request is", "Opinion ready"),
    Status.AWAITING_PATIENT: pgettext_lazy("where a request is", "Waiting for the patient"),
    Status.DECLINED: pgettext_lazy("where a request is", "Not accepted"),
    Status.WITHDRAWN: pgettext_lazy("where a request is", "Withdrawn by the patient"),
    Status.CLOSED: pgettext_lazy("where a request is", "Closed"),
}


@dataclass(frozen=True)
class Standing:
    """Where a case stands: the state of a badge with its words, and when it is due, in words."""

    state: str
    text: str
    due: str


def standing_of(request: Request, now: datetime.datetime) -> Standing:
    """Return how a case stands; what presses most comes first, and late is said before it happens."""
    where = str(WHERE_IT_IS[request.status])
    if request.is_ended:
        ended = request.closed_at or now
        return Standing("plain", where, _("ended on %(day)s") % {"day": day_words(ended)})
    if request.paused_since:
        return Standing("sky", where, _("paused since %(day)s") % {"day": day_words(request.paused_since)})
    if request.due_at is None:
        return Standing("sky" if request.status == Status.SUBMITTED else "plain", where, _("no day promised"))
    if clock.is_late(request, now):
        return Standing("brick", _("Late since %(moment)s") % {"moment": time_words(request.due_at)}, where)
    pressing = _pressing(request, now)
    if pressing:
        return Standing("amber", pressing, where)
    state = "sky" if request.status == Status.SUBMITTED else "plain"
    return Standing(state, where, left_words(clock.days_left(request, now) or 0))


def _pressing(request: Request, now: datetime.datetime) -> str:
    """Return the words for a case that is due today or on the next working day."""
    due = request.due_at.astimezone(clock.MILAN)
    days = (due.date() - now.astimezone(clock.MILAN).date()).days
    if days == 0:
        return _due_in(due - now, f"{due:%H:%M}")
    if (clock.days_left(request, now) or 0) > 1:
        return ""
    if days == 1:
        return _("Due tomorrow by %(time)s") % {"time": f"{due:%H:%M}"}
    return _("Due next, on %(moment)s") % {"moment": time_words(due)}


def _due_in(left: datetime.timedelta, time: str) -> str:
    """Return how long is left on the last day; in hours once they are few."""
    minutes = int(left.total_seconds()) // 60
    if minutes < 60:
        return _("Due in %(minutes)s min, by %(time)s") % {"minutes": minutes, "time": time}
    if minutes // 60 <= FEW_HOURS:
        return _("Due in %(hours)s h, by %(time)s") % {"hours": minutes // 60, "time": time}
    return _("Due today by %(time)s") % {"time": time}
