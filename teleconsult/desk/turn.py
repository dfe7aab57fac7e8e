"""Whose turn it is, seen from the desk."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from teleconsult.desk.words import day_words
from teleconsult.enums import Role, Status, WaitingFor
from teleconsult.models import Request
from teleconsult.querysets import Person

AWAITED: dict[str, Promise] = {
    WaitingFor.DOCUMENT: gettext_lazy("The patient was asked for a document on %(day)s."),
    WaitingFor.ANSWER: gettext_lazy("The patient was asked a question on %(day)s."),
    WaitingFor.CONSENT: gettext_lazy("The patient was asked for consent on %(day)s."),
}


@dataclass(frozen=True)
class Turn:
    """Whose turn it is, and what for."""

    who: str
    text: str
    is_mine: bool = False


def turn_of(request: Request, reader: Person, roles: Iterable[Role]) -> Turn:
    """Return whose turn it is, seen from the desk."""
    roles = set(roles)
    if request.is_ended:
        return Turn(pgettext("whose turn", "Nobody’s turn"), _("This request has ended."))
    if request.status == Status.AWAITING_PATIENT and request.paused_since:
        asked = AWAITED[request.waiting_for] % {"day": day_words(request.paused_since)}
        return Turn(pgettext("whose turn", "The patient’s turn"), asked)
    if request.status == Status.SUBMITTED:
        return _turn_if(
            Role.COORDINATOR in roles,
            pgettext("whose turn", "The office’s turn"),
            _("Nobody has taken this request yet."),
        )
    if request.status == Status.IN_TRIAGE:
        owner = _("The turn of %(name)s") % {"name": request.owner}
        return _turn_if(request.owner_id == reader.pk, owner, _("Read it, complete it, then send it to a facility."))
    if request.status == Status.WITH_FACILITY:
        return _turn_if(
            Role.FACILITY_OFFICE in roles,
            pgettext("whose turn", "The facility’s turn"),
            _("Its office names the specialist, or returns the case with a reason."),
        )
    if request.status == Status.WITH_SPECIALIST:
        return _turn_if(
            Role.SPECIALIST in roles,
            pgettext("whose turn", "The specialist’s turn"),
            _("The specialist reads the case."),
        )
    if request.opinions.with_open_questions().exists():
        return _turn_if(
            Role.SPECIALIST in roles,
            pgettext("whose turn", "The specialist’s turn"),
            _("A question of the patient about the opinion waits for an answer."),
        )
    return Turn(pgettext("whose turn", "The patient’s turn"), _("The opinion waits to be read."))


def _turn_if(is_mine: bool, others: str, text: str) -> Turn:
    return Turn(pgettext("whose turn", "Your turn") if is_mine else others, text, is_mine)
