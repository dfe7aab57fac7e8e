"""The one table of a request's life: which step leads from where to where, who may, what must be true, who is told."""

from dataclasses import dataclass
from enum import StrEnum

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from teleconsult.enums import FACILITY_STATUSES, OPEN_STATUSES, Action, RequestKind, Role, Status


class Target(StrEnum):
    """Where a step leads when that is not one fixed status."""

    STAYS = "stays"
    # Where it came from, kept in `Request.returns_to`.
    RETURNS = "returns"


class Requirement(TextChoices):
    """What must be true before a step; `workflow` checks them by these names."""

    ANSWERS = "answers", _("every required answer is there")
    COORDINATION_CONSENT = "coordination_consent", _("live consent that the coordination office reads the case")
    FACILITY_CONSENT = "facility_consent", _("live consent for that facility")
    AUTHORITY = "authority", _("for a relative or a minor: authority stated")
    REACHED = "reached", _("the facility has an office here and a confirmed offer")
    SPECIALIST_THERE = "specialist_there", _("the person is a specialist of that facility")
    REASON = "reason", _("a reason, and words where the reason is “other”")
    WORDS = "words", _("something is written")
    NOT_OWNER = "not_owner", _("a colleague owns it")
    COLLEAGUE = "colleague", _("the colleague works in the same office")
    ANOTHER_FACILITY = "another_facility", _("a facility that does not have the case, nor a referral of it")
    ASKED_FOR = "asked_for", _("it is the consent that was asked for")
    CASE_IS_THERE = "case_is_there", _("the facility has the case")
    LAST_CONSENT = "last_consent", _("no live consent is left")
    FORGOTTEN = "forgotten", _("nothing was saved for 30 days")
    OLD = "old", _("it ended 12 months ago (documents) or 24 months ago (everything)")
    UNANSWERED = "unanswered", _("the patient was awaited for 45 days")
    CONSULTATION = "consultation", _("the protocol includes a live consultation")
    TOMBSTONE = "tombstone", _("it was erased before, and came back with a backup")
    OPINION_COMPLETE = "opinion_complete", _("each question is answered, and the summary is written")
    FACTOR = "factor", _("the second factor was given after the last change of the text")
    DELIVERED = "delivered", _("the facility has delivered an opinion")
    QUESTIONS_LEFT = "questions_left", _("the protocol allows a further question, and its days are not over")
    WINDOW_OVER = (
        "window_over",
        _("the days for questions are over, none waits for its answer, and no consultation is to come"),
    )


class Mail(TextChoices):
    """What the patient is told; templates stand in templates/teleconsult/mail/."""

    DRAFT_SAVED = "draft_saved", _("where to find the draft again")
    REQUEST_RECEIVED = "request_received", _("the request has arrived")
    STATUS_CHANGED = "status_changed", _("the status has changed")
    DOCUMENT_ASKED = "document_asked", _("a document is asked for")
    ANSWER_ASKED = "answer_asked", _("a question waits")
    CONSENT_ASKED = "consent_asked", _("consent is asked for")
    MESSAGE_WAITING = "message_waiting", _("a message waits")
    DECLINED = "declined", _("the request is not accepted")
    WITHDRAWN = "withdrawn", _("the request is withdrawn")
    CLOSED = "closed", _("the request is closed")
    ERASED = "erased", _("everything is erased")
    NEW_RECEIPT_NOTICE = "new_receipt_notice", _("a new receipt was made")
    RECEIPT_CONFIRMED = "receipt_confirmed", _("the new receipt opens everything")
    OPINION_READY = "opinion_ready", _("the opinion is ready")
    ADDENDUM_READY = "addendum_ready", _("an addendum waits")
    FOLLOW_UP_ANSWERED = "follow_up_answered", _("a question about the opinion is answered")


@dataclass(frozen=True)
class Transition:
    """One row of the table; no source means that the request begins with it."""

    action: Action
    sources: tuple[Status, ...]
    target: Status | Target
    who: tuple[Role, ...]
    requires: tuple[Requirement, ...] = ()
    tells: tuple[Mail, ...] = ()
    # The kinds of request that know the step; none named means all.
    kinds: tuple[RequestKind, ...] = ()

    def is_for(self, kind: str | None) -> bool:
        """Return whether a kind of request knows the step; without a kind, whether any does."""
        return kind is None or not self.kinds or kind in self.kinds

    @property
    def moves(self) -> bool:
        """Return whether the status changes."""
        return self.target != Target.STAYS


