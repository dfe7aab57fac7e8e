"""What must be true before a step; the names are those of `transitions.Requirement`."""

import datetime
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.translation import gettext as _

from facilities.enums import StaffRole
from facilities.models import Membership
from teleconsult import checklist, reach
from teleconsult.enums import (
    FACILITY_RETURN_REASONS,
    Action,
    ConsentDecision,
    ConsentPurpose,
    DeclineReason,
    ForWhom,
    RequestKind,
    ReturnReason,
    Role,
    Urgency,
)
from teleconsult.exceptions import (
    AuthorityMissing,
    AuthorityNotAttached,
    ConsentMissing,
    FactorMissing,
    IllegalStep,
    Incomplete,
    NoConsultation,
    NoQuestionsLeft,
    NotAColleague,
    NotASpecialistThere,
    NotReached,
    OpinionIncomplete,
    ReasonMissing,
)
from teleconsult.models import Request
from teleconsult.transitions import Requirement
from teleconsult.workflow.promises import protocol_at
from vault.tombstones import Kind, Tombstone

if TYPE_CHECKING:
    from teleconsult.workflow.steps import Step

# The second factor that signs was given so long ago at most.
FACTOR_HOLDS = datetime.timedelta(minutes=5)


def missing_answers(request: Request) -> list[str]:
    """Return the names of the answers without which the request cannot be sent."""
    needed = ["email", "question"]
    if request.kind == RequestKind.SECOND_OPINION:
        needed += ["patient_name", "age_years", "country"]
    elif request.kind in {RequestKind.CHECK_UP, RequestKind.ESTIMATE}:
        needed += ["patient_name", "country"]
    elif request.kind == RequestKind.COLLABORATION:
        needed += ["asker_name", "organisation", "country"]
    if request.for_whom == ForWhom.RELATIVE:
        needed += ["asker_name", "relationship"]
    return [name for name in needed if getattr(request, name) in ("", None)]


def check(step: "Step") -> None:
    """Raise what the first requirement that is not met says."""
    for requirement in step.row.requires:
        _CHECKS[requirement](step)


def _check_answers(step: "Step") -> None:
    missing = missing_answers(step.request)
    if missing:
        raise Incomplete(missing)


def _check_coordination_consent(step: "Step") -> None:
    # Given in this very step, it is live: nobody revokes it before the row is free again.
    decided = [row.decision for row in step.decisions if row.purpose == ConsentPurpose.COORDINATION]
    if decided[-1:] == [ConsentDecision.GRANT]:
        return
    if not step.request.consents.live().for_coordination().exists():
        raise ConsentMissing(_("Your consent is missing: without it nobody may read your request."))


def _check_facility_consent(step: "Step") -> None:
    facility = step.facility or step.request.current_facility
    if facility is None or not step.request.consents.live().for_facility(facility).exists():
        raise ConsentMissing


def _check_authority(step: "Step") -> None:
    request = step.request
    if not request.needs_authority:
        return
    if request.authority_stated_at is None:
        raise AuthorityMissing
    protocol = protocol_at(request, step.facility or request.current_facility)
    if protocol is not None and checklist.lacks_authority(request, protocol):
        raise AuthorityNotAttached


def _check_reached(step: "Step") -> None:
    if step.facility is None or not reach.is_reached(step.facility, step.request.treatment):
        raise NotReached


def _check_specialist(step: "Step") -> None:
    there = Membership.objects.current().filter(
        user=step.specialist, facility=step.request.current_facility, role=StaffRole.SPECIALIST
    )
    if not there.exists():
        raise NotASpecialistThere


def _check_reason(step: "Step") -> None:
    """Refuse a reason nobody may give here, and "other" or "urgent" without words."""
    known: dict[Action, Iterable[str]] = {
        Action.DECLINE: DeclineReason.values,
        Action.RETURN_TO_TRIAGE: (
            [ReturnReason.RECALLED] if step.role == Role.COORDINATOR else FACILITY_RETURN_REASONS
        ),
        Action.SET_URGENCY: [urgency.name.lower() for urgency in Urgency],
    }
    if step.reason not in known[step.action] or (step.reason in {"other", "urgent"} and not step.text):
        raise ReasonMissing


def _check_words(step: "Step") -> None:
    if not step.text:
        raise ReasonMissing(_("Write something first."))


def _check_not_owner(step: "Step") -> None:
    if step.by.user is not None and step.request.owner_id == step.by.user.pk:
        raise IllegalStep(_("You own this request already."))


def _check_colleague(step: "Step") -> None:
    colleagues = step.request.office.members.current()
    if step.colleague is None or not colleagues.filter(user=step.colleague).exists():
        raise NotAColleague
    if step.colleague.pk == step.request.owner_id:
        raise IllegalStep(_("This colleague owns the request already."))


