"""What a specialist fills in: the opinion as one page of parts, an addendum, the answer to a question."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django import forms
from django.conf import settings
from django.forms import BoundField
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from facilities.models import Facility
from publishing.templatetags.text import text_of
from teleconsult.desk_opinions import unprintable_words
from teleconsult.enums import Action, OptionKind
from teleconsult.forms.desk.steps import WordsField
from teleconsult.forms.patient import PlainTextField
from teleconsult.models import Addendum, Opinion, Request
from teleconsult.models.opinions import option
from teleconsult.opinions import parts_of, report_language
from teleconsult.workflow import OpinionText
from treatments.models import Treatment
from typesetting.coverage import unprintable

# More rows than anybody writes: what a form claims to hold is bounded.
MOST_ROWS = 20
SHORT = 200
LANGUAGES = [("", pgettext_lazy("translated from", "It is no translation")), *settings.LANGUAGES]


class Catalogue:
    """The names a specialist chooses treatments and facilities by, and what they stand for."""

    @cached_property
    def treatments(self) -> dict[str, str]:
        """Return slugs by name in the language of the desk."""
        return {text_of(row, "name").value: row.slug for row in Treatment.objects.published()}

    @cached_property
    def facilities(self) -> dict[str, str]:
        rows = Facility.objects.published().order_by("short_name")
        return {f"{row.short_name} ({row.city})": row.slug for row in rows}

    def slug(self, field: str, typed: str) -> str:
        """Return what a typed name stands for, whatever its case; empty for a name nobody knows."""
        names = self.treatments if field == "treatment" else self.facilities
        folded = {name.casefold(): slug for name, slug in names.items()}
        return folded.get(" ".join(typed.split()).casefold(), "")

    def name(self, field: str, row: dict[str, str]) -> str:
        """Return the name to show for a row: that of its slug, else what was typed."""
        names = self.treatments if field == "treatment" else self.facilities
        slug = row[field]
        return next((name for name, known in names.items() if known == slug), row[f"{field}_name"])


class NeededLater(WordsField):
    """Words without which nothing is signed, but a draft is saved."""

    def validate(self, value: str) -> None:
        """Let a draft be without them."""


@dataclass(frozen=True)
class Part:
    """A part of the patient's question with the fields below it."""

    question: str
    answer: BoundField
    joined: BoundField | None