PATIENTS = (Role.PATIENT, Role.RELATIVE)
OFFICE = (Role.COORDINATOR,)
# The clock runs and staff have the case in hand.
IN_HAND = (Status.IN_TRIAGE, Status.WITH_FACILITY, Status.WITH_SPECIALIST)
# Where a consultation can be booked, and where one that is booked can still be changed.
BOOKABLE = (Status.WITH_SPECIALIST, Status.OPINION_READY)
BOOKED = (*BOOKABLE, Status.AWAITING_PATIENT)
BOOKERS = (*PATIENTS, *OFFICE, Role.FACILITY_OFFICE, Role.SPECIALIST)
# A facility answers these; a question and a collaboration end in the office.
FOR_A_FACILITY = (RequestKind.SECOND_OPINION, RequestKind.CHECK_UP, RequestKind.ESTIMATE)
# The facility's office answers these by itself, without a specialist.
FOR_AN_OFFICE = (RequestKind.CHECK_UP, RequestKind.ESTIMATE)
FOR_A_SPECIALIST = (RequestKind.SECOND_OPINION,)
UNERASED = tuple(status for status in Status if status not in {Status.EXPIRED, Status.ERASED})
# Where a consultation may be in the past.
ONCE_BOOKED = tuple(status for status in UNERASED if status not in {Status.DRAFT, Status.SUBMITTED})
_R, _M, _S, _A = Requirement, Mail, Status, Action

