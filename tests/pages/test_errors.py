"""Error pages: in the reader's language, with every header, and never a trace."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.test import Client
from django.urls import get_resolver

from healthlombardy.views import HomeView
from partners.views import CountryListView
from tests.pages.reading import Walked
from vault import limits

SECRET = "a value that must stay here"


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*_args: Any, **_kwargs: Any) -> None:
        raise error

    return fail


def opened(language: str, path: str = "about/") -> Walked:
    client = Client(raise_request_exception=False)
    address = f"/{language}/{path}"
    return Walked(address, language, client.get(address))


def assert_is_error_page(page: Walked, status: int) -> None:
    """Check an answer as a page: its words, its language, its headers."""
    elements = page.elements
    answer = page.response
    assert answer.status_code == status
    answer.status_code = 200
    faults = page.faults(elements) + page.private_faults(elements)
    assert faults == []
    assert not answer.cookies
    assert "Traceback" not in answer.content.decode()
    assert SECRET not in answer.content.decode()


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize(
    ("error", "status"),
    [
        (PermissionDenied(SECRET), 403),
        (RuntimeError(SECRET), 500),
        (OperationalError(SECRET), 503),
    ],
    ids=["forbidden", "failed", "database gone"],
)
def test_an_error_is_a_page_in_words(
    monkeypatch: pytest.MonkeyPatch, db: None, language: str, error: Exception, status: int
) -> None:
    monkeypatch.setattr("healthlombardy.views.AboutView.get", failing(error))

    assert_is_error_page(opened(language), status)


@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_missing_page_is_a_page_in_words(db: None, language: str) -> None:
    assert_is_error_page(opened(language, "no-such-page/"), 404)


@pytest.mark.parametrize("language", ["en", "ar"])
def test_too_many_tries_are_answered_in_words(monkeypatch: pytest.MonkeyPatch, db: None, language: str) -> None:
    monkeypatch.setattr(limits, "allow", lambda *_args, **_kwargs: False)
    client = Client()
    path = f"/{language}/my-request/"

    answer = client.post(f"/{language}/my-request/lost/", {"email": "ada@example.org"})

    page = Walked(path, language, answer)
    answer.cookies.clear()
    assert_is_error_page(page, 429)


def test_a_gone_database_says_when_to_come_back(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    monkeypatch.setattr(CountryListView, "get", failing(OperationalError()))

    assert opened("en", "partners/").response["Retry-After"] == "30"


def test_a_gone_database_is_the_same_where_the_reader_is_looked_up(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    monkeypatch.setattr("accounts.middleware.missing_proof", failing(OperationalError(SECRET)))

    answer = Client(raise_request_exception=False).get("/desk/")

    assert answer.status_code == 503
    assert answer["Retry-After"] == "30"


@pytest.mark.parametrize("language", ["en", "ar"])
def test_no_error_page_needs_the_database(monkeypatch: pytest.MonkeyPatch, language: str) -> None:
    """Without the fixture `db`, any query of this test fails."""
    for error, status in ((RuntimeError(), 500), (OperationalError(), 503)):
        monkeypatch.setattr(HomeView, "get", failing(error))
        assert opened(language, "").response.status_code == status


def test_a_form_from_elsewhere_is_refused_in_words(db: None) -> None:
    client = Client(enforce_csrf_checks=True)

    answer = client.post("/ar/contact/", {"question": "?"})

    assert_is_error_page(Walked("/ar/contact/", "ar", answer), 403)


@pytest.mark.parametrize(
    "path", ["/en/facilities/%00/", "/en/%FF/", "/en/partners/%00/", "/%00", "/en/../../etc/passwd"]
)
def test_odd_addresses_are_not_found(db: None, path: str) -> None:
    assert Client().get(path).status_code == 404


def test_a_host_that_is_not_ours_is_refused_without_a_trace(db: None) -> None:
    answer = Client(raise_request_exception=False).get("/en/", headers={"host": "elsewhere.example"})

    assert answer.status_code == 400
    assert b"Traceback" not in answer.content
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_every_error_has_a_view_of_ours() -> None:
    resolver = get_resolver()

    for status in (403, 404, 500):
        assert resolver.resolve_error_handler(status).__module__ == "healthlombardy.views"
