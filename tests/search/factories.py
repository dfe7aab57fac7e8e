"""An index over invented things."""

from collections.abc import Iterable
from typing import Any

from search.find import Results, find
from search.index import rebuild


def straight(items: Iterable[Any], _count: int, _label: str) -> Iterable[Any]:
    """Show no progress."""
    return items


def index_all() -> None:
    """Write the whole index anew."""
    rebuild(straight, is_forced=True)


def slugs(results: Results) -> list[str]:
    """Return what was found, in order."""
    return [hit.slug for hit in results.hits]


def found(query: str, language: str = "en", **asked: Any) -> list[str]:
    """Index everything, search, and return the slugs in order."""
    index_all()
    return slugs(find(query, language, **asked))