TABLE: tuple[Transition, ...] = (
    Transition(_A.START, (), _S.DRAFT, PATIENTS, tells=(_M.DRAFT_SAVED,)),
    Transition(_A.SAVE, (_S.DRAFT,), Target.STAYS, PATIENTS),
    Transition(
        _A.SUBMIT,
        (_S.DRAFT,),
        _S.SUBMITTED,
        PATIENTS,
        (_R.ANSWERS, _R.COORDINATION_CONSENT),
        (_M.REQUEST_RECEIVED,),
    ),
    Transition(_A.EXPIRE, (_S.DRAFT,), _S.EXPIRED, (Role.SYSTEM,), (_R.FORGOTTEN,)),
    # The office.
    Transition(_A.TAKE, (_S.SUBMITTED,), _S.IN_TRIAGE, OFFICE, tells=(_M.STATUS_CHANGED,)),
    Transition(_A.TAKE_OVER, (*IN_HAND, _S.AWAITING_PATIENT), Target.STAYS, OFFICE, (_R.NOT_OWNER,)),
    Transition(_A.HAND_OVER, (*IN_HAND, _S.AWAITING_PATIENT), Target.STAYS, OFFICE, (_R.COLLEAGUE,)),
    Transition(_A.SET_URGENCY, (_S.SUBMITTED, *IN_HAND, _S.AWAITING_PATIENT), Target.STAYS, OFFICE, (_R.REASON,)),
    Transition(_A.ASK_DOCUMENT, (_S.IN_TRIAGE,), _S.AWAITING_PATIENT, OFFICE, (_R.WORDS,), (_M.DOCUMENT_ASKED,)),
    Transition(_A.ASK_QUESTION, (_S.IN_TRIAGE,), _S.AWAITING_PATIENT, OFFICE, (_R.WORDS,), (_M.ANSWER_ASKED,)),
    Transition(
        _A.ASK_CONSENT,
        (_S.IN_TRIAGE,),
        _S.AWAITING_PATIENT,
        OFFICE,
        (_R.REACHED,),
        (_M.CONSENT_ASKED,),
        FOR_A_FACILITY,
    ),
    Transition(
        _A.FORWARD,
        (_S.IN_TRIAGE,),
        _S.WITH_FACILITY,
        OFFICE,
        (_R.REACHED, _R.AUTHORITY, _R.FACILITY_CONSENT),
        (_M.STATUS_CHANGED,),
        FOR_A_FACILITY,
    ),
    Transition(
        _A.REFER,
        (*IN_HAND, _S.OPINION_READY),
        Target.STAYS,
        OFFICE,
        (_R.REACHED, _R.ANOTHER_FACILITY, _R.COORDINATION_CONSENT),
        kinds=FOR_A_FACILITY,
    ),
    # The second request, which the patient has not seen yet: nobody new reads it before she agrees.
    Transition(_A.BEGIN_REFERRAL, (), _S.AWAITING_PATIENT, OFFICE, tells=(_M.CONSENT_ASKED,)),
    Transition(_A.DECLINE, (_S.IN_TRIAGE,), _S.DECLINED, OFFICE, (_R.REASON,), (_M.DECLINED,)),
    Transition(_A.CLOSE, (_S.IN_TRIAGE,), _S.CLOSED, OFFICE, tells=(_M.CLOSED,)),
    # The facility.
    Transition(
        _A.ASK_DOCUMENT,
        (_S.WITH_FACILITY,),
        _S.AWAITING_PATIENT,
        (Role.FACILITY_OFFICE,),
        (_R.WORDS,),
        (_M.DOCUMENT_ASKED,),
    ),
    Transition(
        _A.ASK_QUESTION,
        (_S.WITH_FACILITY,),
        _S.AWAITING_PATIENT,
        (Role.FACILITY_OFFICE,),
        (_R.WORDS,),
        (_M.ANSWER_ASKED,),
    ),
    Transition(_A.SETTLE_FEE, (_S.WITH_FACILITY,), Target.STAYS, (Role.FACILITY_OFFICE, *OFFICE)),
    Transition(
        _A.NAME_SPECIALIST,
        (_S.WITH_FACILITY,),
        _S.WITH_SPECIALIST,
        (Role.FACILITY_OFFICE,),
        (_R.FACILITY_CONSENT, _R.SPECIALIST_THERE),
        (_M.STATUS_CHANGED,),
        FOR_A_SPECIALIST,
    ),
    # A check-up or an estimate is answered by the office itself, in words.
    Transition(
        _A.CLOSE,
        (_S.WITH_FACILITY,),
        _S.CLOSED,
        (Role.FACILITY_OFFICE,),
        (_R.WORDS,),
        (_M.CLOSED,),
        FOR_AN_OFFICE,
    ),
    Transition(
        _A.RETURN_TO_TRIAGE,
        (_S.WITH_FACILITY,),
        _S.IN_TRIAGE,
        (Role.FACILITY_OFFICE, *OFFICE),
        (_R.REASON,),
        (_M.STATUS_CHANGED,),
    ),
    # The specialist.
    Transition(
        _A.ASK_DOCUMENT,
        (_S.WITH_SPECIALIST,),
        _S.AWAITING_PATIENT,
        (Role.SPECIALIST,),
        (_R.WORDS,),
        (_M.DOCUMENT_ASKED,),
    ),
    Transition(
        _A.ASK_QUESTION,
        (_S.WITH_SPECIALIST,),
        _S.AWAITING_PATIENT,
        (Role.SPECIALIST,),
        (_R.WORDS,),
        (_M.ANSWER_ASKED,),
    ),
    Transition(
        _A.RETURN_TO_TRIAGE,
        (_S.WITH_SPECIALIST,),
        _S.IN_TRIAGE,
        (Role.SPECIALIST, Role.FACILITY_OFFICE, *OFFICE),
        (_R.REASON,),
        (_M.STATUS_CHANGED,),
    ),
    # The opinion.
    Transition(_A.WRITE_OPINION, (_S.WITH_SPECIALIST, _S.AWAITING_PATIENT), Target.STAYS, (Role.SPECIALIST,)),
    Transition(
        _A.SIGN_OPINION,
        (_S.WITH_SPECIALIST,),
        _S.OPINION_READY,
        (Role.SPECIALIST,),
        (_R.FACILITY_CONSENT, _R.OPINION_COMPLETE, _R.FACTOR),
        (_M.OPINION_READY,),
    ),
    # An addendum reopens reading, not the case.
    Transition(_A.WRITE_ADDENDUM, (_S.OPINION_READY, _S.CLOSED), Target.STAYS, (Role.SPECIALIST,), (_R.DELIVERED,)),
    Transition(
        _A.SIGN_ADDENDUM,
        (_S.OPINION_READY, _S.CLOSED),
        Target.STAYS,
        (Role.SPECIALIST,),
        (_R.DELIVERED, _R.WORDS, _R.FACTOR),
        (_M.ADDENDUM_READY,),
    ),
    Transition(_A.ASK_FOLLOW_UP, (_S.OPINION_READY,), Target.STAYS, PATIENTS, (_R.WORDS, _R.QUESTIONS_LEFT)),
    Transition(
        _A.ANSWER_FOLLOW_UP,
        (_S.OPINION_READY,),
        Target.STAYS,
        (Role.SPECIALIST,),
        (_R.WORDS,),
        (_M.FOLLOW_UP_ANSWERED,),
    ),
    Transition(_A.CLOSE_ANSWERED, (_S.OPINION_READY,), _S.CLOSED, PATIENTS),
    Transition(_A.CLOSE_ANSWERED, (_S.OPINION_READY,), _S.CLOSED, (Role.SYSTEM,), (_R.WINDOW_OVER,), (_M.CLOSED,)),
    # The patient.
    Transition(_A.ANSWER, (_S.AWAITING_PATIENT,), Target.RETURNS, PATIENTS),
    Transition(_A.CLOSE_NO_ANSWER, (_S.AWAITING_PATIENT,), _S.CLOSED, (Role.SYSTEM,), (_R.UNANSWERED,), (_M.CLOSED,)),
    Transition(_A.WITHDRAW, OPEN_STATUSES, _S.WITHDRAWN, PATIENTS, tells=(_M.WITHDRAWN,)),
    Transition(_A.ERASE, UNERASED, _S.ERASED, PATIENTS, tells=(_M.ERASED,)),
    Transition(_A.ERASE, (_S.DECLINED, _S.WITHDRAWN, _S.CLOSED), _S.ERASED, (Role.SYSTEM,), (_R.OLD,)),
    Transition(_A.ERASE_AGAIN, UNERASED, _S.ERASED, (Role.SYSTEM,), (_R.TOMBSTONE,)),
    Transition(_A.GIVE_CONSENT, (_S.DRAFT, *OPEN_STATUSES), Target.STAYS, PATIENTS),
    Transition(_A.GIVE_CONSENT, (_S.AWAITING_PATIENT,), Target.RETURNS, PATIENTS, (_R.ASKED_FOR,)),
    Transition(_A.REVOKE_CONSENT, OPEN_STATUSES, Target.STAYS, PATIENTS),
    Transition(
        _A.REVOKE_CONSENT,
        (*FACILITY_STATUSES, _S.AWAITING_PATIENT),
        _S.IN_TRIAGE,
        PATIENTS,
        (_R.CASE_IS_THERE,),
        (_M.STATUS_CHANGED,),
    ),
    Transition(_A.REVOKE_CONSENT, OPEN_STATUSES, _S.WITHDRAWN, PATIENTS, (_R.LAST_CONSENT,), (_M.WITHDRAWN,)),
    Transition(_A.CHANGE_SETTINGS, UNERASED, Target.STAYS, PATIENTS),
    Transition(_A.STATE_AUTHORITY, (_S.DRAFT, *OPEN_STATUSES), Target.STAYS, PATIENTS),
    # A file may still be arriving while the specialist signs, and a question about the opinion may need a paper.
    Transition(_A.ADD_DOCUMENT, (_S.DRAFT, *OPEN_STATUSES), Target.STAYS, PATIENTS),
    Transition(_A.REMOVE_DOCUMENT, (_S.DRAFT,), Target.STAYS, PATIENTS),
    Transition(_A.REMOVE_DOCUMENT, (_S.DECLINED, _S.WITHDRAWN, _S.CLOSED), Target.STAYS, (Role.SYSTEM,), (_R.OLD,)),
    Transition(_A.SEND_MESSAGE, OPEN_STATUSES, Target.STAYS, PATIENTS, (_R.WORDS,)),
    Transition(
        _A.SEND_MESSAGE,
        (*IN_HAND, _S.OPINION_READY, _S.AWAITING_PATIENT),
        Target.STAYS,
        (*OFFICE, Role.FACILITY_OFFICE, Role.SPECIALIST),
        (_R.WORDS,),
        (_M.MESSAGE_WAITING,),
    ),
    Transition(
        _A.WRITE_NOTE,
        (_S.SUBMITTED, *IN_HAND, _S.OPINION_READY, _S.AWAITING_PATIENT),
        Target.STAYS,
        (*OFFICE, Role.FACILITY_OFFICE, Role.SPECIALIST),
        (_R.WORDS,),
    ),
    Transition(_A.ASK_RECEIPT, UNERASED, Target.STAYS, PATIENTS, tells=(_M.NEW_RECEIPT_NOTICE,)),
    Transition(
        _A.CONFIRM_IDENTITY,
        tuple(s for s in UNERASED if s != _S.DRAFT),
        Target.STAYS,
        OFFICE,
        tells=(_M.RECEIPT_CONFIRMED,),
    ),
    # The live consultation; its mails name a time and stand in `consultation_mails`.
    Transition(_A.HOLD_SLOT, BOOKABLE, Target.STAYS, BOOKERS, (_R.CONSULTATION,)),
    Transition(_A.CONFIRM_BOOKING, BOOKABLE, Target.STAYS, BOOKERS, (_R.CONSULTATION,)),
    Transition(_A.MOVE_BOOKING, BOOKED, Target.STAYS, BOOKERS),
    Transition(_A.CANCEL_BOOKING, BOOKED, Target.STAYS, BOOKERS),
    Transition(_A.JOIN_WAITING, BOOKABLE, Target.STAYS, BOOKERS, (_R.CONSULTATION,)),
    Transition(_A.LEAVE_WAITING, BOOKED, Target.STAYS, BOOKERS),
    Transition(_A.RECORD_LATE, BOOKED, Target.STAYS, (Role.SPECIALIST,)),
    Transition(_A.RECORD_DONE, BOOKED, Target.STAYS, (Role.SPECIALIST,)),
    Transition(_A.RECORD_NO_SHOW, BOOKED, Target.STAYS, (Role.SPECIALIST,)),
    # The specialist may have no access any more; what was promised is not left open for ever.
    Transition(_A.RECORD_DONE, ONCE_BOOKED, Target.STAYS, OFFICE),
    Transition(_A.RECORD_NO_SHOW, ONCE_BOOKED, Target.STAYS, OFFICE),
)