def _check_another_facility(step: "Step") -> None:
    """Refuse the facility that has the case, and one to which it was referred and that has not ended it."""
    at = step.request.assignment
    referred = step.request.referrals.open().filter(facility=step.facility)
    if (at is not None and at.facility_id == getattr(step.facility, "pk", None)) or referred.exists():
        raise IllegalStep(_("This facility has the case already, or a referral of it."))


def _check_forgotten(step: "Step") -> None:
    if step.request.saved_at > step.now - datetime.timedelta(days=settings.DRAFT_DAYS):
        raise IllegalStep(_("The draft was used a short time ago."))


def _check_old(step: "Step") -> None:
    # The same words of the table as the rules of `teleconsult.retention`.
    if step.action == Action.REMOVE_DOCUMENT:
        over = Request.objects.answered_before(step.now - datetime.timedelta(days=settings.DOCUMENT_DAYS))
    else:
        over = Request.objects.ended_before(step.now - datetime.timedelta(days=settings.REQUEST_DAYS))
    if not over.filter(pk=step.request.pk).exists():
        raise IllegalStep(_("The request ended a short time ago."))


def _check_unanswered(step: "Step") -> None:
    since = step.now - datetime.timedelta(days=settings.NO_ANSWER_DAYS)
    if step.request.paused_since is None or step.request.paused_since > since:
        raise IllegalStep(_("The patient still has time to answer."))
    if step.request.bookings.to_come(step.now).exists():
        raise IllegalStep(_("A consultation is still to come."))


def _check_consultation(step: "Step") -> None:
    protocol = step.request.protocol
    if protocol is None or not protocol.includes_consultation:
        raise NoConsultation


def _check_tombstone(step: "Step") -> None:
    if not Tombstone.objects.filter(kind=Kind.KEY, of=step.request.data_key_id).exists():
        raise IllegalStep


def _check_opinion_complete(step: "Step") -> None:
    opinion = step.opinion
    if opinion is None or not opinion.plain_words or not opinion.answered:
        raise OpinionIncomplete
    if not all(part["answer"] for part in opinion.answered):
        raise OpinionIncomplete


def _check_factor(step: "Step") -> None:
    """Refuse a factor that was given before the text was what it is now, or long ago."""
    given, text = step.factor_at, step.addendum or step.opinion
    if given is None or text is None or given < text.saved_at or given < step.now - FACTOR_HOLDS:
        raise FactorMissing


def _check_delivered(step: "Step") -> None:
    if step.opinion is None or not step.opinion.is_signed:
        raise IllegalStep


def _check_questions_left(step: "Step") -> None:
    opinion = step.opinion
    if opinion is None or opinion.closes_at is None or opinion.closes_at <= step.now or not opinion.questions_left:
        raise NoQuestionsLeft


def _check_window_over(step: "Step") -> None:
    opinion = step.opinion
    if opinion is None or opinion.closes_at is None or opinion.closes_at > step.now:
        raise IllegalStep(_("The patient still has time for questions."))
    if opinion.follow_up_questions.filter(answered_at__isnull=True).exists():
        raise IllegalStep(_("A question of the patient waits for its answer."))
    if step.request.bookings.to_come(step.now).exists():
        raise IllegalStep(_("A consultation is still to come."))


_CHECKS = {
    Requirement.ANSWERS: _check_answers,
    Requirement.COORDINATION_CONSENT: _check_coordination_consent,
    Requirement.FACILITY_CONSENT: _check_facility_consent,
    Requirement.AUTHORITY: _check_authority,
    Requirement.REACHED: _check_reached,
    Requirement.SPECIALIST_THERE: _check_specialist,
    Requirement.REASON: _check_reason,
    Requirement.WORDS: _check_words,
    Requirement.NOT_OWNER: _check_not_owner,
    Requirement.COLLEAGUE: _check_colleague,
    Requirement.ANOTHER_FACILITY: _check_another_facility,
    Requirement.FORGOTTEN: _check_forgotten,
    Requirement.OLD: _check_old,
    Requirement.UNANSWERED: _check_unanswered,
    Requirement.CONSULTATION: _check_consultation,
    Requirement.TOMBSTONE: _check_tombstone,
    Requirement.OPINION_COMPLETE: _check_opinion_complete,
    Requirement.FACTOR: _check_factor,
    Requirement.DELIVERED: _check_delivered,
    Requirement.QUESTIONS_LEFT: _check_questions_left,
    Requirement.WINDOW_OVER: _check_window_over,
}
