"""The opinion: written as a draft, signed, followed by addenda and by the patient's questions within the protocol."""

import datetime
import uuid
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from facilities.models import Facility
from publishing.templatetags.text import text_of
from teleconsult import clock, mailings
from teleconsult.enums import Action, CloseReason, Delivery
from teleconsult.exceptions import IllegalStep, StaleVersion
from teleconsult.models import Addendum, FollowUpQuestion, Opinion, Request
from teleconsult.models.opinions import Signed
from teleconsult.permissions import Actor, role_for
from teleconsult.workflow.steps import LONGEST_TEXT, Step, begin, check, clean, finish, lock, write_trail
from treatments.models import Treatment

# Without days in the protocol the opinion stays open for reading and messages so long, then the case closes.
READING_DAYS = 30
LAST_MINUTE = datetime.time(23, 59)


@dataclass(frozen=True)
class OpinionText:
    """What a specialist writes; see `models.Opinion` for the shapes."""

    language: str
    translated_from: str = ""
    plain_words: str = ""
    letter: str = ""
    answers: list[dict[str, Any]] = field(default_factory=list)
    options: list[dict[str, str]] = field(default_factory=list)

    @classmethod
    def of(cls, opinion: Opinion) -> "OpinionText":
        """Return the text as it is saved."""
        return cls(**{name: getattr(opinion, name) for name in cls.__dataclass_fields__})

    def cleaned(self) -> "OpinionText":
        """Return the same without NUL and surrounding blanks."""
        return replace(
            self,
            plain_words=clean(self.plain_words, LONGEST_TEXT),
            letter=clean(self.letter, LONGEST_TEXT),
            answers=[
                part
                | {"question": clean(part["question"], LONGEST_TEXT), "answer": clean(part["answer"], LONGEST_TEXT)}
                for part in self.answers
            ],
            options=[{name: clean(value, LONGEST_TEXT) for name, value in row.items()} for row in self.options],
        )


@transaction.atomic
def write_opinion(*, request: Request, by: Actor, seen_version: int, text: OpinionText) -> Opinion:
    """Keep the draft; `seen_version` is that of the draft, 0 before its first save. No event: nobody is told.

    Raises StaleVersion where another window was faster; the very same text saved again is no change.
    """
    step = begin(request, Action.WRITE_OPINION, by)
    text = text.cleaned()
    opinion = current_opinion(step.request)
    if opinion is not None and opinion.is_signed:
        raise IllegalStep
    if opinion is not None and OpinionText.of(opinion) == text:
        return opinion
    _refuse_stale(opinion, seen_version)
    if opinion is None:
        assignment = step.request.assignment
        if assignment is None or by.user is None:
            raise IllegalStep
        opinion = Opinion(
            request=step.request,
            assignment=assignment,
            author=by.user,
            facility=assignment.facility,
            version=0,
            begun_at=step.now,
        )
    for name, value in asdict(text).items():
        setattr(opinion, name, value)
    _keep(opinion, step)
    write_trail(step, opinion)
    return opinion


@transaction.atomic
def sign_opinion(*, request: Request, by: Actor, seen_version: int, factor_at: datetime.datetime | None) -> Opinion:
    """Sign and deliver; `seen_version` is that of the draft that was read, `factor_at` when the factor was given.

    Pressed twice, it is signed once. Raises StaleVersion, ConsentMissing, OpinionIncomplete and FactorMissing.
    """
    opinion = current_opinion(lock(request))
    if opinion is not None and opinion.is_signed and _is_second_press(opinion, by, seen_version):
        return opinion
    step = begin(request, Action.SIGN_OPINION, by, checked=False, opinion=opinion, factor_at=factor_at)
    _refuse_stale(opinion, seen_version)
    check(step)
    assert opinion is not None  # noqa: S101  the check of completeness refuses a step without one
    opinion.request = step.request
    opinion.options = [_named(option, opinion.language) for option in opinion.options]
    opinion.due_at = step.request.due_at
    opinion.follow_up_limit, opinion.closes_at = _window(step)
    _sign(opinion, step)
    if opinion.is_on_time is not None:
        step.reason = Delivery.ON_TIME if opinion.is_on_time else Delivery.LATE
    _stop_clock(step.request)
    finish(step, note="", about=opinion, detail=f"sha256:{opinion.digest}")
    return opinion


