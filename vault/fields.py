"""Model fields whose values the database never sees in the clear.

A value is bound to its table, column, row and data key: copied to another row it does not open. Renaming a table or
column therefore needs a data migration that reads under the old name and writes under the new one.
"""

import contextvars
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.core import checks
from django.core.exceptions import FieldError
from django.core.serializers.json import DjangoJSONEncoder
from django.core.validators import MaxLengthValidator
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Col
from django.db.models.lookups import Exact, IsNull
from django.db.models.query_utils import DeferredAttribute
from django.utils.functional import cached_property

from vault.data_classes import DataClass
from vault.keys import PORTAL_KEY_ID, KeyErased, SealBroken, open_key, seal, unseal

FORMAT = b"\x01"
KEY_ID_END = len(FORMAT) + 16

# refresh_from_db copies each value through the descriptor; there the sealed bytes are copied as they are, so that
# a row whose key was erased can still be refreshed.
_copying_sealed = contextvars.ContextVar("copying_sealed", default=False)


class Sealed(bytes):
    """The stored form: format, id of the data key, nonce, AES-GCM text. Empty means "the field's default"."""

    def __repr__(self) -> str:
        return f"<sealed, {len(self)} bytes>"

    @property
    def key_id(self) -> uuid.UUID:
        return uuid.UUID(bytes=bytes(self[len(FORMAT) : KEY_ID_END]))


@dataclass(frozen=True)
class _Opened:
    """A readable value with the sealed bytes it came from, if any."""

    value: Any
    text: str | None = None
    sealed: Sealed | None = None
    place: str = ""

    def __repr__(self) -> str:
        return "<opened>"


class SealedAttribute(DeferredAttribute):
    """Opens the value when it is first read."""

    field: "SealedField"

    def __get__(self, instance: models.Model | None, cls: type | None = None) -> Any:
        if instance is None:
            return self
        super().__get__(instance, cls)
        held = instance.__dict__[self.field.attname]
        if isinstance(held, Sealed):
            if _copying_sealed.get():
                return held
            held = instance.__dict__[self.field.attname] = self.field.open(instance, held)
        return held.value if isinstance(held, _Opened) else held

    def __set__(self, instance: models.Model, value: Any) -> None:
        held = instance.__dict__.get(self.field.attname)
        if isinstance(held, _Opened) and not isinstance(value, Sealed):
            # Keeps the sealed bytes at hand: an unchanged value is not sealed anew.
            value = replace(held, value=value)
        instance.__dict__[self.field.attname] = value


class SealedColumn(Col):
    """The column in a query: it can be selected, but nothing is compared with it or sorted by it."""

    def resolve_expression(self, *args: Any, **kwargs: Any) -> Any:
        raise self.target.refusal("sort by")


class SealedExact(Exact):
    """Comes down to IS NULL, or to an error."""

    def get_prep_lookup(self) -> None:
        if self.rhs is not None:
            raise self.lhs.output_field.refusal("filter by")


class SealedIsNull(IsNull):
    """The one question a query may ask."""

    def __init__(self, lhs: Any, rhs: Any) -> None:
        plain = Col(lhs.alias, lhs.target, lhs.output_field) if isinstance(lhs, SealedColumn) else lhs
        super().__init__(plain, rhs)


