"""What a patient fills in: one question a screen, each kept as soon as it is answered."""

import datetime
import uuid
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone, translation
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from facilities.models import Facility
from notifications.addresses import validate_mailbox
from publishing.templatetags.text import text_of
from taxonomy.countries import country_choices, is_country
from taxonomy.languages import language_name, without_tricks
from teleconsult import references
from teleconsult.consent import ConsentText
from teleconsult.enums import ForWhom, Sex
from teleconsult.models import Request
from teleconsult.workflow.drafts import LONGEST_NAME
from teleconsult.workflow.steps import LONGEST_TEXT
from teleconsult.zones import known_zones, zone_choices, zone_of_country
from treatments.enums import DocumentKind
from treatments.models import Condition, Protocol, RequiredDocument, Treatment
from vault.uploads import UploadField

# Languages papers come in, beyond those of the portal.
DOCUMENT_LANGUAGES = [
    "en",
    "it",
    "ar",
    "zh-hans",
    "es",
    "fr",
    "de",
    "ru",
    "pt",
    "tr",
    "fa",
    "ur",
    "hi",
    "bn",
    "uk",
    "pl",
    "ro",
    "sq",
    "el",
    "nl",
    "sv",
    "fi",
    "da",
    "nb",
    "cs",
    "sk",
    "hu",
    "bg",
    "sr",
    "hr",
    "sl",
    "he",
    "ja",
    "ko",
    "vi",
    "id",
    "kk",
    "uz",
    "az",
    "ka",
    "hy",
    "am",
    "so",
    "sw",
]
OLDEST = 120
ADULT = 18


def active_language() -> str:
    """Return the language of the page."""
    return translation.get_language() or settings.LANGUAGE_CODE


def with_note(words: str, note: str) -> SafeString:
    """Return a choice with a smaller line below it."""
    return format_html("{}<small>{}</small>", words, note)


class PlainTextField(forms.CharField):
    """Text as people paste it; what no one typed on purpose is dropped, and nothing refused for it."""

    def to_python(self, value: Any) -> str:
        """Return the text as people see it."""
        return super().to_python(without_tricks(value or ""))


class MailboxField(forms.EmailField):
    """An e-mail address, with sentences of our own."""

    default_validators = [validate_mailbox]

    default_error_messages = {
        "required": _("Enter your e-mail address."),
        "invalid": _("Enter an e-mail address like name@example.com."),
    }

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.EmailInput(attrs={"autocomplete": "email", "dir": "ltr"}))
        super().__init__(label=_("Your e-mail address"), max_length=254, **kwargs)


class QuietForm(forms.Form):
    """A form of the patient's pages; the field nobody sees stays empty, unless a machine fills it."""

    website = forms.CharField(required=False, widget=forms.HiddenInput, label="")

    use_required_attribute = False

    def clean_website(self) -> str:
        """Refuse what a person cannot have typed."""
        if self.cleaned_data["website"]:
            raise ValidationError(_("Leave this field empty."))
        return ""

    def renew(self, *unticked: str, **values: object) -> None:
        """Put what is on the screen now into a form that is shown again; what was agreed to before is not ticked."""
        self.data = self.data.copy()
        self.data.update({self.add_prefix(name): str(value) for name, value in values.items()})
        for name in unticked:
            self.data.pop(self.add_prefix(name), None)


class WhoForm(QuietForm):
    """Who asks, and how we reach her: with this the request begins."""

    for_whom = forms.ChoiceField(
        label=_("Who is the second opinion for?"),
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose who the second opinion is for.")},
    )
    email = MailboxField(
        help_text=_(
            "We send news to it, and the code with which you come back. No mail ever says anything about your health."
        )
    )
    country = forms.ChoiceField(
        label=_("Your country or region"), error_messages={"required": _("Choose your country or region.")}
    )
    zone = forms.ChoiceField(
        label=_("Your time zone"),
        required=False,
        help_text=_("If you leave this as it is, we take the main time zone of your country or region."),
    )
    language = forms.ChoiceField(
        label=_("The language in which we write to you"),
        choices=settings.LANGUAGES,
        error_messages={"required": _("Choose a language.")},
    )
    idempotency_key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        language = active_language()
        self.fields["for_whom"].choices = [
            (ForWhom.SELF, _("For me")),
            (ForWhom.RELATIVE, with_note(_("For someone else"), _("For my child, or for an adult who has agreed"))),
        ]
        self.fields["country"].choices = [
            ("", pgettext_lazy("first line of a list", "Choose")),
            *country_choices(language),
        ]
        self.fields["zone"].choices = [("", _("The main time zone there")), *zone_choices(language)]
        self.initial.setdefault("language", language)
        self.initial.setdefault("idempotency_key", uuid.uuid4())

    def clean_zone(self) -> str:
        """Take the country's zone where none was chosen."""
        zone = self.cleaned_data["zone"]
        country = self.cleaned_data.get("country", "")
        return zone if zone in known_zones() else zone_of_country(country) if is_country(country) else "Europe/Rome"

    def answers(self) -> dict[str, Any]:
        """Return what is kept."""
        names = ("for_whom", "email", "country", "zone", "language")
        kept = {name: self.cleaned_data[name] for name in names}
        # Who asks for herself is nobody's relative any more.
        return kept | ({"asker_name": "", "relationship": ""} if kept["for_whom"] == ForWhom.SELF else {})


