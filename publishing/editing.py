"""What of the catalogue may be edited: columns, their present values as JSON has them, and versions of these."""

import datetime
import decimal
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Model
from django.utils.text import capfirst
from django.utils.translation import get_language, gettext
from modeltranslation.translator import NotRegistered, translator

from taxonomy.languages import column, language_name

# Column → value as JSON has it.
Values = dict[str, Any]


def only_itself(edited: Any) -> list[Model]:
    """Return what shows an object: nothing but itself."""
    return [edited]


def as_they_are(row: Any, after: Values) -> tuple[Any, Values]:
    """Return a row and the values to publish as they are."""
    return row, after


@dataclass(frozen=True)
class Kind:
    """A model whose rows are edited through changes.

    `fields` are what the association's editors may edit, `of_facility` what the facility's own editors may; translated
    fields stand for all their languages. `facility` is the column that names the facility (`__` leads over a
    relation), empty for what belongs to the association. `derive` computes columns that nobody types; `shown_on` names
    the objects whose pages show an edit. `prepare` gets a row and the values to publish and returns what is written
    instead: a version in use is not written to.
    """

    model: type[Model]
    fields: tuple[str, ...] = ()
    of_facility: tuple[str, ...] = ()
    facility: str = ""
    # Whether the facility's own editors may also propose to add and to remove rows.
    is_list_of_facility: bool = False
    derive: Callable[[Any], Values] | None = None
    shown_on: Callable[[Any], list[Model]] = only_itself
    prepare: Callable[[Any, Values], tuple[Any, Values]] = as_they_are

    @property
    def columns(self) -> list[str]:
        return columns_of(self.model, self.fields)

    @property
    def columns_of_facility(self) -> list[str]:
        return columns_of(self.model, self.of_facility)

    def facility_of(self, edited: Model) -> int | None:
        """Return the id of the facility an object belongs to."""
        found: Any = edited if self.facility else None
        for name in self.facility.split("__") if self.facility else ():
            found = getattr(found, name)
        return found


_kinds: dict[type[Model], Kind] = {}


def register(kind: Kind) -> None:
    """Let a model be edited; call it in AppConfig.ready()."""
    _kinds[kind.model] = kind


def kind_of(model: type[Model]) -> Kind:
    """Return how a model is edited; raises KeyError for one that is not."""
    return _kinds[model]


def translated_fields(model: type[Model]) -> list[str]:
    """Return the names of the fields that have a column a language."""
    try:
        return list(translator.get_options_for_model(model).get_field_names())
    except NotRegistered:
        return []


def columns_of(model: type[Model], names: Iterable[str]) -> list[str]:
    """Return the columns of fields, a translated one with all its languages."""
    translated = translated_fields(model)
    found = []
    for name in names:
        endings = [f"_{column(code)}" for code, _name in settings.LANGUAGES] if name in translated else [""]
        found += [name + ending for ending in endings]
    return found


def text_of_column(model: type[Model], name: str) -> tuple[str, str]:
    """Return field and language of a translated column; both empty for any other."""
    for text in translated_fields(model):
        for code, _name in settings.LANGUAGES:
            if name == f"{text}_{column(code)}":
                return text, code
    return "", ""


def is_many(model: type[Model], name: str) -> bool:
    """Return whether a column is a many-to-many relation."""
    return isinstance(model._meta.get_field(name), models.ManyToManyField)


def plain(field: Any, value: Any) -> Any:
    """Return a value of a column, of the database or of a form, as JSON has it; no text is an empty text."""
    if isinstance(field, models.ManyToManyField):
        return sorted(item.pk if isinstance(item, Model) else item for item in value)
    if isinstance(value, Model):
        return value.pk
    if isinstance(field, ArrayField):
        return [str(item) if isinstance(item, str) else item for item in value or []]
    if isinstance(field, models.CharField | models.TextField):
        return str(value) if value is not None else ""
    if isinstance(value, decimal.Decimal):
        return str(value.quantize(decimal.Decimal(1).scaleb(-field.decimal_places)))
    if isinstance(value, datetime.date):
        return value.isoformat()
    return value


def values(edited: Model, names: Iterable[str]) -> Values:
    """Return the present values of columns."""
    found = {}
    for name in names:
        field: Any = edited._meta.get_field(name)
        value = getattr(edited, name).values_list("pk", flat=True) if is_many(type(edited), name) else None
        found[name] = plain(field, getattr(edited, field.attname) if value is None else value)
    return found


def versions(present: Values) -> dict[str, str]:
    """Return column → hash of its value."""
    return {
        name: hashlib.sha256(json.dumps(value, ensure_ascii=False).encode()).hexdigest()[:16]
        for name, value in present.items()
    }


def version_of(seen: dict[str, str]) -> str:
    """Return one hash of many columns."""
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()


def label(model: type[Model], name: str) -> str:
    """Return how a column is called: "Usual name (Italian)"."""
    text, language = text_of_column(model, name)
    words = capfirst(str(model._meta.get_field(text or name).verbose_name))
    if not text:
        return words
    names = {"field": words, "language": language_name(language, get_language() or settings.LANGUAGE_CODE)}
    return gettext("%(field)s (%(language)s)") % names


def in_words(model: type[Model], name: str, value: Any) -> str:
    """Return a value as a person reads it; an empty one as an empty text."""
    field: Any = model._meta.get_field(name)
    if value is None or value == "" or value == []:
        return ""
    if field.is_relation:
        rows = field.related_model._base_manager.filter(pk__in=value if isinstance(value, list) else [value])
        return "\n".join(sorted(str(row) for row in rows))
    if isinstance(value, bool):
        return gettext("Yes") if value else gettext("No")
    if isinstance(value, list):
        return "\n".join(str(item) for item in value)
    if field.choices:
        return str(dict(field.flatchoices).get(value, value))
    return str(value)
