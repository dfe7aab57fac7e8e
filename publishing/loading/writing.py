"""Brings the tables in line with the batches and leaves alone what an editor has changed.

Of every column it writes, the loader keeps a hash (`LoadedRow`). A present value with another hash is an editor's: it
stays, and the report counts it. A row an editor deleted is not made again. A row that left the files is withdrawn
(unpublished), never deleted: requests may point to it.
"""

import datetime
import decimal
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db.models import Field, Model
from django.utils import timezone
from modeltranslation.fields import TranslationField

from publishing.enums import TextStatus
from publishing.loading.batches import Batch, Row, TranslatedText
from publishing.loading.files import Problem, Unloadable
from publishing.models import LoadedRow, TextState
from taxonomy.languages import column

LANGUAGES = [code for code, _name in settings.LANGUAGES]
# States of a translation that depend on the English text it was made from.
DEPENDENT = {TextStatus.MACHINE, TextStatus.TRANSLATED, TextStatus.REVIEWED}
BATCH_SIZE = 500


@dataclass
class Tally:
    """What happened to the rows of one table."""

    rows: int = 0
    created: int = 0
    changed: int = 0
    withdrawn: int = 0


@dataclass
class Report:
    """What a load did: rows by table, and the edits it kept, as "table key: column"."""

    tallies: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    kept: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return the report in words, a table a line."""
        width = max((len(label) for label in self.tallies), default=0)
        found = [
            f"{label:<{width}}  {tally.rows:>4} rows: {tally.created} new, {tally.changed} changed, "
            f"{tally.rows - tally.created - tally.changed} as before"
            + (f", {tally.withdrawn} withdrawn" if tally.withdrawn else "")
            for label, tally in self.tallies.items()
        ]
        found.append(f"{len(self.kept)} edits of editors kept" + (":" if self.kept else ""))
        return found + [f"  {edit}" for edit in sorted(self.kept)]


def value_hash(value: Any) -> str:
    """Return the SHA-256 of a column's value, the same for the file's and the database's form of it."""
    return hashlib.sha256(json.dumps(_plain(value), ensure_ascii=False).encode()).hexdigest()


