"""Messages of a kind of our own, a spool of our own, and a doorbell that rings."""

from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from pytest_django import Settings

from notifications import outbox
from notifications.models import OutboxMessage

TEMPLATES = Path(__file__).parent / "templates"
IMPATIENT = outbox.IMPATIENT


@pytest.fixture(autouse=True)
def probe_templates(settings: Settings) -> None:
    [engine] = settings.TEMPLATES
    settings.TEMPLATES = [engine | {"DIRS": [TEMPLATES, *engine["DIRS"]]}]


@pytest.fixture(autouse=True)
def doorbell(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Ring a broker that may be slow on a busy machine."""
    patient = {"socket_connect_timeout": 60, "socket_timeout": 60}
    outbox.wires.cut()
    outbox.doorbell.listen()
    with monkeypatch.context() as patched:
        patched.setattr(outbox, "IMPATIENT", IMPATIENT | patient)
        yield
    outbox.wires.cut()
    outbox.doorbell.listen()


@pytest.fixture
def spool(settings: Settings, tmp_path: Path) -> Callable[[], list[EmailMessage]]:
    """Deliver into a folder; return a function that reads it."""
    settings.EMAIL_BACKEND = "notifications.backends.SpoolBackend"
    settings.MAIL_SPOOL = tmp_path / "mail"

    def read() -> list[EmailMessage]:
        files = sorted(settings.MAIL_SPOOL.glob("*.eml"))
        return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]

    return read


@pytest.fixture
def post() -> Callable[..., OutboxMessage]:
    """Post a probe in a transaction of its own."""

    def post_probe(kind: str = "probe/mail/note", **values: Any) -> OutboxMessage:
        values = {"to": "ada@example.org", "language": "en", "context": {"name": "Ada"}} | values
        with transaction.atomic():
            return outbox.post(kind, **values)

    return post_probe