@transaction.atomic
def write_addendum(
    *, request: Request, by: Actor, seen_version: int, text: str, language: str, translated_from: str = ""
) -> Addendum:
    """Keep the draft of an addendum; raises StaleVersion where another window was faster."""
    opinion = own_opinion(request, by)
    step = begin(request, Action.WRITE_ADDENDUM, by, opinion=opinion)
    addendum = opinion.addenda.filter(signed_at__isnull=True).first() if opinion else None
    values = {
        "text": clean(text, LONGEST_TEXT),
        "language": language,
        "translated_from": translated_from,
    }
    if addendum is not None and values == {name: getattr(addendum, name) for name in values}:
        return addendum
    _refuse_stale(addendum, seen_version)
    if addendum is None:
        assert opinion is not None  # noqa: S101  "delivered" was checked
        addendum = Addendum(opinion=opinion, number=opinion.addenda.count() + 1, version=0, begun_at=step.now)
    for name, value in values.items():
        setattr(addendum, name, value)
    _keep(addendum, step)
    write_trail(step, addendum)
    return addendum


@transaction.atomic
def sign_addendum(*, request: Request, by: Actor, seen_version: int, factor_at: datetime.datetime | None) -> Addendum:
    """Sign an addendum and tell the patient; the case stays where it is. Pressed twice, it is signed once."""
    locked = lock(request)
    opinion = own_opinion(locked, by)
    addendum = opinion.addenda.order_by("-number").first() if opinion else None
    if addendum is not None and addendum.is_signed and _is_second_press(addendum, by, seen_version):
        return addendum
    draft = addendum if addendum is not None and not addendum.is_signed else None
    words = draft.text if draft else ""
    step = begin(
        request,
        Action.SIGN_ADDENDUM,
        by,
        checked=False,
        opinion=opinion,
        addendum=draft,
        factor_at=factor_at,
        facility=opinion.facility if opinion else None,
        text=words,
    )
    _refuse_stale(draft, seen_version)
    check(step)
    assert draft is not None  # noqa: S101  without a draft there are no words
    _sign(draft, step)
    finish(step, note="", about=draft, detail=f"sha256:{draft.digest}")
    return draft


@transaction.atomic
def ask_follow_up(*, request: Request, by: Actor, text: str, idempotency_key: uuid.UUID) -> FollowUpQuestion:
    """Ask about the opinion, within the protocol; pressed twice, one question. Raises NoQuestionsLeft."""
    opinion = current_opinion(lock(request))
    known = opinion.follow_up_questions.filter(idempotency_key=idempotency_key).first() if opinion else None
    if known and role_for(Action.ASK_FOLLOW_UP, by, request):
        return known
    step = begin(request, Action.ASK_FOLLOW_UP, by, opinion=opinion, text=clean(text, LONGEST_TEXT))
    assert opinion is not None  # noqa: S101  "questions left" was checked
    question = FollowUpQuestion.objects.create(
        opinion=opinion,
        number=opinion.follow_up_questions.count() + 1,
        role=step.role,
        question=step.text,
        language=step.request.language,
        asked_at=step.now,
        idempotency_key=idempotency_key,
    )
    event = finish(step, note="", about=question)
    specialist = opinion.assignment.specialist
    if specialist is not None:
        mailings.tell_specialist(specialist, step.request, event)
    return question


@transaction.atomic
def answer_follow_up(*, question: FollowUpQuestion, by: Actor, text: str, language: str) -> FollowUpQuestion:
    """Answer a question of the patient; pressed twice with the same words, one answer. Raises IllegalStep."""
    step = begin(question.opinion.request, Action.ANSWER_FOLLOW_UP, by, text=clean(text, LONGEST_TEXT))
    question = FollowUpQuestion.objects.select_related("opinion__request__data_key").get(pk=question.pk)
    opinion = current_opinion(step.request)
    if opinion is None or question.opinion_id != opinion.pk:
        raise IllegalStep
    if question.is_answered:
        if question.answer == step.text:
            return question
        raise IllegalStep(_("This question is answered already. Write an addendum to add something."))
    question.answer, question.answer_language = step.text, language
    question.answered_at, question.answered_by = step.now, by.user
    question.save(update_fields=["answer", "answer_language", "answered_at", "answered_by"])
    finish(step, note="", about=question)
    return question


