"""The areas of staff, and who may enter them: the apps above say so for their own roles."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from accounts.models import User

Checker = Callable[["User"], bool]

# Area → address of its first page; a person with several roles starts at the first.
AREAS = {"desk": "desk:queue", "admin": "admin:index"}
_checkers: dict[str, list[Checker]] = {name: [] for name in AREAS}


def register(area: str, checker: Checker) -> None:
    """Let a checker say who holds a role in an area; call it in AppConfig.ready().

    Raises KeyError for an area that does not exist.
    """
    if checker not in _checkers[area]:
        _checkers[area].append(checker)


def areas_of(user: "User") -> tuple[str, ...]:
    """Return the areas in which an active person holds a role today."""
    if not user.is_active:
        return ()
    return tuple(area for area, checkers in _checkers.items() if any(checker(user) for checker in checkers))
