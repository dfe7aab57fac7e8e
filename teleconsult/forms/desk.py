"""What staff fill in at the desk: the filters of the queue, and one form for each step of a case."""

import uuid
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from accounts.models import User
from facilities.enums import StaffRole
from facilities.models import Facility
from taxonomy.countries import country_name
from teleconsult import access, desk, message_templates, permissions, workflow
from teleconsult.enums import (
    FACILITY_RETURN_REASONS,
    OPEN_STATUSES,
    Action,
    CloseReason,
    DeclineReason,
    ReturnReason,
    Role,
    Urgency,
)
from teleconsult.forms.patient import PlainTextField
from teleconsult.models import Request
from teleconsult.permissions import Actor
from teleconsult.querysets import RequestQuerySet
from teleconsult.reach import reached_facilities
from teleconsult.workflow import LONGEST_TEXT
from treatments.enums import ClockStart

NOBODY = "nobody"


# --- the queue --------------------------------------------------------------------------------------------------------


class SearchForm(forms.Form):
    """Find a request by its reference."""

    reference = forms.CharField(label=gettext_lazy("Reference"), max_length=100)


class FilterForm(forms.Form):
    """What the queue is narrowed to: operational columns only; a value that cannot be is left out."""

    owner = forms.CharField(required=False, label=gettext_lazy("Owner"), widget=forms.Select)
    language = forms.ChoiceField(required=False, label=gettext_lazy("Language"))
    country = forms.CharField(required=False, label=gettext_lazy("Country or region"), widget=forms.Select)
    urgency = forms.ChoiceField(required=False, label=gettext_lazy("Urgency"))
    status = forms.ChoiceField(required=False, label=gettext_lazy("Where it is"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, auto_id="filter-%s", **kwargs)
        anything = ("", pgettext("filter", "Any"))
        self.fields["language"].choices = [anything, *settings.LANGUAGES]
        self.fields["urgency"].choices = [anything, *((str(value), label) for value, label in Urgency.choices)]
        self.fields["status"].choices = [anything, *((code, desk.WHERE_IT_IS[code]) for code in OPEN_STATUSES)]

    def clean_owner(self) -> str:
        """Refuse what is no person."""
        typed = self.cleaned_data["owner"]
        if typed and typed != NOBODY:
            try:
                return str(uuid.UUID(typed))
            except ValueError as error:
                raise ValidationError(_("Choose a person of the list.")) from error
        return typed

    def clean_country(self) -> str:
        """Refuse what is no code."""
        code = self.cleaned_data["country"]
        if code and not (len(code) == 2 and code.isascii() and code.isalpha()):
            raise ValidationError(_("Choose a country or region of the list."))
        return code.upper()

    @property
    def in_force(self) -> dict[str, str]:
        """Return the filters that narrow the queue."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}

    def narrow(self, rows: RequestQuerySet) -> RequestQuerySet:
        """Keep what the filters ask for."""
        chosen = self.in_force
        if chosen.get("owner") == NOBODY:
            rows = rows.filter(owner__isnull=True)
        elif "owner" in chosen:
            rows = rows.filter(owner_id=chosen["owner"])
        columns = {name: chosen[name] for name in ("language", "country", "urgency", "status") if name in chosen}
        return rows.filter(**columns)

    def offer(self, queue: desk.Queue, reader: User) -> None:
        """List the owners and countries there are."""
        anything = ("", pgettext("filter", "Any"))
        people = User.objects.in_bulk([pk for pk in queue.owners if pk != reader.pk])
        names = sorted((str(person), str(pk)) for pk, person in people.items())
        owners = [anything, (str(reader.pk), _("You")), (NOBODY, _("Nobody yet"))]
        self.fields["owner"].widget.choices = [*owners, *((pk, name) for name, pk in names)]
        language = desk.active_language()
        countries = sorted((country_name(code, language), code) for code in queue.countries)
        self.fields["country"].widget.choices = [anything, *((code, name) for name, code in countries)]


# --- the steps --------------------------------------------------------------------------------------------------------


class WordsField(PlainTextField):
    """Words of staff, in any language: the direction follows what is typed."""

    default_error_messages = {
        "required": gettext_lazy("Write something first."),
        "max_length": gettext_lazy(
            "Your text has %(show_value)s characters; %(limit_value)d fit here. Nothing is lost: shorten it."
        ),
    }

    def __init__(self, *, rows: int = 4, **kwargs: Any) -> None:
        widget = forms.Textarea(attrs={"rows": rows, "dir": "auto"})
        super().__init__(max_length=LONGEST_TEXT, widget=widget, **kwargs)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        """Leave `maxlength` out: a browser would cut a long text without a word."""
        return {}


def facility_choice(facility: Facility, note: str = "") -> SafeString:
    """Return a facility as a choice, with a smaller line below it."""
    name = format_html('<span lang="it" dir="ltr">{}</span>', facility.short_name)
    return format_html("{}<small>{}</small>", name, note) if note else name


class StepForm(forms.Form):
    """A step of a case; each has an address of its own and carries the version that was seen."""

    action: ClassVar[Action]
    title: ClassVar[str | Promise]
    button: ClassVar[str | Promise]
    # What happens then, in one sentence.
    hint: ClassVar[str | Promise] = ""
    done: ClassVar[str | Promise] = gettext_lazy("Done.")
    is_danger: ClassVar[bool] = False
    # A message or a note adds to a case and changes nothing others decide upon.
    is_versioned: ClassVar[bool] = True

    use_required_attribute = False

    seen_version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, case: Request, reader: User, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", f"{self.action}-%s")
        super().__init__(*args, **kwargs)
        self.case, self.reader = case, reader
        if not self.is_versioned:
            del self.fields["seen_version"]
        self.prepare()

    @property
    def heading(self) -> str:
        """Return the name of the step; some name a person in it."""
        return str(self.title)

    @property
    def url_name(self) -> str:
        """Return the name of the address to which it is sent."""
        return f"desk:{self.action.value}"

    @property
    def is_possible(self) -> bool:
        """Return whether there is something to choose from."""
        return True

    @property
    def is_one_press(self) -> bool:
        """Return whether nothing is to be filled in."""
        return not self.visible_fields()

    @property
    def typed_texts(self) -> list[str]:
        """Return the longer texts somebody typed: they are shown again whatever happens."""
        long = [name for name, field in self.fields.items() if isinstance(field.widget, forms.Textarea)]
        return [text for name in long if (text := str(self[name].value() or "").strip())]

    @property
    def templates(self) -> list[message_templates.MessageTemplate]:
        """Return the ready-made texts for this step in the patient's language."""
        return message_templates.templates_for(self.action, self.case.language, desk.active_language())

    def prepare(self) -> None:
        """Set choices that depend on the case."""

    def seen(self) -> int:
        """Return the version that was on the screen; without one, none that ever was."""
        version = self.cleaned_data.get("seen_version")
        return -1 if version is None else version

    def take(self, by: Actor) -> Any:
        """Take the step; raises RequestError."""
        raise NotImplementedError

    def with_template(self, key: str) -> str:
        """Return what was typed, followed by a ready-made text."""
        found = message_templates.template(key, self.action, self.case.language, desk.active_language())
        typed = str(self["text"].value() or "").strip()
        return "\n\n".join(part for part in (typed, found.text if found else "") if part)


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


class FacilityStepForm(StepForm):
    """A step about a facility that is reached through the portal."""

    @cached_property
    def reached(self) -> list[Facility]:
        """Return the facilities a request about this treatment can be sent to."""
        return list(reached_facilities(self.case.treatment))

    @cached_property
    def consented(self) -> set[int]:
        """Return the facilities for which a consent is live."""
        live = self.case.consents.live().filter(facility__isnull=False)
        return set(live.values_list("facility_id", flat=True))

    @cached_property
    def not_reached(self) -> list[Facility]:
        """Return those that are not reached, to be named with their own address."""
        return desk.not_reached(self.case, self.reached)

    def note_on(self, facility: Facility) -> str:
        """Return what is worth knowing beside the name."""
        is_wished = facility.pk == self.case.facility_id
        consent = _("Consent given") if facility.pk in self.consented else _("No consent yet")
        return _("%(consent)s; the patient’s wish") % {"consent": consent} if is_wished else consent

    def choices_of(self, facilities: Iterable[Facility]) -> list[tuple[str, SafeString]]:
        """Return choices by slug, the patient's wish first."""
        ordered = sorted(facilities, key=lambda facility: facility.pk != self.case.facility_id)
        return [(facility.slug, facility_choice(facility, self.note_on(facility))) for facility in ordered]

    def chosen(self, name: str = "facility") -> Facility:
        """Return the facility that was chosen."""
        return next(facility for facility in self.reached if facility.slug == self.cleaned_data[name])


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
        """Offer what is reached as an alternative."""
        self.fields["alternatives"].choices = [
            (facility.slug, facility_choice(facility, facility.place)) for facility in self.reached
        ]
        if not self.reached:
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


class ConfirmIdentityForm(StepForm):
    """The patient lost the receipt, and the office has found out who asks."""

    action = Action.CONFIRM_IDENTITY
    title = gettext_lazy("Confirm who is asking")
    button = gettext_lazy("Confirm")
    hint = gettext_lazy(
        "The receipt was lost, and a new one was asked for. Until you confirm, it opens the status only."
    )
    done = gettext_lazy("Confirmed. The new receipt opens everything.")

    is_known = forms.BooleanField(
        label=gettext_lazy("I know that it is the patient, or the relative who may act for her"),
        help_text=gettext_lazy("For example after a call to a number that stands in the documents."),
        error_messages={"required": gettext_lazy("Tick this only when you know who it is.")},
    )

    @cached_property
    def is_possible(self) -> bool:
        return access.has_unconfirmed_receipt(self.case)

    def take(self, by: Actor) -> Request:
        return workflow.confirm_identity(request=self.case, by=by, seen_version=self.seen())


class KeyedForm(StepForm):
    """Words that add to the case: pressed twice, one row."""

    is_versioned = False

    idempotency_key = forms.UUIDField(widget=forms.HiddenInput)

    def prepare(self) -> None:
        """Give the text an id of its own."""
        self.initial.setdefault("idempotency_key", uuid.uuid4())


class MessageForm(KeyedForm):
    """Words to the patient."""

    action = Action.SEND_MESSAGE
    title = gettext_lazy("Write to the patient")
    button = gettext_lazy("Send to the patient")
    done = gettext_lazy("The message is sent.")

    text = WordsField(label=gettext_lazy("Your message to the patient"))

    def take(self, by: Actor) -> Any:
        return workflow.send_message(
            request=self.case,
            by=by,
            text=self.cleaned_data["text"],
            idempotency_key=self.cleaned_data["idempotency_key"],
        )


class NoteForm(KeyedForm):
    """Words to colleagues."""

    action = Action.WRITE_NOTE
    title = gettext_lazy("Write an internal note")
    button = gettext_lazy("Save the internal note")
    done = gettext_lazy("The note is saved. The patient never sees it.")

    text = WordsField(label=gettext_lazy("Internal note, never shown to the patient"), rows=3)

    def take(self, by: Actor) -> Any:
        return workflow.write_note(
            request=self.case,
            by=by,
            text=self.cleaned_data["text"],
            idempotency_key=self.cleaned_data["idempotency_key"],
        )


# In the order in which the desk offers them; the first that moves the case is the one full button.
FORMS: Mapping[Action, type[StepForm]] = {
    form.action: form
    for form in (
        TakeForm,
        ForwardForm,
        NameSpecialistForm,
        SettleFeeForm,
        ConfirmIdentityForm,
        AskDocumentForm,
        AskQuestionForm,
        AskConsentForm,
        UrgencyForm,
        TakeOverForm,
        ReturnForm,
        CloseForm,
        DeclineForm,
        MessageForm,
        NoteForm,
    )
}
# These stand beside what they add to, not among the steps.
WRITTEN = frozenset({Action.SEND_MESSAGE, Action.WRITE_NOTE})
