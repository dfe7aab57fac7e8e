"""What fits on one screen: a question, a check-up, an estimate of costs, a collaboration."""

import uuid
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from taxonomy.countries import country_choices
from teleconsult.consent import ConsentText
from teleconsult.enums import ForWhom, RequestKind, Sex
from teleconsult.forms.patient import (
    ADULT,
    OLDEST,
    MailboxField,
    PlainTextField,
    QuietForm,
    active_language,
    choices_of,
    with_note,
)
from teleconsult.workflow.drafts import LONGEST_NAME
from teleconsult.workflow.steps import LONGEST_TEXT
from teleconsult.zones import zone_of_country
from treatments.models import Treatment


class EnquiryForm(QuietForm):
    """What every kind asks for: words, a mailbox, a country, and the consent of the office."""

    kind: ClassVar[RequestKind] = RequestKind.QUESTION

    question = PlainTextField(
        label=_("What would you like to ask?"),
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 7}),
        error_messages={
            "required": _("Write your question."),
            "max_length": _(
                "Your text has %(show_value)s characters; %(limit_value)d fit here. Nothing is lost: shorten it."
            ),
        },
    )
    email = MailboxField(
        help_text=_(
            "We send news to it, and the code with which you come back. No mail ever says anything about your health."
        )
    )
    country = forms.ChoiceField(label=_("Your country or region"), required=False)
    consent = forms.BooleanField(error_messages={"required": _("Without this consent nobody may read your question.")})
    consent_hash = forms.CharField(widget=forms.HiddenInput)
    idempotency_key = forms.UUIDField(widget=forms.HiddenInput)

    # The order on the page; the consent stands below them.
    shown: ClassVar[tuple[str, ...]] = ("question", "email", "country")
    # Asked for only where she writes for somebody else.
    shown_for_another: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *args: Any, consent: ConsentText, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["consent"].label = consent.agreement
        self.fields["country"].choices = [
            ("", pgettext_lazy("first line of a list", "Choose")),
            *country_choices(active_language()),
        ]
        self.initial.setdefault("consent_hash", consent.hash)
        self.initial.setdefault("idempotency_key", uuid.uuid4())

    @property
    def fields_shown(self) -> list[forms.BoundField]:
        return [self[name] for name in self.shown]

    @property
    def fields_for_another(self) -> list[forms.BoundField]:
        return [self[name] for name in self.shown_for_another]

    @property
    def has_authority(self) -> bool:
        """Return whether she says that she may act for somebody else."""
        return bool(self.cleaned_data.get("has_authority"))

    def answers(self) -> dict[str, Any]:
        """Return what is kept; the page's language is the one we write in."""
        country = self.cleaned_data["country"]
        return {
            "question": self.cleaned_data["question"],
            "email": self.cleaned_data["email"],
            "country": country,
            "zone": zone_of_country(country),
            "language": active_language(),
            "for_whom": ForWhom.SELF,
        }


class QuestionEnquiryForm(EnquiryForm):
    """A question to the coordination office."""


