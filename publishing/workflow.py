"""The way of an edit: proposed, then published, sent back or discarded; and taken back by its reverse.

Nothing but `publish` writes to the tables of the catalogue.
"""

from typing import Any

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, ValidationError
from django.db import IntegrityError, models, transaction
from django.utils import timezone, translation

from accounts.models import User
from publishing import published
from publishing.editing import Kind, Values, is_many, kind_of, label, values, version_of, versions
from publishing.enums import ChangeAction, ChangeState
from publishing.exceptions import Gone, Invalid, NoteMissing, NothingToUndo, NotOpen, NotWaiting, OpenChange, Stale
from publishing.models import Change
from publishing.permissions import adds_and_removes, decides, editable_by, editable_columns, facilities_of
from publishing.texts import mark_texts

# --- proposing ----------------------------------------------------------------------------------------------------


@transaction.atomic
def propose_edit(*, edited: models.Model, after: Values, by: User) -> Change | None:
    """Put the wanted values of some columns into the object's one open change.

    Returns None where nothing differs from what is published; an open change is then discarded. Raises
    PermissionDenied, OpenChange (it waits to be removed), Gone.
    """
    kind = kind_of(type(edited))
    _must_edit(edited, after, by)
    waiting = _open_change(edited)
    if waiting and waiting.action != ChangeAction.EDIT:
        raise OpenChange
    now = _published(kind, edited.pk)
    present = values(now, kind.columns)
    seen = versions(present)
    fields = {name: [present[name], value] for name, value in after.items() if value != present[name]}
    if waiting:
        # What was proposed in columns that are not on this person's form stays as it was.
        others = {name: pair for name, pair in waiting.fields.items() if name not in after}
        if set(others) - set(editable_columns(by, kind.model)):
            raise OpenChange
        fields |= others
        seen |= {name: waiting.seen[name] for name in others if name in waiting.seen}
    if not fields:
        return _close(waiting, ChangeState.DISCARDED, by) if waiting else None
    return _save(waiting or Change(action=ChangeAction.EDIT), kind, now, fields, seen, by)


@transaction.atomic
def propose_addition(*, model: type[models.Model], after: Values, by: User) -> Change:
    """Propose a new row; raises PermissionDenied, Invalid, OpenChange (the same one waits already)."""
    kind = kind_of(model)
    new = _new_row(kind, after)
    is_own = decides(by) or kind.facility_of(new) in facilities_of(by)
    if not (is_own and adds_and_removes(by, model) and set(after) <= set(kind.columns)):
        raise PermissionDenied
    _validate(new, [name for name in after if not is_many(model, name)])
    return _add(kind, new, after, by)


@transaction.atomic
def propose_removal(*, removed: models.Model, by: User) -> Change:
    """Propose to remove a row; raises PermissionDenied, OpenChange, Gone."""
    kind = kind_of(type(removed))
    _must_edit(removed, {}, by)
    if not adds_and_removes(by, type(removed)):
        raise PermissionDenied
    if _open_change(removed):
        raise OpenChange
    return _remove(kind, removed.pk, by)


# --- deciding -----------------------------------------------------------------------------------------------------


@transaction.atomic
def publish(*, change: Change, by: User) -> Change:
    """Write a waiting change into the catalogue, and tell search.

    Raises PermissionDenied, NotOpen, NotWaiting, Gone, Stale, Invalid; then nothing is written.
    """
    change = _locked(change, by)
    if change.state != ChangeState.SUBMITTED:
        raise NotWaiting
    model: Any = change.content_type.model_class()
    steps = {
        ChangeAction.EDIT: _publish_edit,
        ChangeAction.ADD: _publish_addition,
        ChangeAction.REMOVE: _publish_removal,
    }
    # modeltranslation fills the column without a language from the active one.
    with translation.override(settings.LANGUAGE_CODE):
        shown = steps[ChangeAction(change.action)](kind_of(model), change, by)
        published.tell(shown)
    return _close(change, ChangeState.PUBLISHED, by)


@transaction.atomic
def send_back(*, change: Change, note: str, by: User) -> Change:
    """Give a change back to its author with a reason; raises PermissionDenied, NotOpen, NoteMissing."""
    change = _locked(change, by)
    if not note.strip():
        raise NoteMissing
    change.state, change.note = ChangeState.RETURNED, note.strip()
    change.save(update_fields=["state", "note", "changed_at"])
    return change


