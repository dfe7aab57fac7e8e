"""Handing a case on: to a colleague, or by a referral to another facility."""

import uuid
from functools import cached_property

from django import forms
from django.utils.translation import gettext_lazy

from accounts.models import User
from facilities.models import Facility
from teleconsult import workflow
from teleconsult.enums import Action
from teleconsult.forms.desk.steps import FacilityStepForm, StepForm, WordsField
from teleconsult.models import Request
from teleconsult.permissions import Actor


class HandOverForm(StepForm):
    """A colleague becomes the owner."""

    action = Action.HAND_OVER
    title = gettext_lazy("Hand over to a colleague")
    button = gettext_lazy("Hand over")
    hint = gettext_lazy("The colleague owns the request from then on. You can still read it.")
    done = gettext_lazy("Your colleague owns the request now.")

    colleague = forms.ChoiceField(
        label=gettext_lazy("Colleague"),
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose a colleague.")},
    )

    @cached_property
    def colleagues(self) -> dict[str, User]:
        """Return the coordinators of the office but for the owner."""
        members = self.case.office.members.current().exclude(user_id=self.case.owner_id).select_related("user")
        return {str(member.user_id): member.user for member in members}

    @property
    def is_possible(self) -> bool:
        return bool(self.colleagues)

    def prepare(self) -> None:
        """Offer the colleagues."""
        names = sorted((str(user), pk) for pk, user in self.colleagues.items())
        self.fields["colleague"].choices = [(pk, name) for name, pk in names]

    def take(self, by: Actor) -> Request:
        colleague = self.colleagues[self.cleaned_data["colleague"]]
        return workflow.hand_over(request=self.case, by=by, seen_version=self.seen(), colleague=colleague)


class ReferForm(FacilityStepForm):
    """A second request for another facility."""

    action = Action.REFER
    title = gettext_lazy("Refer to another facility")
    button = gettext_lazy("Make the second request")
    hint = gettext_lazy(
        "A second request begins, linked to this one, with a consent and a clock of its own. It reads the same "
        "documents. The patient is asked for consent; before that no other facility reads anything. This request "
        "goes on as it is."
    )
    done = gettext_lazy("The second request is made, and the patient was asked for consent. You own it.")

    facility = forms.ChoiceField(
        label=gettext_lazy("Which facility"),
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose a facility.")},
    )
    text = WordsField(label=gettext_lazy("Why this facility, for the patient"), required=False, rows=3)
    idempotency_key = forms.UUIDField(widget=forms.HiddenInput)

    @cached_property
    def others(self) -> list[Facility]:
        """Return the facilities that neither have the case nor a referral of it, those that fit best first."""
        at = self.case.assignment
        taken = set(self.case.referrals.open().values_list("facility_id", flat=True)) | {at.facility_id if at else None}
        return [match.facility for match in self.matches if match.facility.pk not in taken]

    @property
    def is_possible(self) -> bool:
        return bool(self.others)

    def prepare(self) -> None:
        """Offer the others with what fits, and give the second request a key of its own."""
        self.fields["facility"].choices = self.matching_choices(self.others)
        self.initial.setdefault("idempotency_key", uuid.uuid4())

    def take(self, by: Actor) -> Request:
        return workflow.refer(
            request=self.case,
            by=by,
            seen_version=self.seen(),
            facility=self.chosen(),
            text=self.cleaned_data["text"],
            idempotency_key=self.cleaned_data["idempotency_key"],
        )
