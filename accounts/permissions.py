"""Who may, in the association."""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from accounts.enums import Role
from accounts.models import User

Person = AbstractBaseUser | AnonymousUser


def is_administrator(user: Person) -> bool:
    """Return whether the person looks after people, keys and retention."""
    return isinstance(user, User) and user.has_role(Role.ADMINISTRATOR)


def is_editor(user: Person) -> bool:
    """Return whether the person reviews and publishes."""
    return isinstance(user, User) and user.has_role(Role.EDITOR)


def holds_association_role(user: Person) -> bool:
    """Return whether the person holds any role in the association."""
    return is_administrator(user) or is_editor(user)
