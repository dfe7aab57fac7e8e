"""What intruders and careless robots tried at the public pages, and may not get."""

import functools
import json
import logging
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.conf import settings as configured
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from healthlombardy import page_cache
from healthlombardy.middleware import TerseJsonFormatter
from healthlombardy.page_cache import PageCacheMiddleware
from publishing.freshness import PublicVersion
from tests.accounts.factories import make_user
from tests.treatments.factories import make_facility

TOO_MANY = "&".join(f"a{number}=1" for number in range(2500))
ATTACK = "</script><script>alert(1)</script>\"'><img src=x onerror=1>"


@pytest.fixture
def log_lines() -> Iterator[StringIO]:
    """Collect what the process would write to its log, as it would be written."""
    written = StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(TerseJsonFormatter("{asctime}{levelname}{name}{message}", style="{"))
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)


@pytest.fixture
def cached(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Switch the page cache on; the version is asked at every request, as if a second had passed."""
    settings.PAGE_CACHE_BYTES = 1024**2
    monkeypatch.setattr(page_cache, "PublicVersion", functools.partial(PublicVersion, seconds=0))


# --- the log --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "host"),
    [
        ("/en/search/?q=a-secret", "stranger.example"),
        ("/en/my-request/HL-2345-6789/a-secret/", "stranger.example"),
        (f"/en/search/?q=a-secret&{TOO_MANY}", "localhost"),
        (f"/en/facilities/?treatment_words=a-secret&{TOO_MANY}", "localhost"),
    ],
)
def test_what_is_refused_is_not_logged_with_its_address(log_lines: StringIO, path: str, host: str) -> None:
    answer = Client(raise_request_exception=False).get(path, headers={"host": host})

    assert answer.status_code == 400
    assert '"ERROR"' in log_lines.getvalue()
    assert "a-secret" not in log_lines.getvalue()


@pytest.mark.django_db
def test_page_that_is_not_there_is_no_failure(log_lines: StringIO) -> None:
    assert Client().get("/en/facilities/nothing/").status_code == 404

    assert [json.loads(line)["message"] for line in log_lines.getvalue().splitlines()] == ["answered"]


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "host"), [("/en/about/", "stranger.example"), (f"/en/facilities/?{TOO_MANY}", "localhost")]
)
def test_broken_request_is_not_answered_as_a_public_page(path: str, host: str) -> None:
    answer = Client(raise_request_exception=False).get(path, headers={"host": host})
    html = answer.content.decode()

    assert (answer.status_code, answer["Cache-Control"]) == (400, "no-store")
    assert '<meta name="robots" content="noindex">' in html
    assert 'rel="canonical"' not in html
    assert "og:url" not in html


# --- the page cache -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("cached")
@pytest.mark.django_db
def test_invented_ports_fill_nothing() -> None:
    make_facility("kept")
    client = Client()
    client.get("/en/facilities/kept/", headers={"host": "localhost"})
    for host in ("localhost:1", "localhost:65535", "LOCALHOST", "LocalHost.", "localhost.:8"):
        with CaptureQueriesContext(connection) as captured:
            answer = client.get("/en/facilities/kept/", headers={"host": host})
        assert answer.status_code == 200
        assert [query for query in captured if "publishing_publicwrite" not in query["sql"]] == []


@pytest.mark.parametrize("host", ["localhost:abc", "localhost@evil", "local host", "localhost,evil", "a/b", "\x00", ""])
def test_host_that_is_no_name_has_no_key(settings: Any, host: str) -> None:
    settings.PAGE_CACHE_BYTES = 1024**2
    middleware = PageCacheMiddleware(lambda request: HttpResponse())

    assert middleware.key_of(RequestFactory().get("/en/", headers={"host": host})) is None
    assert middleware.key_of(RequestFactory().get("/en/", headers={"host": "[::1]:8000"}))


@pytest.mark.usefixtures("cached")
@pytest.mark.django_db
def test_page_of_someone_signed_in_is_everybodys() -> None:
    make_facility("kept")
    staff, stranger = Client(headers={"host": "localhost"}), Client(headers={"host": "localhost"})
    staff.force_login(make_user())
    staff.cookies[configured.PATIENT_COOKIE_NAME] = "x"

    for path in (
        "/en/",
        "/en/facilities/",
        "/en/facilities/kept/",
        "/en/compare/?facility=kept",
        "/en/second-opinion/",
    ):
        own = staff.get(path)
        others = stranger.get(path)
        assert own.content == others.content
        assert "csrfmiddlewaretoken" not in own.content.decode()
        assert not own.cookies
        assert not others.cookies


# --- names of the catalogue -----------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_name_is_never_markup() -> None:
    make_facility("evil", short_name=ATTACK[:80], official_name=ATTACK)

    for language in ("en", "ar"):
        for path in (
            "facilities/evil/",
            "facilities/",
            "facilities/evil/report/",
            "compare/?facility=evil",
            "second-opinion/?facility=evil",
        ):
            html = Client().get(f"/{language}/{path}").content.decode()
            assert "alert(1)" in html, path
            assert "<script>alert" not in html
            assert "<img src=x" not in html