@transaction.atomic
def close_answered(*, request: Request, by: Actor, seen_version: int | None = None) -> Request:
    """End a case whose opinion was read: the patient has what she needs, or the days for questions are over."""
    opinion = current_opinion(lock(request))
    step = begin(request, Action.CLOSE_ANSWERED, by, seen_version, opinion=opinion, reason=CloseReason.ANSWERED)
    finish(step)
    return step.request


def current_opinion(request: Request) -> Opinion | None:
    """Return the opinion of the facility that has the case now, drafts included."""
    rows = Opinion.objects.select_related("assignment__specialist", "facility", "request__data_key", "signed_by")
    return rows.filter(request=request, assignment__ended_at__isnull=True).first()


def own_opinion(request: Request, by: Actor) -> Opinion | None:
    """Return the delivered opinion to which somebody may add: the current one, or her own of a closed case."""
    if by.user is None:
        return None
    rows = Opinion.objects.signed().select_related("facility", "request__data_key")
    return rows.visible_to(by.user).filter(request=request, signed_by=by.user).order_by("-signed_at").first()


def earlier_draft(request: Request, by: Actor) -> Opinion | None:
    """Return what the same person wrote for the same facility before the case was taken away and came back."""
    assignment = request.assignment
    if assignment is None or by.user is None:
        return None
    rows = request.opinions.drafts().filter(author=by.user, facility=assignment.facility)
    return rows.exclude(assignment=assignment).order_by("-saved_at").first()


def forget_opinions(request: Request) -> None:
    """Remove drafts; what was delivered stays as a row that nobody can open once the key is gone."""
    Addendum.objects.filter(opinion__request=request, signed_at__isnull=True).delete()
    request.opinions.drafts().delete()


def _refuse_stale(text: Signed | None, seen_version: int) -> None:
    known = text.version if text else 0
    if known == seen_version:
        return
    at = text.saved_at if text else None
    words = clock.Clock.at(at, clock.MILAN.key).time if at else ""
    raise StaleVersion(
        _("This text was saved in another window at %(time)s. Nothing is lost: both texts are shown here.")
        % {"time": words},
        at=at,
    )


def _keep(text: Signed, step: Step) -> None:
    text.version += 1
    text.saved_at = step.now
    text.save()


def _sign(text: Opinion | Addendum, step: Step) -> None:
    user = step.by.user
    text.signed_at, text.signed_by = step.now, user
    text.signer = {"name": str(user), "role": str(step.role)}
    text.digest = text.computed_digest()
    text.save()


def _is_second_press(text: Signed, by: Actor, seen_version: int) -> bool:
    return by.user is not None and text.signed_by_id == by.user.pk and text.version == seen_version


def _window(step: Step) -> tuple[int, datetime.datetime]:
    """Return how many questions may follow, and until when the case stays open: the last minute of a day in Milan."""
    protocol = step.request.protocol
    limit = (protocol.follow_up_questions or 0) if protocol else 0
    days = (protocol.follow_up_days if protocol and limit else None) or READING_DAYS
    day = step.now.astimezone(clock.MILAN).date() + datetime.timedelta(days=days)
    return limit, datetime.datetime.combine(day, LAST_MINUTE, tzinfo=clock.MILAN)


def _stop_clock(request: Request) -> None:
    """End the promise: it is kept or broken, and stands on the opinion."""
    request.clock_started_at = request.promised_days = request.due_at = None
    request.clock_province = ""


def _named(option: dict[str, str], language: str) -> dict[str, str]:
    """Return an option with the names of today, in the language of the opinion."""
    treatment = Treatment.objects.filter(slug=option["treatment"]).first() if option["treatment"] else None
    facility = Facility.objects.filter(slug=option["facility"]).first() if option["facility"] else None
    with translation.override(language):
        return option | {
            "treatment_name": str(text_of(treatment, "name").value) if treatment else "",
            "facility_name": facility.short_name if facility else "",
        }