def find(
    action: Action, status: str, role: Role, target: str | None = None, kind: str | None = None
) -> Transition | None:
    """Return the row for a step of a role from a status; the first, or the one that leads to `target`.

    With a kind of request, only a row that this kind knows.
    """
    for row in TABLE:
        fits = row.action == action and role in row.who and (status in row.sources or not row.sources)
        if fits and target in {None, row.target} and row.is_for(kind):
            return row
    return None


def who_ever(action: Action, kind: str | None = None) -> frozenset[Role]:
    """Return the roles that may take a step in some status."""
    return frozenset(role for row in TABLE if row.action == action and row.is_for(kind) for role in row.who)


def actions_for(role: Role, status: str, kind: str | None = None) -> tuple[Action, ...]:
    """Return what a role can do in a status, in the order of the table."""
    able = (row for row in TABLE if role in row.who and status in row.sources and row.is_for(kind))
    return tuple(dict.fromkeys(row.action for row in able))


def mermaid() -> str:
    """Return the moves of the table as a mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> draft: start"]
    for row in TABLE:
        if row.sources and row.moves:
            lines += [f"    {source} --> {_end_of(row)}: {row.action}" for source in row.sources]
    return "\n".join(_without_repeats(lines)) + "\n"


def _end_of(row: Transition) -> str:
    # A choice in the diagram: back to where the question came from.
    return "back_where_it_came_from" if row.target == Target.RETURNS else str(row.target)


def _without_repeats(lines: list[str]) -> list[str]:
    """Drop lines that two rows share because several roles may take the same step."""
    return list(dict.fromkeys(lines))


def table() -> str:
    """Return the whole table in Markdown."""
    head = ["step", "from", "to", "who", "what must be true", "the patient is told", "only for"]
    rows = [head, ["---"] * len(head)]
    for row in TABLE:
        rows.append(
            [
                f"`{row.action}`",
                ", ".join(row.sources) or "(new)",
                str(row.target),
                ", ".join(row.who),
                "; ".join(str(requirement.label) for requirement in row.requires),
                "; ".join(str(mail.label) for mail in row.tells),
                ", ".join(row.kinds),
            ]
        )
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)