class OpinionForm(forms.Form):
    """The whole opinion; a draft is saved whatever is missing, and nothing typed is ever lost."""

    use_required_attribute = False

    seen_version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    language = forms.ChoiceField(label=gettext_lazy("Language of the opinion"), choices=settings.LANGUAGES)
    translated_from = forms.ChoiceField(
        label=gettext_lazy("If this text is a translation: from which language?"), choices=LANGUAGES, required=False
    )
    plain_words = NeededLater(
        label=gettext_lazy("Summary in plain words"),
        help_text=gettext_lazy("The patient reads this first. Short sentences, no abbreviations."),
        rows=7,
    )
    letter = WordsField(
        label=gettext_lazy("Letter for the doctor at home"),
        help_text=gettext_lazy("In medical terms. The patient can print it or pass it on."),
        rows=12,
        required=False,
    )
    further_count = forms.IntegerField(required=False, widget=forms.HiddenInput)
    option_count = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, case: Request, opinion: Opinion | None, **kwargs: Any) -> None:
        super().__init__(data, auto_id="opinion-%s", initial=self._initial(case, opinion), **kwargs)
        self.case, self.catalogue = case, Catalogue()
        self.questions = parts_of(case.question)
        self.kept = OpinionText.of(opinion) if opinion else None
        for number, question in enumerate(self.questions):
            self._add_answer(number, question)
        self.further = self._count("further_count", len(self._kept_further()) + 1)
        for number in range(self.further):
            self._add_further(number)
        self.options = self._count(
            "option_count", max(len(OptionKind), len(self.kept.options if self.kept else []) + 1)
        )
        for number in range(self.options):
            self._add_option(number)

    @property
    def parts(self) -> Iterator[Part]:
        """Yield the patient's question part by part."""
        for number, question in enumerate(self.questions):
            joined = self[f"joined_{number}"] if number else None
            yield Part(question, self[f"answer_{number}"], joined)

    @property
    def further_rows(self) -> Iterator[tuple[BoundField, BoundField]]:
        """Yield the fields for questions the patient asked elsewhere."""
        for number in range(self.further):
            yield self[f"further_question_{number}"], self[f"further_answer_{number}"]

    @property
    def option_rows(self) -> Iterator[dict[str, BoundField]]:
        for number in range(self.options):
            yield {name: self[f"option_{name}_{number}"] for name in ("kind", "text", "treatment", "facility", "trial")}

    def seen(self) -> int:
        """Return the version of the draft that was on the screen; a missing one is none that ever was."""
        version = self.cleaned_data.get("seen_version")
        return -1 if version is None else version

    def text(self) -> OpinionText:
        """Return what was written, rows left empty not counted."""
        data = self.cleaned_data
        answers = [
            {
                "question": question,
                "answer": "" if data.get(f"joined_{number}") else data[f"answer_{number}"],
                "is_joined": bool(data.get(f"joined_{number}")),
                "is_patients": True,
            }
            for number, question in enumerate(self.questions)
        ]
        answers += [
            {"question": question, "answer": answer, "is_joined": False, "is_patients": False}
            for number in range(self.further)
            if (question := data[f"further_question_{number}"]) or data[f"further_answer_{number}"]
            for answer in [data[f"further_answer_{number}"]]
        ]
        return OpinionText(
            language=data["language"],
            translated_from=data["translated_from"] if data["translated_from"] != data["language"] else "",
            plain_words=data["plain_words"],
            letter=data["letter"],
            answers=answers,
            options=[row for number in range(self.options) if (row := self._option(number)) is not None],
        )

    def _option(self, number: int) -> dict[str, str] | None:
        values = {
            name: self.cleaned_data[f"option_{name}_{number}"] for name in ("text", "treatment", "facility", "trial")
        }
        if not any(values.values()):
            return None
        return option(
            self.cleaned_data[f"option_kind_{number}"],
            values["text"],
            treatment=self.catalogue.slug("treatment", values["treatment"]),
            treatment_name=values["treatment"],
            facility=self.catalogue.slug("facility", values["facility"]),
            facility_name=values["facility"],
            trial=values["trial"],
        )

    def _initial(self, case: Request, opinion: Opinion | None) -> dict[str, Any]:
        if opinion is None:
            return {"seen_version": 0, "language": report_language(case)}
        names = ("language", "translated_from", "plain_words", "letter")
        return {"seen_version": opinion.version} | {name: getattr(opinion, name) for name in names}

    def _count(self, name: str, unbound: int) -> int:
        """Return how many rows the form has: what was sent says how many it held."""
        typed = str(self.data.get(name, "")) if self.is_bound else ""
        count = int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 4 else unbound
        count = min(count, MOST_ROWS)
        self.initial[name] = count
        return count

    def _kept_further(self) -> list[dict[str, Any]]:
        return [part for part in self.kept.answers if not part["is_patients"]] if self.kept else []

    def _add_answer(self, number: int, question: str) -> None:
        kept = {part["question"]: part for part in self.kept.answers if part["is_patients"]} if self.kept else {}
        part = kept.get(question, {"answer": "", "is_joined": False})
        label = _("Your answer") if len(self.questions) == 1 else _("Your answer, question %(number)s")
        self.fields[f"answer_{number}"] = NeededLater(
            label=label % {"number": number + 1}, rows=6, initial=part["answer"]
        )
        if number:
            self.fields[f"joined_{number}"] = forms.BooleanField(
                label=_("The answer above answers this too"), required=False, initial=part["is_joined"]
            )

    def _add_further(self, number: int) -> None:
        kept = dict(enumerate(self._kept_further())).get(number, {"question": "", "answer": ""})
        self.fields[f"further_question_{number}"] = PlainTextField(
            label=_("A question the patient asked elsewhere"),
            max_length=1000,
            required=False,
            initial=kept["question"],
            widget=forms.TextInput(attrs={"dir": "auto"}),
        )
        self.fields[f"further_answer_{number}"] = WordsField(
            label=_("Your answer"), rows=4, required=False, initial=kept["answer"]
        )

    def _add_option(self, number: int) -> None:
        kept = dict(enumerate(self.kept.options if self.kept else [])).get(number)
        if kept is None:
            preset = list(OptionKind)[number] if number < len(OptionKind) else OptionKind.HOME
            # A further row takes up where the kept ones end.
            kept = option(preset, "")
        self.fields[f"option_kind_{number}"] = forms.ChoiceField(
            label=pgettext("of an option", "Where"), choices=OptionKind.choices, initial=kept["kind"]
        )
        self.fields[f"option_text_{number}"] = WordsField(
            label=_("What you propose"), rows=4, required=False, initial=kept["text"]
        )
        for name, label, listed in (
            ("treatment", _("Treatment of the catalogue"), "opinion-treatments"),
            ("facility", _("Facility of the catalogue"), "opinion-facilities"),
        ):
            self.fields[f"option_{name}_{number}"] = PlainTextField(
                label=label,
                max_length=SHORT,
                required=False,
                initial=self.catalogue.name(name, kept),
                widget=forms.TextInput(attrs={"list": listed, "autocomplete": "off", "dir": "auto"}),
            )
        self.fields[f"option_trial_{number}"] = PlainTextField(
            label=_("Number of the trial"),
            help_text=_("NCT01234567 or 2022-501234-12-00"),
            max_length=40,
            required=False,
            initial=kept["trial"],
            widget=forms.TextInput(attrs={"dir": "ltr", "autocomplete": "off"}),
        )


