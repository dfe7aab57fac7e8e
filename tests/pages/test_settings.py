"""Settings: a production with an unsafe value does not start, and says how to mend it."""

import base64
import os
import runpy
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

SETTINGS = str(Path(settings.BASE_DIR) / "healthlombardy" / "settings.py")
PRODUCTION = {
    "SECRET_KEY": secrets.token_urlsafe(60),
    "ALLOWED_HOSTS": "portal.example",
    "PUBLIC_URL": "https://portal.example",
    "MASTER_KEYS": "1:" + base64.b64encode(bytes(32)).decode(),
    "CLAMAV_ADDRESS": "scanner:3310",
    "DATABASE_URL": "postgresql://app:secret@db:5432/portal",
    "EMAIL_URL": "smtp+tls://mail.example:587",
    "TRUSTED_PROXY": "10.0.0.1",
}
READ_BY_SETTINGS = {*PRODUCTION, "DEMO", "DEBUG", "ALLOW_UNSCANNED", "REDIS_URL", "MAXIMUM_FILE_BYTES", "DRAFT_DAYS"}


def started(monkeypatch: pytest.MonkeyPatch, **changed: str) -> dict[str, Any]:
    """Return the settings of a production with some values changed; an empty value is one that is not set."""
    for name in READ_BY_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    for name, value in (PRODUCTION | changed).items():
        if value:
            monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["manage.py", "runserver"])
    return runpy.run_path(SETTINGS)


def test_a_sound_production_starts_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    made = started(monkeypatch)

    assert made["DEBUG"] is made["DEMO"] is False
    assert "demo" not in made["INSTALLED_APPS"]
    assert made["SESSION_COOKIE_NAME"].startswith("__Host-")
    assert made["CSRF_COOKIE_NAME"].startswith("__Host-")
    assert made["PATIENT_COOKIE_NAME"].startswith("__Host-")
    assert made["SESSION_COOKIE_SECURE"] is made["CSRF_COOKIE_SECURE"] is made["SECURE_SSL_REDIRECT"] is True
    assert made["SECURE_HSTS_SECONDS"] >= 31_536_000


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY is missing"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY"),
        ({"SECRET_KEY": "demo-" + "k" * 60}, "SECRET_KEY"),
        ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS is missing"),
        ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
        ({"MASTER_KEYS": ""}, "MASTER_KEYS"),
        ({"MASTER_KEYS": "demo:abc"}, "MASTER_KEYS"),
        ({"PUBLIC_URL": "http://portal.example"}, "PUBLIC_URL"),
        ({"PUBLIC_URL": ""}, "PUBLIC_URL"),
        ({"CLAMAV_ADDRESS": ""}, "CLAMAV_ADDRESS"),
        ({"DEMO": "1"}, "DEMO=1"),
        ({"DEMO": "1", "PUBLIC_URL": "http://localhost:8000"}, "DEMO=1"),
        ({"DEMO": "1", "ALLOWED_HOSTS": "localhost"}, "DEMO=1"),
        ({"DEBUG": "1"}, "DEBUG=1"),
        ({"DEBUG": "yes"}, "DEBUG is 'yes'. Set it to 1 or 0."),
        ({"DATABASE_URL": "mysql://db/portal"}, "DATABASE_URL must look like"),
        ({"DATABASE_URL": "postgresql://db"}, "DATABASE_URL must look like"),
        ({"EMAIL_URL": "http://mail.example"}, "EMAIL_URL must look like"),
        ({"EMAIL_URL": ""}, "EMAIL_URL"),
        ({"MAXIMUM_FILE_BYTES": "50 MB"}, "MAXIMUM_FILE_BYTES is '50 MB'"),
        ({"DRAFT_DAYS": "-1"}, "DRAFT_DAYS is '-1'"),
    ],
    ids=lambda value: (
        "-".join(f"{name}={text[:12]}" for name, text in value.items()) if isinstance(value, dict) else ""
    ),
)
def test_an_unsafe_production_does_not_start(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, str], said: str
) -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        started(monkeypatch, **changed)

    assert said in str(refusal.value)


def test_the_demo_starts_on_this_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    made = started(monkeypatch, DEMO="1", PUBLIC_URL="http://localhost:8000", ALLOWED_HOSTS="localhost,127.0.0.1")

    assert "demo" in made["INSTALLED_APPS"]


def test_a_secret_never_stands_in_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        started(monkeypatch, DATABASE_URL="mysql://app:open-sesame@db/portal")

    assert "open-sesame" not in str(refusal.value)


def test_django_finds_nothing_to_say_about_a_production() -> None:
    environment = {**{name: value for name, value in os.environ.items() if name not in READ_BY_SETTINGS}, **PRODUCTION}
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]

    done = subprocess.run(
        command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, check=False, timeout=600
    )

    assert done.returncode == 0, done.stderr


def test_a_production_is_reached_over_https_only(settings: Any, db: None) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_HSTS_SECONDS = 63_072_000
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = settings.SECURE_HSTS_PRELOAD = True

    assert Client().get("/en/about/")["Location"] == "https://testserver/en/about/"
    assert Client().get("/healthz").status_code == 200
    hsts = Client().get("/en/about/", secure=True)["Strict-Transport-Security"]
    assert hsts == "max-age=63072000; includeSubDomains; preload"
