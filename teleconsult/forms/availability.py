"""The forms in which specialists and interpreters say when they can be booked."""

import datetime
from typing import Any

from babel.dates import get_day_names
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from taxonomy.countries import country_choices, is_country
from taxonomy.languages import language_name, locale
from teleconsult import workflow
from teleconsult.enums import ConsultationMode, ExceptionKind
from teleconsult.forms.patient import PlainTextField
from teleconsult.models.availability import GRID_MINUTES
from teleconsult.permissions import Actor
from teleconsult.zones import zone_choices

LATEST_DAY = datetime.timedelta(days=730)


def language() -> str:
    """Return the language of the desk."""
    return translation.get_language() or settings.LANGUAGE_CODE


def weekday_choices() -> list[tuple[int, str]]:
    """Return Monday to Sunday."""
    names = get_day_names("wide", "stand-alone", locale(language()))
    return [(number, names[number]) for number in range(7)]


def quarter_hours(label: Any, *, required: bool = True) -> forms.TimeField:
    """Return a field for a time on the grid of the calendar."""
    return forms.TimeField(
        label=label,
        required=required,
        widget=forms.TimeInput(attrs={"type": "time", "step": GRID_MINUTES * 60}, format="%H:%M"),
        error_messages={"invalid": _("Enter a time like 09:30."), "required": _("Enter a time like 09:30.")},
    )


def day_field(label: Any, *, required: bool = True) -> forms.DateField:
    """Return a field for a day."""
    return forms.DateField(
        label=label,
        required=required,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={
            "invalid": _("Enter a day like 2027-03-28."),
            "required": _("Enter a day like 2027-03-28."),
        },
    )


class HoursForm(forms.Form):
    """What all lines share: hours in order and on the grid, days in order and not for ever."""

    use_required_attribute = False

    def clean(self) -> dict[str, Any]:
        """Check what belongs together."""
        values = super().clean() or {}
        starts, ends = values.get("starts_at"), values.get("ends_at")
        for name in ("starts_at", "ends_at"):
            time = values.get(name)
            if time and (time.minute % GRID_MINUTES or time.second):
                self.add_error(name, _("Choose a quarter of an hour: 09:00, 09:15, 09:30 or 09:45."))
        if starts and ends and ends <= starts:
            self.add_error(
                "ends_at", _("The end must be later than the beginning. Hours end at midnight at the latest.")
            )
        first, last = values.get("first_day"), values.get("last_day")
        if first and last and last < first:
            self.add_error("last_day", _("The last day must not be before the first."))
        limit = timezone.localdate() + LATEST_DAY
        for name in ("first_day", "last_day", "day"):
            if values.get(name) and values[name] > limit:
                self.add_error(name, _("Choose a day within the next two years."))
        return values


class LanguagesForm(forms.Form):
    """Which languages a specialist speaks with patients."""

    languages = forms.MultipleChoiceField(
        label=_("Languages you speak with patients"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one language.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["languages"].choices = [  # type: ignore[attr-defined]
            (code, language_name(code, language())) for code, _name in settings.LANGUAGES
        ]

    def save(self, by: Actor) -> None:
        """Keep them."""
        workflow.save_languages(by=by, languages=self.cleaned_data["languages"])


class RuleForm(HoursForm):
    """Hours that come back each week."""

    weekdays = forms.TypedMultipleChoiceField(
        label=_("Weekdays"),
        coerce=int,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one weekday.")},
    )
    starts_at = quarter_hours(pgettext_lazy("hour", "From"))
    ends_at = quarter_hours(pgettext_lazy("hour", "Until"))
    mode = forms.ChoiceField(label=_("How you meet"), choices=ConsultationMode.choices)
    first_day = day_field(_("First day"))
    last_day = day_field(_("Last day"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["weekdays"].choices = weekday_choices()  # type: ignore[attr-defined]
        self.initial.setdefault("first_day", timezone.localdate())

    def save(self, by: Actor) -> None:
        """Add them."""
        workflow.add_rule(by=by, **self.cleaned_data)


class ExceptionForm(HoursForm):
    """Days off, hours off, or hours besides the weekly ones."""

    kind = forms.ChoiceField(label=_("What differs"), choices=ExceptionKind.choices)
    first_day = day_field(_("First day"))
    last_day = day_field(_("Last day"))
    starts_at = quarter_hours(pgettext_lazy("hour", "From"), required=False)
    ends_at = quarter_hours(pgettext_lazy("hour", "Until"), required=False)

    def clean(self) -> dict[str, Any]:
        """Whole days can be off; hours besides need hours."""
        values = super().clean()
        has_hours = [bool(values.get(name)) for name in ("starts_at", "ends_at")]
        is_extra = values.get("kind") == ExceptionKind.EXTRA
        if any(has_hours) != all(has_hours) or (is_extra and not all(has_hours)):
            raise ValidationError(_("Give both hours. Leave both empty only for whole days off."))
        return values

    def save(self, by: Actor) -> None:
        """Add it."""
        workflow.add_exception(by=by, **self.cleaned_data)


class VisitForm(HoursForm):
    """A day at a place abroad."""

    day = day_field(_("Day"))
    city = PlainTextField(label=_("City"), max_length=80)
    country = forms.ChoiceField(label=_("Country or region"))
    zone = forms.ChoiceField(label=_("Time zone of the place"))
    starts_at = quarter_hours(pgettext_lazy("hour", "From"))
    ends_at = quarter_hours(pgettext_lazy("hour", "Until"))
    mode = forms.ChoiceField(
        label=_("How you meet"), choices=ConsultationMode.choices, initial=ConsultationMode.IN_PERSON
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["country"].choices = [("", ""), *country_choices(language())]  # type: ignore[attr-defined]
        self.fields["zone"].choices = [("", ""), *zone_choices(language())]  # type: ignore[attr-defined]

    def clean_country(self) -> str:
        """Refuse what is no country or region."""
        code = str(self.cleaned_data["country"])
        if not is_country(code):
            raise ValidationError(_("Choose a country or region."))
        return code

    def save(self, by: Actor) -> None:
        """Add it."""
        workflow.add_visit(by=by, **self.cleaned_data)
