"""A source says what kind of page it is, and the flags of a fact say how sure it is."""

import datetime

import pytest

from publishing.enums import FactState, SourceKind
from publishing.loading.provenance import Sources

SOURCES = Sources(
    checked_on=datetime.date(2026, 11, 21),
    ids={"data": "https://www.data.example.org/set", "page": "a page without address"},
    hosts={"data.example.org": "authority", "news.example.org": "newspaper"},
    names={"a page without address": "facility"},
)


@pytest.mark.parametrize(
    ("cited", "kind"),
    [
        ("data", SourceKind.AUTHORITY),
        ("https://www.news.example.org/a", SourceKind.NEWSPAPER),
        ("http://news.example.org/b?c=d", SourceKind.NEWSPAPER),
        ("https://fake-news.example.org/", SourceKind.SECONDARY),
        ("https://example.org/news.example.org", SourceKind.SECONDARY),
        ("page", SourceKind.FACILITY),
        ("words of some other page", SourceKind.SECONDARY),
        ("public-knowledge", SourceKind.PUBLIC_KNOWLEDGE),
        ("", SourceKind.PUBLIC_KNOWLEDGE),
    ],
)
def test_a_source_has_the_kind_of_its_host_or_name(cited: str, kind: str) -> None:
    assert SOURCES.kind(cited) == kind


@pytest.mark.parametrize(
    ("cited", "is_verified", "state"),
    [
        ("https://news.example.org/a", True, FactState.VERIFIED),
        ("https://news.example.org/a", False, FactState.UNVERIFIED),
        ("public-knowledge", True, FactState.INDICATIVE),
        ("public-knowledge", False, FactState.INDICATIVE),
        ("", False, FactState.UNVERIFIED),
        ("", True, FactState.UNVERIFIED),
    ],
)
def test_the_state_follows_from_source_and_flag(cited: str, is_verified: bool, state: str) -> None:
    assert SOURCES.columns(cited, is_verified=is_verified)["state"] == state


def test_general_knowledge_was_read_nowhere_and_on_no_day() -> None:
    columns = SOURCES.columns("public-knowledge", is_verified=True)

    assert (columns["source"], columns["read_on"]) == ("", None)


def test_an_id_is_replaced_by_what_it_stands_for() -> None:
    columns = SOURCES.columns("data", is_verified=True)

    assert columns["source"] == "https://www.data.example.org/set"
    assert columns["read_on"] == datetime.date(2026, 11, 21)
