"""What an app hands to the writer: the rows of one table, by keys instead of ids."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model

from publishing.loading.files import Book, Place


@dataclass
class Row:
    """One row: its columns, its many-to-many links by key, and which texts are no model's work."""

    key: str
    values: dict[str, Any]
    place: Place
    links: dict[str, list[str]] = field(default_factory=dict)
    originals: frozenset[str] = frozenset()


@dataclass(frozen=True)
class TranslatedText:
    """A translated field whose state is kept per language; an optional one is never counted as missing."""

    name: str
    is_optional: bool = False


@dataclass(frozen=True)
class Frozen:
    """Which rows the files may not change any more, and what to do instead, in words."""

    is_frozen: Callable[[Any], bool]
    sentence: str
    loose: frozenset[str] = frozenset()


@dataclass
class Batch:
    """The rows of one table.

    `key_fields` name the columns whose values, joined by "/", are a row's key; those in `parents` hold the key of a
    row of another table. `derive` computes columns from a finished row; no editor owns them. `withdrawn` is what a
    row is set to when it is no longer in the files. `frozen` names the rule by which a row may not be changed any more
    but for its columns `loose`: a file that would change it is refused with the sentence that comes with it.
    """

    model: type[Model]
    rows: list[Row]
    key_fields: tuple[str, ...] = ("slug",)
    parents: dict[str, type[Model]] = field(default_factory=dict)
    texts: tuple[TranslatedText, ...] = ()
    derive: Callable[[Any], dict[str, Any]] | None = None
    withdrawn: dict[str, Any] = field(default_factory=dict)
    frozen: "Frozen | None" = None

    @property
    def label(self) -> str:
        return str(self.model._meta.verbose_name_plural)

    def check(self, book: Book) -> None:
        """Note texts that are too long for their column."""
        limits = {
            column.name: column.max_length
            for column in self.model._meta.concrete_fields
            if column.max_length is not None
        }
        for row in self.rows:
            for name, value in row.values.items():
                if isinstance(value, str) and len(value) > limits.get(name, len(value)):
                    book.problem(
                        row.place, f"{row.key}: {name} is longer than {limits[name]} characters ({len(value)})"
                    )