class AddendumForm(forms.Form):
    """What is added to a delivered opinion."""

    use_required_attribute = False

    seen_version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    text = WordsField(label=gettext_lazy("What you add"), rows=10, required=False)
    language = forms.ChoiceField(label=gettext_lazy("Language of the addendum"), choices=settings.LANGUAGES)
    translated_from = forms.ChoiceField(
        label=gettext_lazy("If this text is a translation: from which language?"), choices=LANGUAGES, required=False
    )

    def __init__(self, data: Any = None, *, opinion: Opinion, draft: Addendum | None, **kwargs: Any) -> None:
        initial = {"seen_version": 0, "language": opinion.language}
        if draft is not None:
            names = ("text", "language", "translated_from")
            initial = {"seen_version": draft.version} | {name: getattr(draft, name) for name in names}
        super().__init__(data, auto_id="addendum-%s", initial=initial, **kwargs)

    def seen(self) -> int:
        version = self.cleaned_data.get("seen_version")
        return -1 if version is None else version

    def clean_text(self) -> str:
        """Refuse signs that the PDF cannot show."""
        return printable_only(self.cleaned_data["text"])


class FollowUpAnswerForm(forms.Form):
    """The answer to a question about the opinion."""

    use_required_attribute = False

    text = WordsField(label=gettext_lazy("Your answer"), rows=6)
    language = forms.ChoiceField(label=gettext_lazy("Language of the answer"), choices=settings.LANGUAGES)

    def clean_text(self) -> str:
        """Refuse signs that the PDF cannot show."""
        return printable_only(self.cleaned_data["text"])


# Name of an address → the step of which its form is.
TYPED_IN = {
    "opinion": Action.WRITE_OPINION,
    "addendum": Action.WRITE_ADDENDUM,
    "follow_up": Action.ANSWER_FOLLOW_UP,
}


def names_in(action: Action, data: Any, case: Request) -> list[str]:
    """Return the fields of a form about an opinion, the number of the draft that was on the screen among them."""
    if action == Action.WRITE_OPINION:
        return list(OpinionForm(data, case=case, opinion=None).fields)
    return list((AddendumForm if action == Action.WRITE_ADDENDUM else FollowUpAnswerForm).base_fields)


def printable_only(text: str) -> str:
    """Return a text; raises ValidationError for a sign that no font of ours has."""
    signs = unprintable([text])
    if signs:
        raise forms.ValidationError(unprintable_words(signs))
    return text
