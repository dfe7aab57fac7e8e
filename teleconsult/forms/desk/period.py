"""The period of the statistics."""

import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

LONGEST = datetime.timedelta(days=2 * 366)
USUAL = datetime.timedelta(days=90)


def _day_input() -> forms.DateInput:
    return forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class PeriodForm(forms.Form):
    """From which day until which; the last 90 days where nothing is said."""

    since = forms.DateField(label=gettext_lazy("From"), widget=_day_input())
    until = forms.DateField(label=gettext_lazy("Until"), widget=_day_input())

    def __init__(self, data: Any = None) -> None:
        today = timezone.localdate()
        days = {"since": (today - USUAL).isoformat(), "until": today.isoformat()}
        given = {name: str(data.get(name) or usual) for name, usual in days.items()} if data is not None else days
        super().__init__(given, auto_id="period-%s")

    def clean(self) -> dict[str, Any]:
        """Refuse a period that ends before it begins, or is too long to be read."""
        answers = super().clean() or {}
        since, until = answers.get("since"), answers.get("until")
        if until and until > timezone.localdate() + LONGEST:
            raise ValidationError(_("This date is in the future. Check it."))
        if since and until and until < since:
            raise ValidationError(_("The period ends before it begins. Choose a later last day."))
        if since and until and until - since > LONGEST:
            raise ValidationError(_("Choose a period of at most two years."))
        return answers
