"""The filters of the queue, and the search by reference."""

import uuid
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext, pgettext_lazy

from accounts.models import User
from taxonomy.countries import country_name
from teleconsult import desk
from teleconsult.enums import (
    OPEN_STATUSES,
    RequestKind,
    Urgency,
)
from teleconsult.querysets import RequestQuerySet

NOBODY = "nobody"


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
    kind = forms.ChoiceField(required=False, label=pgettext_lazy("of request", "Kind"))
    age = forms.ChoiceField(required=False, label=gettext_lazy("Age of the request"))
    due = forms.ChoiceField(required=False, label=pgettext_lazy("answer", "Due"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, auto_id="filter-%s", **kwargs)
        anything = ("", pgettext("filter", "Any"))
        self.fields["language"].choices = [anything, *settings.LANGUAGES]
        self.fields["urgency"].choices = [anything, *((str(value), label) for value, label in Urgency.choices)]
        self.fields["status"].choices = [anything, *((code, desk.WHERE_IT_IS[code]) for code in OPEN_STATUSES)]
        self.fields["kind"].choices = [anything, *RequestKind.choices]
        self.fields["age"].choices = [anything, *desk.AGES]
        self.fields["due"].choices = [anything, *desk.DUES]

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
        if "age" in chosen:
            rows = desk.of_age(rows, chosen["age"], timezone.now())
        if "due" in chosen:
            rows = desk.due_within(rows, chosen["due"], timezone.now())
        columns = ("language", "country", "urgency", "status", "kind")
        return rows.filter(**{name: chosen[name] for name in columns if name in chosen})

    def offer(self, queue: desk.Queue, reader: User) -> None:
        """List the owners and countries there are."""
        anything = ("", pgettext("filter", "Any"))
        names = sorted((str(person), str(person.pk)) for person in queue.owners if person.pk != reader.pk)
        owners = [anything, (str(reader.pk), _("You")), (NOBODY, _("Nobody yet"))]
        self.fields["owner"].widget.choices = [*owners, *((pk, name) for name, pk in names)]
        language = desk.active_language()
        countries = sorted((country_name(code, language), code) for code in queue.countries)
        self.fields["country"].widget.choices = [anything, *((code, name) for name, code in countries)]