@transaction.atomic
def discard(*, change: Change, by: User) -> Change:
    """Drop a change; a facility's editors may drop their own. Raises PermissionDenied, NotOpen."""
    return _close(_locked(change, by, is_own_enough=True), ChangeState.DISCARDED, by)


@transaction.atomic
def undo(*, change: Change, by: User) -> Change:
    """Propose the reverse of a published change; it is published like any other.

    Raises PermissionDenied, NothingToUndo, OpenChange, Gone, Stale (edited again since), Invalid.
    """
    if not decides(by):
        raise PermissionDenied
    change = Change.objects.select_for_update().get(pk=change.pk)
    if change.state != ChangeState.PUBLISHED:
        raise NothingToUndo
    model: Any = change.content_type.model_class()
    kind = kind_of(model)
    if change.action == ChangeAction.REMOVE:
        before = {name: value for name, (value, _after) in change.fields.items()}
        reverse = _add(kind, _new_row(kind, before), before, by)
    else:
        row = _published(kind, change.object_id)
        if _open_change(row):
            raise OpenChange
        _must_be_unchanged(change, row)
        if change.action == ChangeAction.ADD:
            reverse = _remove(kind, row.pk, by)
        else:
            fields = {name: [after, before] for name, (before, after) in change.fields.items()}
            seen = versions(values(row, kind.columns))
            reverse = _save(Change(action=ChangeAction.EDIT), kind, row, fields, seen, by)
    reverse.undoes = change
    reverse.save(update_fields=["undoes"])
    return reverse


def stale_columns(change: Change) -> list[str]:
    """Return the columns of an open edit whose published values its author has not seen."""
    if change.action != ChangeAction.EDIT:
        return []
    model: Any = change.content_type.model_class()
    kind = kind_of(model)
    row = kind.model._base_manager.filter(pk=change.object_id).first()
    if row is None:
        return []
    present = versions(values(row, change.seen))
    return [name for name, version in change.seen.items() if present[name] != version]


# --- inside a transaction -----------------------------------------------------------------------------------------


def _must_edit(edited: models.Model, after: Values, by: User) -> None:
    """Raise PermissionDenied unless the person may change these columns of this object."""
    rows = editable_by(by, type(edited)._base_manager.filter(pk=edited.pk))
    if not rows.exists() or not set(after) <= set(editable_columns(by, type(edited))):
        raise PermissionDenied


def _open_change(edited: models.Model) -> Change | None:
    return Change.objects.of(edited).open().select_for_update().first()


def _published(kind: Kind, pk: int | None) -> Any:
    """Return the published row, locked; raises Gone."""
    row = kind.model._base_manager.select_for_update().filter(pk=pk).first()
    if row is None:
        raise Gone
    return row


def _locked(change: Change, by: User, *, is_own_enough: bool = False) -> Change:
    """Return the change locked, if the person may decide about it and nobody has."""
    locked = Change.objects.select_for_update().get(pk=change.pk)
    # An editor's proposal is not the facility's to drop.
    is_own = is_own_enough and locked.facility_id in facilities_of(by) and not decides(locked.author)
    if not (decides(by) or is_own):
        raise PermissionDenied
    if not locked.is_open:
        raise NotOpen
    return locked


def _close(change: Change, state: ChangeState, by: User) -> Change:
    change.state, change.decided_by, change.decided_at = state, by, timezone.now()
    change.save()
    return change


def _save(change: Change, kind: Kind, about: models.Model, fields: dict, seen: dict, by: User) -> Change:
    """Store a change as waiting; raises OpenChange where another one was faster."""
    change.content_type = ContentType.objects.get_for_model(kind.model)
    change.object_id = about.pk
    change.facility_id = kind.facility_of(about)
    change.title = str(about)[:300]
    change.fields, change.seen = fields, seen
    change.base_version = _identity(kind, about) if change.action == ChangeAction.ADD else version_of(seen)
    change.state, change.author, change.note = ChangeState.SUBMITTED, by, ""
    try:
        with transaction.atomic():
            change.save()
    except IntegrityError as error:
        raise OpenChange from error
    return change


def _new_row(kind: Kind, after: Values) -> Any:
    """Return a row that is not saved; many-to-many columns are left for later."""
    new = kind.model()
    for name, value in after.items():
        if not is_many(kind.model, name):
            _set(new, name, value)
    return new


