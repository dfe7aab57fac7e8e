"""The steps of the coordination office."""

from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from facilities.models import Facility
from taxonomy.dates import date_format
from teleconsult import access, workflow
from teleconsult.enums import (
    Action,
    CloseReason,
    DeclineReason,
    Urgency,
)
from teleconsult.forms.desk.steps import FacilityStepForm, StepForm, WordsField
from teleconsult.models import Receipt, Request
from teleconsult.permissions import Actor


class TakeForm(StepForm):
    """A new request gets an owner."""

    action = Action.TAKE
    title = button = gettext_lazy("Take this request")
    done = gettext_lazy("The request is yours.")

    def take(self, by: Actor) -> Request:
        return workflow.take(request=self.case, by=by, seen_version=self.seen())


class TakeOverForm(StepForm):
    """A colleague's request gets a new owner."""

    action = Action.TAKE_OVER
    title = button = gettext_lazy("Take this request over")
    done = gettext_lazy("The request is yours.")

    @property
    def heading(self) -> str:
        """Name the colleague."""
        return _("Take over from %(name)s") % {"name": self.case.owner}

    def take(self, by: Actor) -> Request:
        return workflow.take_over(request=self.case, by=by, seen_version=self.seen())


class AskDocumentForm(StepForm):
    """A paper is missing."""

    action = Action.ASK_DOCUMENT
    title = gettext_lazy("Ask for a document")
    button = gettext_lazy("Ask and pause the clock")
    hint = gettext_lazy("The patient reads this text. The clock stands still until the answer.")
    done = gettext_lazy("The patient was asked. The clock stands still.")

    text = WordsField(label=gettext_lazy("What is needed, and why"))

    def take(self, by: Actor) -> Request:
        return workflow.ask_document(request=self.case, by=by, seen_version=self.seen(), text=self.cleaned_data["text"])


class AskQuestionForm(StepForm):
    """Something is not clear."""

    action = Action.ASK_QUESTION
    title = gettext_lazy("Ask a question")
    button = gettext_lazy("Ask and pause the clock")
    hint = gettext_lazy("The patient reads this text. The clock stands still until the answer.")
    done = gettext_lazy("The patient was asked. The clock stands still.")

    text = WordsField(label=gettext_lazy("Your question to the patient"))

    def take(self, by: Actor) -> Request:
        return workflow.ask_question(request=self.case, by=by, seen_version=self.seen(), text=self.cleaned_data["text"])


class AskConsentForm(FacilityStepForm):
    """Before a facility may read the case."""

    action = Action.ASK_CONSENT
    title = gettext_lazy("Ask for consent for a facility")
    button = gettext_lazy("Ask for consent")
    hint = gettext_lazy("The patient reads the text of the consent and decides. The clock stands still until then.")
    done = gettext_lazy("The patient was asked for consent. The clock stands still.")

    facility = forms.ChoiceField(
        label=gettext_lazy("Which facility"),
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose a facility.")},
    )
    text = WordsField(label=gettext_lazy("Why this facility, for the patient"), required=False, rows=3)

    @property
    def is_possible(self) -> bool:
        return bool(self.fields["facility"].choices)

    def prepare(self) -> None:
        """Offer the facilities for which no consent is live."""
        without = [facility for facility in self.reached if facility.pk not in self.consented]
        self.fields["facility"].choices = self.choices_of(without)

    def take(self, by: Actor) -> Request:
        return workflow.ask_consent(
            request=self.case,
            by=by,
            seen_version=self.seen(),
            facility=self.chosen(),
            text=self.cleaned_data["text"],
        )


class ForwardForm(FacilityStepForm):
    """The case goes to a facility."""

    action = Action.FORWARD
    title = gettext_lazy("Send to a facility")
    button = gettext_lazy("Send the case")
    hint = gettext_lazy("The facility’s office sees the case from then on, and its own clock starts.")
    done = gettext_lazy("The case is with the facility.")

    facility = forms.ChoiceField(
        label=gettext_lazy("Which facility"),
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose a facility.")},
    )

    @property
    def is_possible(self) -> bool:
        return bool(self.fields["facility"].choices)

    @property
    def without_consent(self) -> list[Facility]:
        """Return the facilities that could be reached, had the patient agreed."""
        return [facility for facility in self.reached if facility.pk not in self.consented]

    def prepare(self) -> None:
        """Offer the facilities for which the patient has agreed."""
        agreed = [facility for facility in self.reached if facility.pk in self.consented]
        self.fields["facility"].choices = self.choices_of(agreed)

    def take(self, by: Actor) -> Request:
        return workflow.forward(request=self.case, by=by, seen_version=self.seen(), facility=self.chosen())


class DeclineForm(FacilityStepForm):
    """The request is not accepted: why, and what else there is."""

    action = Action.DECLINE
    title = gettext_lazy("Do not accept the request")
    button = gettext_lazy("Decline and tell the patient")
    hint = gettext_lazy("The request ends. The patient reads the reason, your note and the facilities you propose.")
    done = gettext_lazy("The request is declined, and the patient is told.")
    is_danger = True

    reason = forms.ChoiceField(
        label=gettext_lazy("Reason"),
        widget=forms.RadioSelect,
        choices=DeclineReason.choices,
        error_messages={"required": gettext_lazy("Choose the reason.")},
    )
    note = WordsField(
        label=gettext_lazy("Note to the patient"),
        required=False,
        help_text=gettext_lazy("Needed when the reason is another one."),
    )
    alternatives = forms.MultipleChoiceField(
        label=gettext_lazy("Facilities you propose instead"), widget=forms.CheckboxSelectMultiple, required=False
    )

    def prepare(self) -> None:
        """Offer what is reached and fits as an alternative: the patient reads that its rules fit."""
        fitting = [match.facility for match in self.matches if match.fits]
        self.fields["alternatives"].choices = self.matching_choices(fitting)
        if not fitting:
            del self.fields["alternatives"]

    def clean(self) -> dict[str, Any]:
        """Ask for words where the list has none."""
        answers = super().clean() or {}
        if answers.get("reason") == DeclineReason.OTHER and not answers.get("note"):
            self.add_error("note", _("Write the reason: the patient reads it."))
        return answers

    def take(self, by: Actor) -> Request:
        chosen = set(self.cleaned_data.get("alternatives", []))
        return workflow.decline(
            request=self.case,
            by=by,
            seen_version=self.seen(),
            reason=DeclineReason(self.cleaned_data["reason"]),
            note=self.cleaned_data["note"],
            alternatives=[facility for facility in self.reached if facility.slug in chosen],
        )