class PersonalEnquiryForm(EnquiryForm):
    """An enquiry for one person, who may be somebody else than the one who writes."""

    for_whom = forms.ChoiceField(
        label=pgettext_lazy("for oneself or for somebody else", "Who is it for?"),
        widget=forms.RadioSelect,
        initial=ForWhom.SELF,
        error_messages={"required": _("Choose who it is for.")},
    )
    patient_name = PlainTextField(
        label=_("Name of the person"),
        max_length=LONGEST_NAME,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": _("Enter the name of the person.")},
    )
    age_years = forms.IntegerField(
        label=_("Age of the person, in years"),
        min_value=0,
        max_value=OLDEST,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "dir": "ltr", "class": "input--short"}),
        error_messages={
            "required": _("Enter the age of the person."),
            "invalid": _("Write the age as a number, for example 54."),
        },
    )
    asker_name = PlainTextField(label=_("Your own name"), max_length=LONGEST_NAME, required=False)
    relationship = PlainTextField(
        label=_("What are you to this person?"),
        max_length=LONGEST_NAME,
        required=False,
        help_text=_("For example: mother, son, guardian, friend."),
    )
    has_authority = forms.BooleanField(
        label=_("I may act for this person"),
        help_text=_("The person has agreed, or I am the parent or legal guardian."),
        required=False,
    )

    shown_for_another = ("asker_name", "relationship", "has_authority")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["country"].required = True
        self.fields["country"].error_messages["required"] = _("Choose your country or region.")
        self.fields["for_whom"].choices = [
            (ForWhom.SELF, _("For me")),
            (ForWhom.RELATIVE, with_note(_("For someone else"), _("For my child, or for an adult who has agreed"))),
        ]

    def clean(self) -> dict[str, Any]:
        """Ask whoever writes for someone else, a child included, who she is and whether she may."""
        answers = super().clean() or {}
        if answers.get("for_whom") == ForWhom.RELATIVE:
            needed = {
                "asker_name": _("Enter your own name."),
                "relationship": _("Write what you are to this person."),
                "has_authority": _("Tick this box if it is true. Without it nobody may work on the request."),
            }
            for name, sentence in needed.items():
                if name not in self.errors and not answers.get(name):
                    self.add_error(name, sentence)
        elif answers.get("age_years", ADULT) < ADULT:
            self.add_error("for_whom", _("A parent or guardian writes for a child: choose “For someone else”."))
        return answers

    def answers(self) -> dict[str, Any]:
        """Return what is kept; whoever writes for herself is nobody's relative."""
        names = ["for_whom", "patient_name", "age_years"]
        if self.cleaned_data["for_whom"] == ForWhom.RELATIVE:
            names += ["asker_name", "relationship"]
        return super().answers() | {name: self.cleaned_data[name] for name in names}


class CheckUpForm(PersonalEnquiryForm):
    """A check-up: what should be looked at, and when she could come."""

    kind = RequestKind.CHECK_UP

    sex = forms.ChoiceField(
        label=_("Sex, as the papers give it"), required=False, widget=forms.RadioSelect, choices=Sex.choices
    )

    shown = ("question", "for_whom", "patient_name", "age_years", "sex", "email", "country")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        question = self.fields["question"]
        question.label = _("What would you like to have checked?")
        question.help_text = _(
            "Say also what worries you, what was checked before, and when you could come to Lombardy."
        )
        question.error_messages["required"] = _("Write what you would like to have checked.")

    def answers(self) -> dict[str, Any]:
        """Return what is kept."""
        return super().answers() | {"sex": self.cleaned_data["sex"]}


class EstimateForm(PersonalEnquiryForm):
    """An estimate of costs: for which treatment, and what it should cover."""

    kind = RequestKind.ESTIMATE

    treatment = forms.ChoiceField(label=_("The treatment"), required=False)

    shown = ("treatment", "question", "for_whom", "patient_name", "age_years", "email", "country")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["treatment"].choices = choices_of(Treatment)
        question = self.fields["question"]
        question.label = _("What should the estimate cover?")
        question.help_text = _(
            "Say who proposed the treatment and when, "
            "and whether you need a companion, an interpreter or a place to stay."
        )
        question.error_messages["required"] = _("Write what the estimate should cover.")

    def answers(self) -> dict[str, Any]:
        """Return what is kept."""
        return super().answers() | {"treatment": Treatment.objects.filter(slug=self.cleaned_data["treatment"]).first()}


class CollaborationForm(EnquiryForm):
    """An institution that would like to work with hospitals of Lombardy."""

    kind = RequestKind.COLLABORATION

    asker_name = PlainTextField(
        label=_("Your name"),
        max_length=LONGEST_NAME,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": _("Enter your name.")},
    )
    organisation = PlainTextField(
        label=_("Your institution, and your role there"),
        max_length=LONGEST_NAME,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
        error_messages={"required": _("Enter the name of your institution.")},
    )

    shown = ("question", "asker_name", "organisation", "email", "country")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        question = self.fields["question"]
        question.label = _("What would you like to do together?")
        question.help_text = _(
            "For example: training, research, exchange of staff, second opinions for your patients. "
            "Please write nothing about a patient here."
        )
        question.error_messages["required"] = _("Write what you would like to do together.")
        self.fields["country"].required = True
        self.fields["country"].error_messages["required"] = _("Choose your country or region.")

    def answers(self) -> dict[str, Any]:
        """Return what is kept."""
        return super().answers() | {name: self.cleaned_data[name] for name in ("asker_name", "organisation")}