class SealedField(models.Field):
    """Base of the sealed fields.

    `key` is a dotted path from the row to its DataKey ("data_key", "request.data_key"), or None for the portal's
    own key. Reading raises `KeyErased` or `SealBroken`.
    """

    descriptor_class = SealedAttribute
    non_db_attrs = (*models.Field.non_db_attrs, "data_class", "key")

    def __init__(self, *args: Any, data_class: str = DataClass.HEALTH, key: str | None = None, **kwargs: Any) -> None:
        self.data_class = DataClass(data_class)
        self.key = key
        super().__init__(*args, **kwargs)

    @cached_property
    def cached_col(self) -> Col:
        return SealedColumn(self.model._meta.db_table, self)

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "data_class": self.data_class.value, "key": self.key}

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        return [*super().check(**kwargs), *self._check_no_index(), *self._check_primary_key()]

    def contribute_to_class(self, cls: type[models.Model], name: str, private_only: bool = False) -> None:
        super().contribute_to_class(cls, name, private_only=private_only)
        if not cls._meta.abstract:
            _refresh_without_opening(cls)

    def get_internal_type(self) -> str:
        return "BinaryField"

    def get_col(self, alias: str, output_field: models.Field | None = None) -> Col:
        return SealedColumn(alias, self, output_field or self)

    def get_lookup(self, lookup_name: str) -> Any:
        lookups = {"isnull": SealedIsNull, "exact": SealedExact}
        if lookup_name not in lookups:
            raise self.refusal("filter by")
        return lookups[lookup_name]

    def get_transform(self, lookup_name: str) -> Any:
        raise self.refusal("filter by")

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Sealed | None:
        return None if value is None else Sealed(value)

    def pre_save(self, model_instance: models.Model, add: bool) -> Sealed | None:
        held = model_instance.__dict__.get(self.attname)
        if isinstance(held, Sealed) and not add:
            self._refuse_other_key(model_instance, held)
            return held
        value = getattr(model_instance, self.attname)
        if value is None:
            return None
        return self._reseal(model_instance, value)

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        if value is None:
            return None
        if isinstance(value, Sealed):
            return connection.Database.Binary(value)
        # A migration that adds the column, or an update that empties it, writes no bytes at all.
        if value == b"" or value == self.get_default():
            return connection.Database.Binary(b"")
        raise self.refusal("write outside save() to")

    def value_to_string(self, obj: models.Model) -> str:
        raise self.refusal("export")

    def refusal(self, deed: str) -> FieldError:
        """Return the error for something that cannot be done to sealed values."""
        return FieldError(f"{self.model._meta.label}.{self.name} is sealed: you cannot {deed} it.")

    def open(self, instance: models.Model, sealed: Sealed) -> _Opened:
        """Return the readable value of this row; raises `KeyErased` and `SealBroken`."""
        if not sealed:
            return _Opened(self._empty(), sealed=None)
        key_id = self._refuse_other_key(instance, sealed)
        place = self._place(instance, key_id)
        text = unseal(open_key(key_id), bytes(sealed[KEY_ID_END:]), place).decode()
        return _Opened(self.parse(text), text, sealed, place)

    def parse(self, text: str) -> Any:
        """Return the value from its text."""
        raise NotImplementedError

    def write(self, value: Any) -> str:
        """Return the text of a value."""
        raise NotImplementedError

    def _empty(self) -> Any:
        return None if self.null else self.get_default()

    def _reseal(self, instance: models.Model, value: Any) -> Sealed:
        key_id = self._key_id(instance)
        place = self._place(instance, key_id)
        text = self.write(value)
        held = instance.__dict__[self.attname]
        if isinstance(held, _Opened) and held.sealed and (held.text, held.place) == (text, place):
            return held.sealed
        try:
            key = open_key(key_id)
        except KeyErased:
            if value == self.get_default():
                # An erased row can be emptied, never written to.
                return Sealed(b"")
            raise
        sealed = Sealed(FORMAT + key_id.bytes + seal(key, text.encode("utf-8", "replace"), place))
        instance.__dict__[self.attname] = _Opened(value, text, sealed, place)
        return sealed

    def _refuse_other_key(self, instance: models.Model, sealed: Sealed) -> uuid.UUID:
        key_id = self._key_id(instance)
        if sealed and (sealed[: len(FORMAT)] != FORMAT or sealed.key_id != key_id):
            raise SealBroken(f"The sealed value does not belong here: {self._place(instance, key_id)}")
        return key_id

    def _key_id(self, instance: models.Model) -> uuid.UUID:
        if self.key is None:
            return PORTAL_KEY_ID
        *path, last = self.key.split(".")
        row: Any = instance
        for name in path:
            row = getattr(row, name)
        key_id = getattr(row, row._meta.get_field(last).attname)
        if key_id is None:
            raise ValueError(f"{self.model._meta.label}.{self.name} needs {self.key} to be set before it is saved.")
        return key_id

    def _place(self, instance: models.Model, key_id: uuid.UUID) -> str:
        if instance.pk is None:
            raise ValueError(f"{self.model._meta.label} needs its id before a sealed value is saved.")
        return f"{self.model._meta.db_table}|{self.column}|{instance.pk}|{key_id}"

    def _check_no_index(self) -> list[checks.CheckMessage]:
        if not (self.unique or self.db_index or self.primary_key):
            return []
        return [checks.Error("A sealed field cannot be unique or indexed.", obj=self, id="vault.E001")]

    def _check_primary_key(self) -> list[checks.CheckMessage]:
        if not isinstance(self.model._meta.pk, models.AutoField):
            return []
        hint = "Use id = models.UUIDField(primary_key=True, default=uuid.uuid4)."
        return [checks.Error("A sealed value needs the id of its row first.", hint=hint, obj=self, id="vault.E002")]


class SealedTextField(SealedField):
    """Text of any length, sealed. `max_length` (characters) is checked by forms and `full_clean`, never cut."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.max_length is not None:
            self.validators.append(MaxLengthValidator(self.max_length))

    def formfield(self, **kwargs: Any) -> Any:
        long = self.max_length is None or self.max_length > 255
        widget = {"widget": forms.Textarea} if long and not self.choices else {}
        length = {} if self.choices else {"max_length": self.max_length}
        # forms.CharField refuses NUL characters in words.
        return super().formfield(**{"form_class": forms.CharField, **length, **widget, **kwargs})

    def to_python(self, value: Any) -> str | None:
        return value if value is None or isinstance(value, str) else str(value)

    def parse(self, text: str) -> str:
        return text

    def write(self, value: Any) -> str:
        return str(value)


class SealedJSONField(SealedField):
    """A JSON value (dates and decimals as Django writes them), sealed."""

    empty_strings_allowed = False

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"form_class": forms.JSONField, "encoder": DjangoJSONEncoder, **kwargs})

    def parse(self, text: str) -> Any:
        return json.loads(text)

    def write(self, value: Any) -> str:
        return json.dumps(value, cls=DjangoJSONEncoder, separators=(",", ":"))


class KeyedHashField(models.CharField):
    """Holds `vault.keys.keyed_hash(value, purpose)`, by which a sealed value is found again."""

    def __init__(self, purpose: str = "", *args: Any, data_class: str = DataClass.IDENTITY, **kwargs: Any) -> None:
        self.purpose = purpose
        self.data_class = DataClass(data_class)
        kwargs["max_length"] = 64
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        del kwargs["max_length"]
        return name, path, args, {**kwargs, "purpose": self.purpose, "data_class": self.data_class.value}


def _refresh_without_opening(cls: type[models.Model]) -> None:
    """Make refresh_from_db copy sealed bytes as they are, on one model class."""
    if "refresh_from_db" in cls.__dict__:
        return
    inherited = cls.refresh_from_db

    def refresh_from_db(self: models.Model, *args: Any, **kwargs: Any) -> None:
        token = _copying_sealed.set(True)
        try:
            inherited(self, *args, **kwargs)
        finally:
            _copying_sealed.reset(token)

    cls.refresh_from_db = refresh_from_db  # type: ignore[method-assign]
