"""Who may see and edit what of the catalogue: one rule, used by lists, forms, look-ups and changes alike."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import QuerySet

from accounts.models import User
from accounts.permissions import is_editor
from publishing.editing import kind_of

Person = AbstractBaseUser | AnonymousUser

_facilities: list[Callable[[User], QuerySet]] = []


def register_facilities(edited_by: Callable[[User], QuerySet]) -> None:
    """Let the app of facilities say which ones a person edits; call it in AppConfig.ready()."""
    _facilities[:] = [edited_by]


def facilities_of(user: Person) -> list[int]:
    """Return the ids of the facilities whose listing the person edits today."""
    if not isinstance(user, User) or not user.is_active:
        return []
    return [pk for edited_by in _facilities for pk in edited_by(user).order_by().values_list("pk", flat=True)]


def edits_any_facility(user: Person) -> bool:
    """Return whether the person edits the listing of any facility today."""
    return bool(facilities_of(user))


def visible_to(user: Person, rows: QuerySet) -> QuerySet:
    """Keep the rows a person may look at: editors all, a facility's editors those of their facility."""
    if is_editor(user):
        return rows
    path = kind_of(rows.model).facility
    return rows.filter(**{f"{path}__in": facilities_of(user)}) if path else rows.none()


def editable_by(user: Person, rows: QuerySet) -> QuerySet:
    """Keep the rows to which a person may propose a change."""
    return visible_to(user, rows) if editable_columns(user, rows.model) else rows.none()


def editable_columns(user: Person, model: Any) -> list[str]:
    """Return the columns a person may propose to change in the rows she may edit."""
    kind = kind_of(model)
    if is_editor(user):
        return kind.columns
    return kind.columns_of_facility if kind.facility and edits_any_facility(user) else []


def adds_and_removes(user: Person, model: Any) -> bool:
    """Return whether the person may propose new rows, and to remove rows she may edit."""
    kind = kind_of(model)
    return is_editor(user) or (kind.is_list_of_facility and edits_any_facility(user))


def decides(user: Person) -> bool:
    """Return whether the person publishes, sends back and undoes changes."""
    return is_editor(user)