def source_hash(text: str | Iterable[str]) -> str:
    """Return the SHA-256 of a source text, by which its translations are found out of date."""
    whole = text if isinstance(text, str) else "\n".join(text)
    return hashlib.sha256(whole.encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Return a value as JSON has it; 500 and 500.00 are the same."""
    if isinstance(value, decimal.Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


@dataclass
class _Outcome:
    """What the writer found and did in one table."""

    present: dict[str, Any]
    loaded: dict[str, LoadedRow]
    hashes_before: dict[str, dict[str, str]]
    created: list[tuple[Row, Any]] = field(default_factory=list)
    matched: list[tuple[Row, Any]] = field(default_factory=list)
    # Key → columns that this load has set.
    fresh: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    # Key → columns (and links) that belong to an editor.
    kept: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    @property
    def rows(self) -> list[tuple[Row, Any]]:
        return self.created + self.matched


class Writer:
    """Writes batches in the order of their dependencies; run it inside one transaction.

    `namespace` sets one set of files apart from another: a load withdraws only what its own namespace has written.
    """

    def __init__(self, report: Report, namespace: str = "") -> None:
        self.report = report
        # No key of a data file begins with "@".
        self.namespace = f"@{namespace}/" if namespace else ""
        self.ids: dict[type[Model], dict[str, int]] = {}

    def learn(self, model: type[Model]) -> None:
        """Know the rows of a table that this load does not write, by their slugs."""
        self.ids[model] = dict(model._default_manager.values_list("slug", "pk"))

    def write(self, batch: Batch) -> None:
        """Create, change or withdraw the rows of one table, then their links, hashes and text states."""
        rows = [row for row in batch.rows if self._has_parents(batch, row)]
        outcome = self._read(batch, rows)
        for row in rows:
            self._sort_out(batch, row, outcome)
        self._refuse_frozen(batch, outcome)
        gone = self._withdraw(batch, rows, outcome)
        self._save(batch, outcome, gone)
        self.ids[batch.model] = {key: item.pk for key, item in outcome.present.items()}
        changed_links = self._save_links(batch, outcome)
        self._save_hashes(batch, outcome)
        self._save_text_states(batch, outcome)
        tally = self.report.tallies[batch.label]
        tally.rows += len(outcome.rows)
        tally.created += len(outcome.created)
        tally.withdrawn += len(gone)
        tally.changed += sum(1 for row, _item in outcome.matched if outcome.fresh[row.key] or row.key in changed_links)
        self.report.kept += [
            f"{batch.model._meta.verbose_name} {key}: {name}" for key, names in outcome.kept.items() for name in names
        ]

    # --- reading ----------------------------------------------------------------------------------------------

    def _has_parents(self, batch: Batch, row: Row) -> bool:
        """Return whether every row this one belongs to is there: an editor may have deleted one."""
        return all(row.values[name] in self.ids[model] for name, model in batch.parents.items() if row.values.get(name))

    def _read(self, batch: Batch, rows: list[Row]) -> _Outcome:
        """Return what stands in the table, and what the loader wrote there last."""
        content_type = ContentType.objects.get_for_model(batch.model)
        records = LoadedRow.objects.filter(content_type=content_type)
        if self.namespace:
            records = records.filter(key__startswith=self.namespace)
        else:
            records = records.exclude(key__startswith="@")
        loaded = {record.key.removeprefix(self.namespace): record for record in records}
        first = batch.key_fields[0]
        if first in batch.parents:
            among: dict[str, Any] = {f"{first}_id__in": list(self.ids[batch.parents[first]].values())}
        else:
            among = {f"{first}__in": {key.split("/")[0] for key in [*loaded, *(row.key for row in rows)]}}
        names = {
            name: {pk: key for key, pk in self.ids[model].items()}
            for name, model in batch.parents.items()
            if name in batch.key_fields
        }
        wanted = {row.key for row in rows} | loaded.keys()
        present = {}
        for item in batch.model._default_manager.filter(**among).order_by("pk").select_for_update():
            key = "/".join(
                str(names[name].get(getattr(item, f"{name}_id"), "?")) if name in names else str(getattr(item, name))
                for name in batch.key_fields
            )
            if key in wanted:
                present[key] = item
        return _Outcome(present, loaded, {key: dict(record.hashes) for key, record in loaded.items()})

    # --- deciding ---------------------------------------------------------------------------------------------

    def _columns(self, batch: Batch, row: Row) -> dict[str, Any]:
        """Return the row's columns as the model has them, keys of other tables as ids."""
        found = {}
        for name, value in row.values.items():
            if name in batch.parents:
                found[f"{name}_id"] = self.ids[batch.parents[name]][value] if value else None
            else:
                found[name] = value
        return found

    def _sort_out(self, batch: Batch, row: Row, outcome: _Outcome) -> None:
        """Make or change one row in memory; what an editor changed or deleted is kept."""
        columns = self._columns(batch, row)
        item = outcome.present.get(row.key)
        record = outcome.loaded.get(row.key)
        if item is None and record is not None:
            outcome.kept[row.key].add("deleted")
            return
        if item is None:
            item = batch.model(**columns)
            outcome.present[row.key] = item
            outcome.created.append((row, item))
            outcome.fresh[row.key] |= columns.keys()
        else:
            outcome.matched.append((row, item))
            self._merge(batch, row.key, columns, outcome)
        outcome.loaded.setdefault(row.key, LoadedRow(key=f"{self.namespace}{row.key}", hashes={}))
        self._derive(batch, row.key, item, outcome)
        outcome.loaded[row.key].hashes |= {
            name: value_hash(value) for name, value in columns.items() if name not in outcome.kept[row.key]
        }

    def _merge(self, batch: Batch, key: str, columns: dict[str, Any], outcome: _Outcome) -> None:
        """Set the columns of a present row that still hold what the loader wrote."""
        item = outcome.present[key]
        record = outcome.loaded.get(key)
        for name, value in columns.items():
            present = getattr(item, name)
            if value_hash(present) == value_hash(value):
                continue
            if self._is_ours(batch.model._meta.get_field(name), present, name, record):
                setattr(item, name, value)
                outcome.fresh[key].add(name)
            else:
                outcome.kept[key].add(name)

    @staticmethod
    def _is_ours(column_field: Any, present: Any, name: str, record: LoadedRow | None) -> bool:
        """Return whether the present value is the loader's own, or was never written by anyone."""
        if record is None:
            return False
        if name in record.hashes:
            return record.hashes[name] == value_hash(present)
        return present in (None, "", []) or present == column_field.get_default()

    def _refuse_frozen(self, batch: Batch, outcome: _Outcome) -> None:
        """Raise Unloadable where the files would change what must stay as it is."""
        frozen = batch.frozen
        if frozen is None:
            return
        changing = [
            (row, item)
            for row, item in outcome.rows
            if outcome.fresh[row.key] - frozen.loose or self._changes_links(batch, row, item, outcome)
        ]
        stopped = [row for row, item in changing if frozen.is_frozen(item)]
        if stopped:
            raise Unloadable(Problem(row.place, f"{row.key}: {frozen.sentence}") for row in stopped)

    def _changes_links(self, batch: Batch, row: Row, item: Any, outcome: _Outcome) -> bool:
        """Return whether the files link a stored row to others than the last load did."""
        if item.pk is None:
            return False
        hashes = outcome.loaded[row.key].hashes
        for name, keys in row.links.items():
            related: Any = batch.model._meta.get_field(name).related_model
            ids = self.ids[related]
            if name in hashes and hashes[name] != value_hash(sorted({ids[key] for key in keys if key in ids})):
                return True
        return False

    @staticmethod
    def _derive(batch: Batch, key: str, item: Any, outcome: _Outcome) -> None:
        for name, value in (batch.derive(item) if batch.derive else {}).items():
            if getattr(item, name) != value:
                setattr(item, name, value)
                outcome.fresh[key].add(name)

    def _withdraw(self, batch: Batch, rows: list[Row], outcome: _Outcome) -> list[Any]:
        """Unpublish, in memory, the rows that left the files, unless an editor decided about them."""
        gone = []
        for key in outcome.loaded.keys() - {row.key for row in rows} if batch.withdrawn else ():
            item, record = outcome.present.get(key), outcome.loaded[key]
            if item is None:
                continue
            for name, value in batch.withdrawn.items():
                if getattr(item, name) == value or record.hashes.get(name) != value_hash(getattr(item, name)):
                    continue
                setattr(item, name, value)
                record.hashes[name] = value_hash(value)
                outcome.fresh[key].add(name)
                gone.append(item)
        return gone

    # --- writing ----------------------------------------------------------------------------------------------

    def _save(self, batch: Batch, outcome: _Outcome, gone: list[Any]) -> None:
        """Write new and changed rows, each kind in as few statements as the batch size allows."""
        manager = batch.model._default_manager
        manager.bulk_create([item for _row, item in outcome.created], batch_size=BATCH_SIZE)
        changed = [item for row, item in outcome.matched if outcome.fresh[row.key]] + gone
        if not changed:
            return
        names = {name for row, _item in outcome.matched for name in outcome.fresh[row.key]}
        names |= batch.withdrawn.keys() if gone else set()
        # One INSERT … ON CONFLICT is many times faster than the CASE expressions of bulk_update.
        manager.bulk_create(
            changed,
            batch_size=BATCH_SIZE,
            update_conflicts=True,
            update_fields=sorted(_with_originals(batch.model, names)),
            unique_fields=["id"],
        )

    def _save_links(self, batch: Batch, outcome: _Outcome) -> set[str]:
        """Bring the many-to-many links in line; return the keys of the rows that changed."""
        changed: set[str] = set()
        for name in sorted({name for row, _item in outcome.rows for name in row.links}):
            changed |= self._save_links_of(batch, name, outcome)
        return changed

    def _save_links_of(self, batch: Batch, name: str, outcome: _Outcome) -> set[str]:
        relation: Any = batch.model._meta.get_field(name)
        through: Any = relation.remote_field.through
        near, far = f"{relation.m2m_field_name()}_id", f"{relation.m2m_reverse_field_name()}_id"
        ids = self.ids[relation.related_model]
        present: dict[int, set[int]] = defaultdict(set)
        owners = [item.pk for _row, item in outcome.rows]
        for owner, other in through.objects.filter(**{f"{near}__in": owners}).values_list(near, far):
            present[owner].add(other)
        added, removed, changed = [], [], set()
        for row, item in outcome.rows:
            wanted = {ids[key] for key in row.links[name] if key in ids}
            hashes = outcome.loaded[row.key].hashes
            is_new = name in outcome.fresh[row.key] or name not in hashes and not present[item.pk]
            if present[item.pk] != wanted:
                if not is_new and hashes.get(name) != value_hash(sorted(present[item.pk])):
                    outcome.kept[row.key].add(name)
                    continue
                added += [through(**{near: item.pk, far: other}) for other in wanted - present[item.pk]]
                removed += [(item.pk, other) for other in present[item.pk] - wanted]
                changed.add(row.key)
            hashes[name] = value_hash(sorted(wanted))
        for owner, other in removed:
            through.objects.filter(**{near: owner, far: other}).delete()
        through.objects.bulk_create(added, batch_size=BATCH_SIZE, ignore_conflicts=True)
        return changed

    def _save_hashes(self, batch: Batch, outcome: _Outcome) -> None:
        """Remember what the loader wrote."""
        content_type = ContentType.objects.get_for_model(batch.model)
        dirty = [record for key, record in outcome.loaded.items() if record.hashes != outcome.hashes_before.get(key)]
        for record in dirty:
            record.content_type = content_type
        LoadedRow.objects.bulk_create([record for record in dirty if record.pk is None], batch_size=BATCH_SIZE)
        LoadedRow.objects.bulk_update([record for record in dirty if record.pk], ["hashes"], batch_size=BATCH_SIZE)

    # --- text states ------------------------------------------------------------------------------------------

    def _save_text_states(self, batch: Batch, outcome: _Outcome) -> None:
        """Say of every text in every language who stands behind it."""
        if not batch.texts:
            return
        content_type = ContentType.objects.get_for_model(batch.model)
        items = [item.pk for _row, item in outcome.rows]
        present = {
            (state.object_id, state.field, state.language): state
            for state in TextState.objects.filter(content_type=content_type, object_id__in=items)
        }
        created, changed = [], []
        for row, item in outcome.rows:
            for text in batch.texts:
                for language in LANGUAGES:
                    if column_of(text, language) in outcome.kept[row.key]:
                        continue
                    state = present.get((item.pk, text.name, language))
                    wanted = self._state(row, item, text, language, state, outcome)
                    if wanted is None or state and (state.status, state.source_hash) == wanted:
                        continue
                    if state is None:
                        state = TextState(
                            content_type=content_type, object_id=item.pk, field=text.name, language=language
                        )
                        created.append(state)
                    else:
                        state.changed_at = timezone.now()
                        changed.append(state)
                    state.status, state.source_hash = wanted
        TextState.objects.bulk_create(created, batch_size=BATCH_SIZE * 4)
        TextState.objects.bulk_update(changed, ["status", "source_hash", "changed_at"], batch_size=BATCH_SIZE)

    @staticmethod
    def _state(
        row: Row, item: Any, text: TranslatedText, language: str, state: TextState | None, outcome: _Outcome
    ) -> tuple[str, str] | None:
        """Return status and source hash of one text, or None where there is nothing to say."""
        name = column_of(text, language)
        english = getattr(item, column_of(text, "en"))
        if not getattr(item, name):
            is_missing = bool(english) and not text.is_optional
            return (TextStatus.MISSING, "") if is_missing else None
        is_original = name in row.originals
        if state is None or name in outcome.fresh[row.key]:
            status = TextStatus.ORIGINAL if is_original else TextStatus.MACHINE
            # The file's translation was made from the file's English, whatever an editor wrote since.
            basis = "" if is_original or language == "en" else source_hash(row.values[column_of(text, "en")])
        else:
            status, basis = TextStatus(state.status), state.source_hash
        if basis and status in DEPENDENT and basis != source_hash(english):
            status = TextStatus.OUTDATED
        return status, basis


def column_of(text: TranslatedText, language: str) -> str:
    """Return the column of a text in a language."""
    return f"{text.name}_{column(language)}"


def _with_originals(model: type[Model], names: set[str]) -> set[str]:
    """Add the untranslated columns modeltranslation keeps beside its own; ids by field name."""
    found = set()
    for name in names:
        own: Field[Any, Any] = model._meta.get_field(name)  # type: ignore[assignment]
        found.add(own.name)
        if isinstance(own, TranslationField):
            found.add(own.translated_field.name)
    return found