class PatientForm(QuietForm):
    """About the patient."""

    patient_name = PlainTextField(
        label=_("Name of the patient"),
        max_length=LONGEST_NAME,
        help_text=_("As it stands in the medical papers."),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": _("Enter the name of the patient.")},
    )
    age_years = forms.IntegerField(
        label=_("Age of the patient, in years"),
        min_value=0,
        max_value=OLDEST,
        help_text=_("Write 0 for a baby under one year."),
        widget=forms.TextInput(attrs={"inputmode": "numeric", "dir": "ltr", "class": "input--short"}),
        error_messages={
            "required": _("Enter the age of the patient."),
            "invalid": _("Write the age as a number, for example 54."),
        },
    )
    sex = forms.ChoiceField(
        label=_("Sex, as the papers give it"), required=False, widget=forms.RadioSelect, choices=Sex.choices
    )

    def answers(self) -> dict[str, Any]:
        """Return what is kept."""
        return {name: self.cleaned_data[name] for name in ("patient_name", "age_years", "sex")}


class AuthorityForm(QuietForm):
    """Who acts for the patient states by what right; a parent who writes as the patient states the right alone."""

    asker_name = PlainTextField(
        label=_("Your own name"),
        max_length=LONGEST_NAME,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": _("Enter your own name.")},
    )
    relationship = PlainTextField(
        label=_("What are you to the patient?"),
        max_length=LONGEST_NAME,
        help_text=_("For example: mother, son, guardian, friend."),
        error_messages={"required": _("Write what you are to the patient.")},
    )
    has_authority = forms.BooleanField(
        label=_("I may act for the patient"),
        help_text=_(
            "The patient has agreed, or I am the parent or legal guardian. A hospital may ask me to show this."
        ),
        error_messages={"required": _("Tick this box if it is true. Without it nobody may read the papers.")},
    )

    def __init__(self, *args: Any, request: Request, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if request.for_whom != ForWhom.RELATIVE:
            del self.fields["asker_name"], self.fields["relationship"]

    def answers(self) -> dict[str, Any]:
        """Return what is kept."""
        return {name: self.cleaned_data[name] for name in ("asker_name", "relationship") if name in self.fields}


class QuestionForm(QuietForm):
    """What she wants to know."""

    question = PlainTextField(
        label=_("What do you want to know?"),
        max_length=LONGEST_TEXT,
        help_text=_(
            "Write in your own words and your own language. "
            "For example: what else can be done, or whether the operation is needed."
        ),
        widget=forms.Textarea(attrs={"rows": 8}),
        error_messages={
            "required": _("Write your question."),
            "max_length": _(
                "Your text has %(show_value)s characters; %(limit_value)d fit here. "
                "Nothing is lost: shorten it, or send the rest as a document."
            ),
        },
    )

    def answers(self) -> dict[str, Any]:
        """Return what is kept."""
        return {"question": self.cleaned_data["question"]}


class IllnessForm(QuietForm):
    """What the question is about."""

    condition = forms.ChoiceField(label=_("The illness, if you know it"), required=False)
    treatment = forms.ChoiceField(label=_("The treatment, if one was proposed"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["condition"].choices = choices_of(Condition)
        self.fields["treatment"].choices = choices_of(Treatment)

    def answers(self) -> dict[str, Any]:
        """Return what is kept."""
        conditions = Condition.objects.filter(slug=self.cleaned_data["condition"])
        treatments = Treatment.objects.filter(slug=self.cleaned_data["treatment"])
        return {"condition": conditions.first(), "treatment": treatments.first()}


def choices_of(model: type[Condition] | type[Treatment]) -> list[tuple[str, str]]:
    """Return (slug, name) of what is published, in the order of the language, "I do not know" first."""
    code = active_language()
    rows = model.objects.published().in_language(code).without("summary", code)
    return [
        ("", _("I do not know, or it is not in the list")),
        *((row.slug, text_of(row, "name").value) for row in rows),
    ]


class HospitalForm(QuietForm):
    """Which hospital; the coordination office can propose one."""

    facility = forms.ChoiceField(
        label=_("Which hospital would you like to ask?"), required=False, widget=forms.RadioSelect
    )

    def __init__(self, *args: Any, facilities: list[Facility], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.facilities = {facility.slug: facility for facility in facilities}
        proposal = with_note(
            _("I do not know: propose one to me"), _("The coordination office looks for one and asks you first.")
        )
        self.fields["facility"].choices = [
            ("", proposal),
            *((facility.slug, self._words(facility)) for facility in facilities),
        ]

    @staticmethod
    def _words(facility: Facility) -> SafeString:
        name = format_html('<span lang="it" dir="ltr">{}</span>', facility.short_name)
        return format_html("{}<small>{}, {}</small>", name, facility.city, facility.get_kind_display())

    def answers(self) -> dict[str, Any]:
        """Return what is kept."""
        return {"facility": self.facilities.get(self.cleaned_data["facility"])}


class DocumentForm(QuietForm):
    """One paper, kept as soon as it has arrived."""

    file = UploadField(
        label=_("The file"),
        max_length=255,
        help_text=_("PDF, photo, text, office document, or scans as DICOM. A clear photo with the phone is fine."),
        error_messages={
            "required": _("Choose a file."),
            "empty": _("This file is empty. Choose another one."),
            "max_length": _("The name of this file is too long. Give it a shorter one."),
        },
    )
    requirement = forms.ChoiceField(label=_("Which paper is it?"), required=False)
    kind = forms.ChoiceField(
        label=_("What kind of paper is it?"), choices=DocumentKind.choices, initial=DocumentKind.REPORT
    )
    issued_on = forms.DateField(
        label=_("Date on the paper"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date", "dir": "ltr", "class": "input--short"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y"],
        error_messages={"invalid": _("Write the date as year, month, day, for example 2026-03-12.")},
    )
    language = forms.ChoiceField(label=_("Language of the paper"), required=False)

    def __init__(
        self,
        *args: Any,
        protocol: Protocol | None,
        next_paper: RequiredDocument | None = None,
        needs_authority: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        code = active_language()
        required = list(protocol.required_documents.all()) if protocol else []
        if not needs_authority:
            # Who asks for herself has nobody's authority to show.
            required = [row for row in required if row.kind != DocumentKind.AUTHORITY]
            self.fields["kind"].choices = [pair for pair in DocumentKind.choices if pair[0] != DocumentKind.AUTHORITY]
        # The first paper that is missing is most likely the one being sent.
        self.initial.setdefault("requirement", str(next_paper.pk) if next_paper else "")
        self.requirements: dict[str, RequiredDocument] = {str(row.pk): row for row in required}
        if required:
            self.fields["requirement"].choices = [
                *((key, text_of(row, "what").value) for key, row in self.requirements.items()),
                ("", pgettext_lazy("kind of document", "Another document")),
            ]
        else:
            del self.fields["requirement"]
        self.fields["language"].choices = [("", _("I do not know"))] + sorted(
            ((tag, language_name(tag, code)) for tag in DOCUMENT_LANGUAGES), key=lambda choice: choice[1]
        )

    def clean(self) -> dict[str, Any]:
        """Say that a good file has to be chosen again: no browser keeps it through an error elsewhere."""
        answers = super().clean() or {}
        if self.errors:
            self.say_choose_again()
        return answers

    def say_choose_again(self) -> None:
        """Say that a file without fault of its own was not kept."""
        if self.cleaned_data.get("file"):
            self.add_error("file", _("The file was not kept because of the other error. Choose it again."))

    def clean_file(self) -> Any:
        """Drop from the name what nobody sees."""
        upload = self.cleaned_data["file"]
        if upload:
            upload.name = without_tricks(upload.name).strip() or "document"
        return upload

    def clean_issued_on(self) -> datetime.date | None:
        """Refuse a day that has not come yet."""
        day = self.cleaned_data["issued_on"]
        if day and day > timezone.localdate() + datetime.timedelta(days=1):
            raise ValidationError(_("This date is in the future. Check it."))
        return day

    def details(self) -> dict[str, Any]:
        """Return what is said about the file."""
        requirement = self.requirements.get(self.cleaned_data.get("requirement", ""))
        kind = requirement.kind if requirement else self.cleaned_data["kind"]
        return {
            "upload": self.cleaned_data.get("file"),
            "kind": DocumentKind(kind),
            "issued_on": self.cleaned_data["issued_on"],
            "language": self.cleaned_data["language"],
            "requirement": requirement,
        }


class ReviewForm(QuietForm):
    """The last look: consent for each purpose, then send."""

    coordination = forms.BooleanField(
        error_messages={"required": _("Without this consent nobody may read your request.")}
    )
    facility = forms.BooleanField(required=False)
    # What was on the screen: the version of the request, the very wordings, the hospital named in them, its rules.
    seen_version = forms.IntegerField(widget=forms.HiddenInput)
    coordination_hash = forms.CharField(widget=forms.HiddenInput)
    facility_hash = forms.CharField(widget=forms.HiddenInput, required=False)
    facility_slug = forms.CharField(widget=forms.HiddenInput, required=False)
    protocol = forms.IntegerField(widget=forms.HiddenInput, required=False)
    submit_key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, coordination: ConsentText, facility: ConsentText | None = None, slug: str = "", **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.slug = slug
        self.fields["coordination"].label = coordination.agreement
        if facility is None:
            del self.fields["facility"]
        else:
            self.fields["facility"].label = facility.agreement
        self.initial.setdefault("submit_key", uuid.uuid4())

    def clean(self) -> dict[str, Any]:
        """Refuse a consent for a hospital that is not the one chosen any more."""
        answers = super().clean() or {}
        if answers.get("facility") and answers.get("facility_slug") != self.slug:
            self.add_error("facility", _("The hospital was changed meanwhile. Read the text again, then tick the box."))
        return answers


class ReferenceForm(QuietForm):
    """Coming back: the reference; with the private link nothing needs to be typed."""

    reference = PlainTextField(
        label=_("Number of your request"),
        max_length=100,
        help_text=_("It stands on your receipt and in our mails and looks like HL-7K3M-9QXA-7."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "dir": "ltr", "autocapitalize": "characters"}),
        error_messages={"required": _("Enter the number of your request.")},
    )
    secret = PlainTextField(
        label=_("The last part of your private link"),
        required=False,
        max_length=200,
        help_text=_("If you have it. Without it you see only where your request stands."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "dir": "ltr"}),
    )


class CodeForm(QuietForm):
    """The code from the mail."""

    code = PlainTextField(
        label=_("The code from the mail"),
        max_length=40,
        help_text=_("8 signs. It is valid for 10 minutes, in this browser only."),
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "dir": "ltr", "class": "input--short"}),
        error_messages={"required": _("Enter the code from the mail.")},
    )


class LostReferenceForm(QuietForm):
    """The number is lost: the mailbox still knows it."""

    email = MailboxField()


class WordsForm(QuietForm):
    """Words to the coordination office."""

    text = PlainTextField(
        label=_("Your message"),
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 5}),
        error_messages={
            "required": _("Write your message."),
            "max_length": _(
                "Your text has %(show_value)s characters; %(limit_value)d fit here. Nothing is lost: shorten it."
            ),
        },
    )
    seen_version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    idempotency_key = forms.UUIDField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, label: Any = None, is_required: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["text"].required = is_required
        if label:
            self.fields["text"].label = label
        self.initial.setdefault("idempotency_key", uuid.uuid4())

    @property
    def key(self) -> uuid.UUID:
        """Return the id of the words: pressed twice, one message."""
        return self.cleaned_data["idempotency_key"] or uuid.uuid4()


