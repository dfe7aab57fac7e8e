"""Forms of the catalogue: they show what is published under what is proposed, and never write a row."""

import json
from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.postgres.forms import SimpleArrayField
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from publishing.editing import Values, kind_of, label, plain, text_of_column, values, versions
from publishing.exceptions import ChangeRefused
from publishing.models import Change
from taxonomy.languages import BCP47, column, direction


class LinesField(SimpleArrayField):
    """A list of short texts, one a line: a comma may be part of one."""

    widget = forms.Textarea(attrs={"rows": 4})

    def __init__(self, base_field: forms.Field, **kwargs: Any) -> None:
        super().__init__(base_field, **kwargs | {"delimiter": "\n"})

    def to_python(self, value: Any) -> list[Any]:
        """Return the lines that hold something."""
        if isinstance(value, str):
            value = "\n".join(line.strip() for line in value.splitlines() if line.strip())
        return super().to_python(value)


class CatalogueForm(forms.ModelForm):
    """The form of one row; `proposed` is the open change of it, shown in place of what is published."""

    # What was published, and which change was open, when the form was shown.
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    proposed: Change | None = None
    # Proposes what was typed; tried once while checking, and rolled back.
    attempt: Callable[["CatalogueForm"], object] | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            # Cleaning writes into the instance: what is published is read before.
            self.published = values(self.instance, kind_of(type(self.instance)).columns)
            self.initial["seen"] = self.token()
            self._show_proposed()
        for name in self.fields:
            self._speak(name)

    def token(self) -> str:
        """Return what the reader sees now, for the next request."""
        mark = self.proposed.mark if self.proposed else ""
        return json.dumps({"columns": versions(self.published), "change": mark}, sort_keys=True)

    def clean_seen(self) -> str:
        """Refuse values typed over others than those that were shown; nothing typed is lost."""
        token = self.cleaned_data["seen"]
        if not self.instance.pk or not token or token == self.token():
            return token
        self.data = self.data.copy()
        self.data[self.add_prefix("seen")] = self.token()
        self.add_error(None, ValidationError(self._what_moved(token), code="stale"))
        return token

    def wanted(self) -> Values:
        """Return column → typed value of the columns on this form."""
        columns = kind_of(self._meta.model).columns
        return {
            name: plain(self._meta.model._meta.get_field(name), value)
            for name, value in self.cleaned_data.items()
            if name in columns
        }

    def validate_constraints(self) -> None:
        """Check every rule of the table, also one that names a column which is not on the form."""
        try:
            self.instance.validate_constraints()
        except ValidationError as error:
            self._update_errors(error)

    def _post_clean(self) -> None:
        """Find out while the form can still be shown again that the proposal would be refused."""
        super()._post_clean()
        if self.errors or self.attempt is None:
            return
        try:
            with transaction.atomic():
                type(self).attempt(self)
                transaction.set_rollback(True)
        except ChangeRefused as refused:
            self.add_error(None, ValidationError(str(refused), code="refused"))

    def _show_proposed(self) -> None:
        for name, value in self.proposed.after().items() if self.proposed else ():
            if name in self.fields:
                field: Any = self.instance._meta.get_field(name)
                is_single = not field.is_relation and not isinstance(value, list)
                self.initial[name] = field.to_python(value) if is_single else value

    def _speak(self, name: str) -> None:
        """Give a text field the language it is in, and the English text beside it."""
        text, language = text_of_column(self._meta.model, name)
        if not text:
            return
        field = self.fields[name]
        field.label = capfirst(str(self._meta.model._meta.get_field(text).verbose_name))
        field.widget.attrs |= {"lang": BCP47[language], "dir": direction(language)}
        english = getattr(self.instance, f"{text}_{column(settings.LANGUAGE_CODE)}", None)
        if language != settings.LANGUAGE_CODE and english:
            source = "\n".join(english) if isinstance(english, list) else english
            field.help_text = format_html(
                '<span class="source-text"><b>{}</b> <span lang="en" dir="ltr">{}</span></span>',
                gettext("English:"),
                source,
            )

    def _what_moved(self, token: str) -> str:
        try:
            seen = json.loads(token)
            before = {str(name): version for name, version in seen["columns"].items()}
        except (ValueError, TypeError, KeyError, AttributeError):
            before = {}
        moved = [name for name, version in versions(self.published).items() if before.get(name) != version]
        if not moved:
            return gettext("A colleague has saved another proposal meanwhile. Check it and save again to replace it.")
        names = ", ".join(label(type(self.instance), name) for name in moved)
        return gettext(
            "The published values have changed since you opened this page: %(names)s. Check and save again."
        ) % {"names": names}


class ReviewForm(forms.Form):
    """What an editor answers to the author of a change."""

    note = forms.CharField(
        label=_("Note to the author"),
        required=False,
        max_length=2000,
        strip=True,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Needed to send it back: what should be changed, and why."),
    )
