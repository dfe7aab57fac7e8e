"""The steps of a facility: its office and its specialists."""

from functools import cached_property
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from facilities.enums import StaffRole
from teleconsult import permissions, workflow
from teleconsult.enums import (
    FACILITY_RETURN_REASONS,
    Action,
    ReturnReason,
    Role,
)
from teleconsult.forms.desk.steps import StepForm, WordsField
from teleconsult.models import Request
from teleconsult.permissions import Actor
from treatments.enums import ClockStart


class SettleFeeForm(StepForm):
    """The fee is paid: where the promise counts from then, the clock starts."""

    action = Action.SETTLE_FEE
    title = button = gettext_lazy("Record that the fee is settled")
    hint = gettext_lazy("The days count from now on.")
    done = gettext_lazy("The fee is settled. The clock runs.")

    @property
    def is_possible(self) -> bool:
        """Return whether it changes anything."""
        protocol = self.case.protocol
        waits = protocol is not None and protocol.clock_starts == ClockStart.FEE_SETTLED
        return waits and self.case.clock_started_at is None

    def take(self, by: Actor) -> Request:
        return workflow.settle_fee(request=self.case, by=by, seen_version=self.seen())


class NameSpecialistForm(StepForm):
    """The facility accepts: this person answers."""

    action = Action.NAME_SPECIALIST
    title = gettext_lazy("Accept and name the specialist")
    button = gettext_lazy("Accept the case")
    hint = gettext_lazy("The specialist sees the case from then on.")
    done = gettext_lazy("The case is with the specialist.")

    specialist = forms.ChoiceField(
        label=gettext_lazy("Specialist"),
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose the specialist.")},
    )

    @cached_property
    def specialists(self) -> dict[str, User]:
        """Return the specialists of the facility that has the case."""
        assignment = self.case.assignment
        if assignment is None:
            return {}
        current = assignment.facility.memberships.current().filter(role=StaffRole.SPECIALIST, user__is_active=True)
        return {str(row.user_id): row.user for row in current.select_related("user")}

    @property
    def is_possible(self) -> bool:
        return bool(self.specialists)

    def prepare(self) -> None:
        """Offer the specialists there."""
        self.fields["specialist"].choices = [(pk, str(user)) for pk, user in self.specialists.items()]

    def take(self, by: Actor) -> Request:
        return workflow.name_specialist(
            request=self.case,
            by=by,
            seen_version=self.seen(),
            specialist=self.specialists[self.cleaned_data["specialist"]],
        )


class ReturnForm(StepForm):
    """The case goes back to the office."""

    action = Action.RETURN_TO_TRIAGE
    title = gettext_lazy("Return the case")
    button = gettext_lazy("Return the case")
    hint = gettext_lazy("The facility no longer sees the case. The note is for the coordination office only.")
    done = gettext_lazy("The case is back with the coordination office.")
    is_danger = True

    reason = forms.ChoiceField(
        label=gettext_lazy("Reason"),
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose the reason.")},
    )
    note = WordsField(
        label=gettext_lazy("Note for the coordination office"),
        required=False,
        rows=3,
        help_text=gettext_lazy("Needed when the reason is another one. Never shown to the patient."),
    )

    @property
    def heading(self) -> str:
        """Say it from the side of whoever does it."""
        return _("Take the case back from the facility") if self.is_office else _("Return the case with a reason")

    @cached_property
    def is_office(self) -> bool:
        role = permissions.role_for(self.action, self.reader, self.case)
        return role == Role.COORDINATOR

    def prepare(self) -> None:
        """Offer the reasons of that side."""
        reasons = (ReturnReason.RECALLED,) if self.is_office else FACILITY_RETURN_REASONS
        self.fields["reason"].choices = [(reason.value, reason.label) for reason in reasons]
        if self.is_office:
            self.initial.setdefault("reason", ReturnReason.RECALLED)

    def clean(self) -> dict[str, Any]:
        """Ask for words where the list has none."""
        answers = super().clean() or {}
        if answers.get("reason") == ReturnReason.OTHER and not answers.get("note"):
            self.add_error("note", _("Write the reason for the coordination office."))
        return answers

    def take(self, by: Actor) -> Request:
        return workflow.return_to_triage(
            request=self.case,
            by=by,
            seen_version=self.seen(),
            reason=ReturnReason(self.cleaned_data["reason"]),
            note=self.cleaned_data["note"],
        )