class ConsentForm(WordsForm):
    """Yes or no to one hospital, with words for the office where she likes."""

    text_hash = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, label=_("Something you want to add"), is_required=False, **kwargs)
        self.fields["text"].widget.attrs["rows"] = 3


class SettingsForm(QuietForm):
    """The language we write in, the zone and the country: all that is sent later follows them."""

    language = forms.ChoiceField(
        label=_("The language in which we write to you"),
        choices=settings.LANGUAGES,
        error_messages={"required": _("Choose a language.")},
    )
    country = forms.ChoiceField(
        label=_("Your country or region"), error_messages={"required": _("Choose your country or region.")}
    )
    zone = forms.ChoiceField(
        label=_("Your time zone"),
        help_text=_("All times on your page and in our mails are shown in it."),
        error_messages={"required": _("Choose your time zone.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        language = active_language()
        self.fields["country"].choices = [
            ("", pgettext_lazy("first line of a list", "Choose")),
            *country_choices(language),
        ]
        self.fields["zone"].choices = zone_choices(language)


class EndForm(WordsForm):
    """The last word before a request ends."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, label=_("Tell us why"), is_required=False, **kwargs)
        self.fields["text"].widget.attrs["rows"] = 3


class EraseForm(EndForm):
    """Nothing brings it back: the number of the request is typed first."""

    reference = PlainTextField(
        label=_("To confirm, type the number of your request"),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off", "dir": "ltr", "autocapitalize": "characters"}),
        error_messages={"required": _("Type the number of your request. Nothing has been erased.")},
    )

    def __init__(self, *args: Any, expected: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.expected = expected
        del self.fields["text"]

    def clean_reference(self) -> str:
        """Refuse any other number."""
        if references.normalise(self.cleaned_data["reference"]) != self.expected:
            raise ValidationError(_("This is not the number of this request. Nothing has been erased."))
        return self.expected
