"""The working-day clock of a case, as the desk shows it."""

import datetime
from dataclasses import dataclass

from django.utils.translation import gettext as _

from teleconsult import clock
from teleconsult.desk.standing import standing_of
from teleconsult.desk.words import left_words
from teleconsult.models import Request


@dataclass(frozen=True)
class ClockFace:
    """The clock of a case, as the component `days` prints it."""

    title: str
    state: str
    state_text: str
    state_icon: str
    days: tuple[clock.Day, ...]
    sentence: str


def clock_of(request: Request, now: datetime.datetime) -> ClockFace | None:
    """Return the working-day clock, or None where nothing is promised."""
    progress = clock.progress(request, now)
    if progress is None:
        return None
    title = left_words(progress.left)
    standing = standing_of(request, now)
    icon = "clock"
    if progress.is_paused:
        title = _("Paused: %(left)s") % {"left": left_words(progress.left)}
        icon = "pause"
    elif progress.is_late:
        title, icon = _("This answer is late"), "alert"
    elif request.is_ended:
        title, icon = _("The clock has stopped"), "check"
    return ClockFace(title, standing.state, standing.text, icon, progress.days, _due_sentence(request, progress))


def _due_sentence(request: Request, progress: clock.Progress) -> str:
    if request.is_ended:
        return ""
    both = [
        _("%(date)s, %(time)s (%(place)s)") % {"date": face.date, "time": face.time, "place": face.place}
        for face in reversed(clock.two_clocks(progress.due_at, request.zone))
    ]
    where = "; ".join(both)
    if progress.is_paused:
        return _("If the patient answers now, the answer is due on %(moment)s.") % {"moment": where}
    return _("Answer due on %(moment)s.") % {"moment": where}
