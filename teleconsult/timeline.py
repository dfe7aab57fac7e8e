"""The patient's view of a request: whose turn it is in one sentence, what happened, what comes next."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from teleconsult import clock, opinions
from teleconsult.enums import Action, CloseReason, DeclineReason, RequestKind, Status, WaitingFor
from teleconsult.models import Event, Request


@dataclass(frozen=True)
class Turn:
    """Whose turn it is: who, one sentence, what that means, and the one thing to do."""

    who: str
    title: str
    text: str = ""
    url: str = ""
    label: str = ""
    is_patient: bool = False


@dataclass(frozen=True)
class Moment:
    """A line of the timeline, as the component prints it."""

    title: str
    state: str
    text: str = ""
    when: str = ""


@dataclass(frozen=True)
class Station:
    """A place on the line from sending to the answer, as the component `journey` prints it."""

    label: str
    state: str
    note: str = ""


# Papers belong to these.
WITH_PAPERS = frozenset({RequestKind.SECOND_OPINION, RequestKind.CHECK_UP, RequestKind.ESTIMATE})
# Steps the patient is told about; the others are the office's own affair.
TOLD = {
    Action.SUBMIT,
    Action.TAKE,
    Action.ASK_DOCUMENT,
    Action.ASK_QUESTION,
    Action.ASK_CONSENT,
    Action.ANSWER,
    Action.FORWARD,
    Action.REFER,
    Action.BEGIN_REFERRAL,
    Action.NAME_SPECIALIST,
    Action.RETURN_TO_TRIAGE,
    Action.DECLINE,
    Action.CLOSE,
    Action.CLOSE_NO_ANSWER,
    Action.WITHDRAW,
    Action.GIVE_CONSENT,
    Action.REVOKE_CONSENT,
    Action.ASK_RECEIPT,
    Action.CONFIRM_IDENTITY,
    Action.SIGN_OPINION,
    Action.SIGN_ADDENDUM,
    Action.ASK_FOLLOW_UP,
    Action.ANSWER_FOLLOW_UP,
    Action.CLOSE_ANSWERED,
    Action.CHANGE_SETTINGS,
}


def history_of(request: Request) -> list[Event]:
    """Return the steps so far, oldest first."""
    return list(request.events.select_related("facility"))


def turn_of(request: Request, history: Sequence[Event]) -> Turn:
    """Return whose turn it is."""
    patient = pgettext("whose turn", "It is your turn")
    office = pgettext("whose turn", "It is our turn")
    if request.status == Status.DRAFT:
        url = reverse("teleconsult:request_start")
        return Turn(
            patient, _("Your request is not sent yet."), _("Everything you wrote is saved."), url, _("Go on"), True
        )
    if request.status == Status.AWAITING_PATIENT:
        return _awaited(request, history, patient)
    hospital = pgettext("whose turn", "It is the hospital’s turn")
    ended_who = pgettext("whose turn", "This request has ended")
    with_facility = {
        RequestKind.CHECK_UP: _("The hospital looks at what you would like to have checked."),
        RequestKind.ESTIMATE: _("The hospital works on the estimate."),
    }
    turns = {
        Status.SUBMITTED: Turn(office, _arrived(request), _("A coordinator reads it next.")),
        Status.IN_TRIAGE: Turn(office, _looked_at(request)),
        Status.WITH_FACILITY: Turn(
            hospital, with_facility.get(RequestKind(request.kind), _("Your papers are with the hospital."))
        ),
        Status.WITH_SPECIALIST: Turn(hospital, _("A specialist is reading your papers.")),
        Status.OPINION_READY: _ready(request, patient),
        Status.DECLINED: Turn(ended_who, _("We cannot take your request."), _reason(history)),
        Status.WITHDRAWN: Turn(ended_who, _("You withdrew your request.")),
        Status.EXPIRED: Turn(ended_who, _("This draft was not sent in time and was erased.")),
        Status.ERASED: Turn(ended_who, _("Everything in it has been erased.")),
    }
    ended = Turn(ended_who, _("Your request is closed."), _reason(history))
    return turns.get(Status(request.status), ended)


def _ready(request: Request, who: str) -> Turn:
    """Return the turn to read: the opinion of the hospital that has the case."""
    opinion = next(iter(opinions.delivered(request)), None)
    url = reverse("teleconsult:opinion", args=[opinion.pk]) if opinion else ""
    text = _("Read it here. You can also take it along as a PDF.")
    return Turn(who, _("The answer is ready."), text, url, _("Read the opinion") if url else "", is_patient=True)


def _arrived(request: Request) -> str:
    return {
        RequestKind.QUESTION: _("Your question has arrived."),
        RequestKind.COLLABORATION: _("Your enquiry has arrived."),
    }.get(RequestKind(request.kind), _("Your request has arrived."))


def _looked_at(request: Request) -> str:
    return {
        RequestKind.QUESTION: _("A coordinator is working on your question."),
        RequestKind.COLLABORATION: _("A coordinator is working on your enquiry."),
    }.get(RequestKind(request.kind), _("A coordinator is looking at your request."))


def _expected(request: Request) -> str:
    """Return what comes at the end, by the kind of request."""
    return {
        RequestKind.SECOND_OPINION: _("You receive the opinion in writing"),
        RequestKind.CHECK_UP: _("You receive a proposal for the check-up"),
        RequestKind.ESTIMATE: _("You receive the estimate"),
    }.get(RequestKind(request.kind), _("You receive an answer"))


def _awaited(request: Request, history: Sequence[Event], who: str) -> Turn:
    event = _last(history, {Action.ASK_DOCUMENT, Action.ASK_QUESTION, Action.ASK_CONSENT, Action.BEGIN_REFERRAL})
    words = event.note if event else ""
    if request.waiting_for == WaitingFor.CONSENT:
        url, label = reverse("teleconsult:consent"), _("Read and decide")
        return Turn(who, _("We ask for your consent."), words, url, label, True)
    url, label = reverse("teleconsult:answer"), _("Answer")
    title = _("Please send a paper.") if request.waiting_for == WaitingFor.DOCUMENT else _("Please answer a question.")
    return Turn(who, title, words, url, label, True)


def _reason(history: Sequence[Event]) -> str:
    """Return why the request ended, in words: the reason of the list, then the note."""
    event = _last(history, {Action.DECLINE, Action.CLOSE, Action.CLOSE_NO_ANSWER, Action.CLOSE_ANSWERED})
    if event is None:
        return ""
    reasons = {str(reason.value): str(reason.label) for reason in (*DeclineReason, *CloseReason)}
    return " ".join(part for part in (reasons.get(event.reason, ""), event.note) if part)


def _last(history: Sequence[Event], actions: set[Action]) -> Event | None:
    return next((event for event in reversed(history) if event.action in actions), None)


def timeline_of(request: Request, history: Sequence[Event], turn: Turn) -> list[Moment]:
    """Return what happened, oldest first, what is now, and the end that comes next."""
    told = [event for event in history if event.action in TOLD]
    moments = [Moment(_title(event), "done", "", _when(event, request)) for event in told]
    if request.is_ended:
        return moments
    moments.append(Moment(turn.title, "now"))
    if request.status not in {Status.DRAFT, Status.OPINION_READY}:
        moments.append(Moment(_expected(request), "next"))
    return moments


# How far a request has come: the stations of the line, by status.
_STATIONS = {
    Status.DRAFT: 0,
    Status.SUBMITTED: 1,
    Status.IN_TRIAGE: 1,
    Status.WITH_FACILITY: 2,
    Status.WITH_SPECIALIST: 3,
    Status.OPINION_READY: 4,
}


def journey_of(request: Request, turn: Turn) -> list[Station]:
    """Return the line from sending to the answer, with the station where the request is now; none once it ended."""
    if request.is_ended:
        return []
    labels = [pgettext("station", "You write"), pgettext("station", "The coordination office reads")]
    if request.kind in WITH_PAPERS:
        labels.append(pgettext("station", "A hospital accepts"))
    if request.kind == RequestKind.SECOND_OPINION:
        labels.append(pgettext("station", "A specialist reads"))
    labels.append(_expected(request))
    here = min(_STATIONS[Status(request.stage)], len(labels) - 1)
    states = ["done" if number < here else "now" if number == here else "next" for number in range(len(labels))]
    return [
        Station(label, state, turn.who if state == "now" else "") for label, state in zip(labels, states, strict=True)
    ]


def _title(event: Event) -> str:
    """Return a step as the patient reads it."""
    facility = event.facility.short_name if event.facility else ""
    if event.action == Action.REVOKE_CONSENT and event.to_status == Status.WITHDRAWN:
        return _("You took your consent back, and the request ended")
    titles = {
        Action.SUBMIT: _("You sent the request"),
        Action.TAKE: _("A coordinator began to work on it"),
        Action.ASK_DOCUMENT: _("We asked you for a paper"),
        Action.ASK_QUESTION: _("We asked you a question"),
        Action.ASK_CONSENT: _("We asked for your consent: %(hospital)s") % {"hospital": facility},
        Action.ANSWER: _("You answered"),
        Action.FORWARD: _("Your request went to the hospital: %(hospital)s") % {"hospital": facility},
        Action.REFER: _("We asked another hospital too, with a second request."),
        Action.BEGIN_REFERRAL: _("We began this second request for another hospital."),
        Action.NAME_SPECIALIST: _("The hospital named a specialist"),
        Action.RETURN_TO_TRIAGE: _("The request came back to the coordination office"),
        Action.DECLINE: _("We could not take the request"),
        Action.CLOSE: _("The request was closed"),
        Action.CLOSE_NO_ANSWER: _("The request was closed: no answer came"),
        Action.WITHDRAW: _("You withdrew the request"),
        Action.GIVE_CONSENT: _("You gave consent: %(hospital)s") % {"hospital": facility or _("coordination office")},
        Action.REVOKE_CONSENT: _("You took a consent back: %(hospital)s")
        % {"hospital": facility or _("coordination office")},
        Action.ASK_RECEIPT: _("A new receipt was asked for"),
        Action.CONFIRM_IDENTITY: _("We confirmed who you are"),
        Action.SIGN_OPINION: _("The opinion was delivered: %(hospital)s") % {"hospital": facility},
        Action.SIGN_ADDENDUM: _("The specialist added something: %(hospital)s") % {"hospital": facility},
        Action.ASK_FOLLOW_UP: _("You asked about the opinion"),
        Action.ANSWER_FOLLOW_UP: _("Your question about the opinion was answered"),
        Action.CLOSE_ANSWERED: _("The request ended with the opinion"),
        Action.CHANGE_SETTINGS: _("You changed language, time zone or country"),
    }
    return titles[Action(event.action)]


def _when(event: Event, request: Request) -> str:
    """Return the time in the patient's zone and in Milan's."""
    both = clock.two_clocks(event.at, request.zone)
    first = both[0]
    words = _("%(date)s, %(time)s (%(place)s)") % {"date": first.date, "time": first.time, "place": first.place}
    if len(both) == 1:
        return words
    return _("%(first)s; %(time)s in Milan") % {"first": words, "time": both[1].time}