def _add(kind: Kind, new: models.Model, after: Values, by: User) -> Change:
    """Store the change that adds a row."""
    return _save(
        Change(action=ChangeAction.ADD), kind, new, {name: [None, value] for name, value in after.items()}, {}, by
    )


def _remove(kind: Kind, pk: int, by: User) -> Change:
    """Store the change that removes a row; it keeps every column, so that it can be taken back."""
    row = _published(kind, pk)
    names = [
        field.name
        for field in kind.model._meta.get_fields()
        if not field.auto_created and not getattr(field, "primary_key", False) and field.concrete
    ]
    present = values(row, names)
    fields = {name: [value, None] for name, value in present.items()}
    return _save(Change(action=ChangeAction.REMOVE), kind, row, fields, versions(present), by)


def _identity(kind: Kind, new: models.Model) -> str:
    """Return a hash of what makes a new row the only one of its kind."""
    unique = [
        constraint for constraint in kind.model._meta.constraints if isinstance(constraint, models.UniqueConstraint)
    ]
    names = sorted({name for constraint in unique for name in constraint.fields})
    return version_of(versions(values(new, names)))


def _must_be_unchanged(change: Change, row: models.Model) -> None:
    """Raise Stale where a column does not hold any more what the change wrote."""
    present = values(row, change.fields)
    moved = [name for name, after in change.after().items() if present[name] != after]
    if moved:
        raise Stale([label(type(row), name) for name in moved])


def _publish_edit(kind: Kind, change: Change, by: User) -> list[models.Model]:
    row = _published(kind, change.object_id)
    present = versions(values(row, change.seen))
    moved = [name for name, version in change.seen.items() if present[name] != version]
    if moved:
        raise Stale([label(kind.model, name) for name in moved])
    row, after = kind.prepare(row, change.after())
    _write(kind, row, after, by)
    change.object_id = row.pk
    return kind.shown_on(row)


def _publish_addition(kind: Kind, change: Change, by: User) -> list[models.Model]:
    row, after = kind.prepare(_new_row(kind, change.after()), change.after())
    change.fields = {name: [None, value] for name, value in after.items()}
    _write(kind, row, after, by)
    change.object_id = row.pk
    return kind.shown_on(row)


def _publish_removal(kind: Kind, change: Change, by: User) -> list[models.Model]:
    row = _published(kind, change.object_id)
    present = versions(values(row, change.seen))
    moved = [name for name, version in change.seen.items() if present[name] != version]
    if moved:
        raise Stale([label(kind.model, name) for name in moved])
    row, _after = kind.prepare(row, {})
    # What is taken back later is what was removed: the row of the new version, where there is one.
    change.fields = {name: [value, None] for name, value in values(row, change.fields).items()}
    shown = [item for item in kind.shown_on(row) if item != row]
    try:
        with transaction.atomic():
            row.delete()
    except (IntegrityError, models.ProtectedError) as error:
        raise Invalid([translation.gettext("Other entries still need it.")]) from error
    return shown


def _write(kind: Kind, row: Any, after: Values, by: User) -> None:
    """Set, check and save columns; raises Invalid."""
    own = [name for name in after if not is_many(kind.model, name)]
    for name in own:
        _set(row, name, after[name])
    _validate(row, own)
    for name, value in (kind.derive(row) if kind.derive else {}).items():
        setattr(row, name, value)
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise Invalid([translation.gettext("Somebody has published the same meanwhile.")]) from error
    for name in set(after) - set(own):
        related: Any = getattr(row, name)
        related.set(related.model._base_manager.filter(pk__in=after[name]))
    mark_texts(row, list(after), by)


def _set(row: models.Model, name: str, value: Any) -> None:
    field: Any = row._meta.get_field(name)
    setattr(row, field.attname, value if isinstance(value, list) else field.to_python(value))


def _validate(row: Any, names: list[str]) -> None:
    """Check the columns named, and every rule of the table; raises Invalid."""
    others = {field.name for field in row._meta.fields} - set(names)
    problems: list[str] = []
    for check in (lambda: row.clean_fields(exclude=others), row.clean, row.validate_unique, row.validate_constraints):
        try:
            check()
        except ValidationError as error:
            for name, messages in error.message_dict.items():
                start = "" if name == NON_FIELD_ERRORS else f"{label(type(row), name)}: "
                problems += [f"{start}{message}" for message in messages]
    if problems:
        raise Invalid(problems)
