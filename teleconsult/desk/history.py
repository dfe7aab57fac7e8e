"""The steps of a case: who, in which role, when, why."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from teleconsult.desk.case import Side
from teleconsult.desk.words import time_words
from teleconsult.enums import Action, CloseReason, DeclineReason, Delivery, ReturnReason, Urgency
from teleconsult.models import Event, Request

REASONS: dict[str, Any] = {
    Action.DECLINE: DeclineReason,
    Action.RETURN_TO_TRIAGE: ReturnReason,
    Action.CLOSE: CloseReason,
    Action.CLOSE_NO_ANSWER: CloseReason,
    Action.REVOKE_CONSENT: ReturnReason,
    Action.SIGN_OPINION: Delivery,
    Action.CLOSE_ANSWERED: CloseReason,
}


@dataclass(frozen=True)
class HistoryLine:
    """One step, as the component `timeline` prints it."""

    title: str
    text: str
    when: str
    state: str = "done"


def history_of(request: Request, seen_from: Side) -> list[HistoryLine]:
    """Return the steps, newest first: who, in which role, when, why."""
    events = request.events.select_related("user", "facility").order_by("-number")
    return [
        HistoryLine(str(event.get_action_display()), _about(event), _who_and_when(event))
        for event in events
        if seen_from.may_know_of(event.facility_id)
    ]


def _who_and_when(event: Event) -> str:
    names = [str(event.user)] if event.user else []
    names.append(str(event.get_role_display()))
    if event.facility:
        names.append(event.facility.short_name)
    return _("%(who)s; %(moment)s") % {"who": ", ".join(names), "moment": time_words(event.at)}


def _about(event: Event) -> str:
    return " ".join(part for part in (reason_words(event), event.note) if part)


def reason_words(event: Event) -> str:
    """Return the reason of a step in words."""
    if event.action == Action.SET_URGENCY:
        return str(Urgency[event.reason.upper()].label) if event.reason.upper() in Urgency.names else ""
    reasons = REASONS.get(event.action)
    return str(reasons(event.reason).label) if reasons and event.reason in reasons.values else ""
