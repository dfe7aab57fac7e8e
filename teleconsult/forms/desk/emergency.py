"""What is asked before a case of another office can be opened."""

from django import forms
from django.utils.translation import gettext_lazy

from teleconsult.emergency import LONGEST_REASON
from teleconsult.forms.patient import PlainTextField


class EmergencyForm(forms.Form):
    """Which case, and why."""

    use_required_attribute = False

    reference = forms.CharField(label=gettext_lazy("Reference"), max_length=100)
    reason = PlainTextField(
        label=gettext_lazy("Why you must read it now"),
        help_text=gettext_lazy("The colleague who confirms reads this, and it stays with the case."),
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 4, "dir": "auto"}),
        error_messages={"required": gettext_lazy("Write the reason.")},
    )
