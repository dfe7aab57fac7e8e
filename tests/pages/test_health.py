"""What operators and machines ask for: health, logs, sitemap, robots, security.txt."""

import datetime
import json
import logging
import re
from collections.abc import Iterator
from io import StringIO

import pytest
import time_machine
from celery.app.trace import build_tracer
from django.conf import settings
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from healthlombardy.celery import app
from healthlombardy.middleware import RequestIdFilter, TerseJsonFormatter, public_path

MACHINES = ["/healthz", "/readyz", "/robots.txt", "/sitemap.xml", "/sitemap-pages.xml", "/.well-known/security.txt"]


@pytest.fixture
def log_lines() -> Iterator[StringIO]:
    """Collect what the process would write to its log, as it would be written."""
    written = StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(RequestIdFilter())
    handler.setFormatter(TerseJsonFormatter(settings.LOGGING["formatters"]["json"]["format"], style="{"))
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)


def fail(*_args: object, **_kwargs: object) -> None:
    raise OperationalError("gone")


# --- health ---------------------------------------------------------------------------------------------------------


def test_alive_needs_no_database(client: Client) -> None:
    answer = client.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert answer["Cache-Control"] == "no-store"


def test_ready_says_what_answers(client: Client, db: None) -> None:
    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "database": "ok", "cache": "ok", "scanner": "off", "mail": "ok"}


def test_without_the_cache_requests_can_still_be_taken(
    client: Client, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(cache._connections[cache._alias]), "get", fail)

    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {
        "status": "degraded",
        "database": "ok",
        "cache": "degraded",
        "scanner": "off",
        "mail": "ok",
    }


def test_without_the_database_it_is_not_ready(client: Client, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(connection, "cursor", fail)
        answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["database"] == "degraded"


@pytest.mark.parametrize("path", MACHINES)
def test_machines_are_answered_without_a_cookie_and_read_only(client: Client, db: None, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 200
    assert not answer.cookies
    assert "cookie" not in answer.get("Vary", "").lower()
    assert Client(enforce_csrf_checks=False).post(path).status_code == 405


# --- logs -----------------------------------------------------------------------------------------------------------


def test_each_answer_is_one_line_of_json_without_query_or_person(client: Client, db: None, log_lines: StringIO) -> None:
    answer = client.get(
        "/en/about/?q=my+illness",
        headers={"referer": "https://example.org/mail", "user-agent": "Browser of Ada"},
        REMOTE_ADDR="203.0.113.7",
    )

    lines = [json.loads(line) for line in log_lines.getvalue().splitlines()]
    assert len(lines) == 1
    wanted = {"method": "GET", "path": "/en/about/", "status": 200, "request_id": answer["X-Request-ID"]}
    assert lines[0].items() >= wanted.items()
    assert set(lines[0]) == {*wanted, "asctime", "levelname", "name", "message", "milliseconds"}
    for secret in ("illness", "example.org", "Ada", "203.0.113.7"):
        assert secret not in log_lines.getvalue()


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        ("/en/my-request/HL-2345-6789/a-secret/", "/en/my-request/HL-2345-6789"),
        ("/en/my-request/documents/0190/", "/en/my-request/documents"),
        ("/accounts/enrol/a-token/", "/accounts/enrol"),
        ("/demo/sign-in/a-token/", "/demo/sign-in"),
        ("/en/facilities/example/", "/en/facilities/example/"),
    ],
)
def test_no_secret_of_an_address_is_logged(path: str, logged: str) -> None:
    assert public_path(path) == logged


def test_the_secret_link_and_what_is_typed_stay_out_of_the_log(client: Client, db: None, log_lines: StringIO) -> None:
    client.get("/ar/my-request/HL-2345-6789/a-secret/")
    client.get("/ar/search/?q=a-secret")
    client.post("/ar/my-request/lost/", {"email": "a-secret@example.org"})
    client.post("/accounts/login/", {"login": "a-secret@example.org", "password": "a-secret"})

    assert log_lines.getvalue().count('"answered"') == 4
    assert "a-secret" not in log_lines.getvalue()


