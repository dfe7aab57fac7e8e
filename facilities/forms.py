"""The forms of the pages of facilities."""

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from publishing.enums import ReportKind
from publishing.models import ErrorReport


class ReportForm(forms.Form):
    """What is wrong on a page: what kind of thing, and in one's own words."""

    kind = forms.ChoiceField(
        label=_("What is wrong?"), choices=ReportKind.choices, widget=forms.RadioSelect, initial=ReportKind.WRONG
    )
    words = forms.CharField(
        label=_("What should it say?"),
        help_text=pgettext_lazy(
            "report an error",
            "In any language. Please write no name and nothing about your health. A link to a page that says it helps.",
        ),
        max_length=ErrorReport.LONGEST,
        widget=forms.Textarea(attrs={"rows": 6}),
    )