class CloseForm(StepForm):
    """The request is answered."""

    action = Action.CLOSE
    title = gettext_lazy("Close the request")
    button = gettext_lazy("Close and tell the patient")
    hint = gettext_lazy("The request ends. The patient reads the reason and your last message.")
    done = gettext_lazy("The request is closed, and the patient is told.")
    is_danger = True

    reason = forms.ChoiceField(
        label=gettext_lazy("Reason"),
        widget=forms.RadioSelect,
        choices=[(reason.value, reason.label) for reason in (CloseReason.ANSWERED, CloseReason.ANSWERED_OUTSIDE)],
        error_messages={"required": gettext_lazy("Choose the reason.")},
    )
    text = WordsField(label=gettext_lazy("Last message to the patient"), required=False)

    def take(self, by: Actor) -> Request:
        return workflow.close(
            request=self.case,
            by=by,
            seen_version=self.seen(),
            reason=CloseReason(self.cleaned_data["reason"]),
            text=self.cleaned_data["text"],
        )


class UrgencyForm(StepForm):
    """The place in the queue."""

    action = Action.SET_URGENCY
    title = gettext_lazy("Change the urgency")
    button = gettext_lazy("Change the urgency")
    hint = gettext_lazy("It orders the queue. The patient never reads the reason.")
    done = gettext_lazy("The urgency is changed.")

    urgency = forms.TypedChoiceField(
        label=gettext_lazy("Urgency"), widget=forms.RadioSelect, choices=Urgency.choices, coerce=int
    )
    reason = WordsField(
        label=gettext_lazy("Reason"),
        required=False,
        rows=2,
        help_text=gettext_lazy("Needed when it is urgent."),
    )

    def prepare(self) -> None:
        """Begin with what holds."""
        self.initial.setdefault("urgency", self.case.urgency)
        self.initial.setdefault("reason", self.case.urgency_reason)

    def clean(self) -> dict[str, Any]:
        """Ask why it is urgent."""
        answers = super().clean() or {}
        if answers.get("urgency") == Urgency.URGENT and not answers.get("reason"):
            self.add_error("reason", _("Write why it is urgent."))
        return answers

    def take(self, by: Actor) -> Request:
        return workflow.set_urgency(
            request=self.case,
            by=by,
            seen_version=self.seen(),
            urgency=Urgency(self.cleaned_data["urgency"]),
            reason=self.cleaned_data["reason"],
        )


class CurrentInput(forms.HiddenInput):
    """Sends what holds when the page is made: shown again after a mistake, it is what the reader sees now."""

    def __init__(self, current: object) -> None:
        super().__init__()
        self.current = current

    def format_value(self, value: Any) -> str:
        return str(self.current)


class ConfirmIdentityForm(StepForm):
    """The patient lost the receipt, and the office has found out who asks."""

    action = Action.CONFIRM_IDENTITY
    title = gettext_lazy("Confirm who is asking")
    button = gettext_lazy("Confirm")
    done = gettext_lazy("Confirmed. The new receipt opens everything.")

    is_known = forms.BooleanField(
        label=gettext_lazy("I know that it is the patient, or the relative who may act for her"),
        help_text=gettext_lazy("For example after a call to a number that stands in the documents."),
        error_messages={"required": gettext_lazy("Tick this only when you know who it is.")},
    )
    # Of which receipt the page spoke: another may have been asked for since.
    receipt_id = forms.UUIDField(required=False)

    def prepare(self) -> None:
        """Carry the receipt that waits."""
        self.fields["receipt_id"].widget = CurrentInput(self.receipt.pk if self.receipt else "")

    @cached_property
    def receipt(self) -> Receipt | None:
        """Return the receipt that waits."""
        return access.waiting_receipt(self.case)

    @property
    def is_possible(self) -> bool:
        return self.receipt is not None

    @property
    def hint(self) -> str:
        """Return when it was asked for: who asked knows that."""
        if self.receipt is None:
            return ""
        at = timezone.localtime(self.receipt.created_at, ZoneInfo(self.case.office.zone))
        return _(
            "The receipt was lost, and a new one was asked for on %(when)s. Until you confirm, it opens the status "
            "only, and the old one goes on."
        ) % {"when": date_format(at, "DATETIME_FORMAT")}

    @property
    def warning(self) -> str:
        """Return that the receipt which is said to be lost is in use."""
        if self.receipt is None or not access.was_used_since(self.case, self.receipt.created_at):
            return ""
        return _("The old one was used after that. Somebody else may have asked. Call a number from the documents.")

    def take(self, by: Actor) -> Request:
        return workflow.confirm_identity(
            request=self.case, by=by, seen_version=self.seen(), receipt_id=self.cleaned_data["receipt_id"]
        )