def test_an_error_is_logged_by_kind_and_place_never_by_value(
    db: None, log_lines: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_args: object, **_kwargs: object) -> None:
        raise ValueError("a-secret")

    monkeypatch.setattr("healthlombardy.views.AboutView.get", break_down)

    answer = Client(raise_request_exception=False).get("/en/about/?q=a-secret")

    failed = json.loads(log_lines.getvalue().splitlines()[0])
    assert failed["exc_info"].startswith("ValueError at ")
    assert failed["request_id"] == answer["X-Request-ID"]
    assert "a-secret" not in log_lines.getvalue()


def test_a_task_that_failed_is_logged_by_name_and_place_never_by_value(log_lines: StringIO) -> None:
    def break_down(who: str) -> None:
        raise ValueError(f"{who} is no number")

    task = app.task(break_down, name="tests.break_down")
    try:
        build_tracer(task.name, task, app=app)("0190", ("a-secret",), {}, {"id": "0190", "argsrepr": "('a-secret',)"})
    finally:
        app.tasks.unregister(task.name)

    (line,) = [json.loads(line) for line in log_lines.getvalue().splitlines()]
    assert line.items() >= {"task": "tests.break_down", "task_id": "0190", "message": "task raised unexpected"}.items()
    assert line["exc_info"].startswith("ValueError at ")
    assert "a-secret" not in log_lines.getvalue()


def test_a_worker_that_lost_a_process_says_so_without_its_words(log_lines: StringIO) -> None:
    logging.getLogger("celery.worker.request").error("Task handler raised error: %r", ValueError("a-secret"))

    assert json.loads(log_lines.getvalue())["message"] == "Task handler raised error:"
    assert "a-secret" not in log_lines.getvalue()


def test_an_id_that_a_browser_sends_is_not_taken(client: Client) -> None:
    answer = client.get("/healthz", headers={"x-request-id": "forged"})

    assert re.fullmatch(r"[0-9a-f]{32}", answer["X-Request-ID"])


# --- for machines ---------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("catalogue", "db")
def test_the_sitemap_names_every_page_in_every_language(
    client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    index = client.get("/sitemap.xml").content.decode()
    sections = re.findall(r"<loc>http://[^/]+(/sitemap-[a-z]+\.xml)</loc>", index)

    with django_assert_max_num_queries(4):
        facilities = client.get("/sitemap-facilities.xml").content.decode()

    assert len(sections) == 7
    assert facilities.count("<loc>") > 50 * 8
    assert facilities.count('hreflang="x-default"') == facilities.count("<loc>")
    assert 'hreflang="zh-Hans"' in facilities
    assert client.get("/sitemap-nothing.xml").status_code == 404


def test_crawlers_are_kept_from_what_knows_a_person(client: Client, db: None) -> None:
    rules = client.get("/robots.txt").content.decode()

    for path in ("/admin/", "/desk/", "/accounts/"):
        assert f"Disallow: {path}" in rules
    assert f"Sitemap: {settings.PUBLIC_URL}/sitemap.xml" in rules


@time_machine.travel("2026-11-21 12:00:00+00:00", tick=False)
def test_the_security_contact_does_not_run_out_within_half_a_year(client: Client, db: None) -> None:
    text = client.get("/.well-known/security.txt").content.decode()

    expires = datetime.datetime.fromisoformat(re.search(r"^Expires: (.+)$", text, re.MULTILINE)[1].strip())
    assert datetime.timedelta(days=100) < expires - datetime.datetime.now(datetime.UTC) < datetime.timedelta(days=365)
    assert re.search(r"^Contact: \S+", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("accepted", "language"), [("ar,en;q=0.5", "ar"), ("zh-CN", "zh-hans"), ("pl", "en"), ("", "en")]
)
def test_the_root_leads_to_the_language_of_the_browser(client: Client, accepted: str, language: str) -> None:
    answer = client.get("/", headers={"accept-language": accepted})

    assert (answer.status_code, answer["Location"]) == (302, f"/{language}/")
    assert "Accept-Language" in answer["Vary"]
    assert not answer.cookies
