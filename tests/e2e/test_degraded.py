"""What still works while broker, scanner, mail server or database is gone, and that all comes back by itself.

The portal is one of its own, with servers of its own that these tests stop and start.
"""

import http.cookiejar
import json
import re
import shutil
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path

import pytest

from healthlombardy.local.keys import Keys
from healthlombardy.local.postgres import PostgresServer
from healthlombardy.local.signals import StopFlag
from healthlombardy.local.valkey import ValkeyServer
from tests.e2e.mail_server import MailServer
from tests.e2e.portal import PATIENCE, Portal, wait_for
from tests.vault import clamd

pytestmark = pytest.mark.e2e


@dataclass
class Leaned:
    """A portal, and what it leans on."""

    portal: Portal
    postgres: PostgresServer
    valkey: ValkeyServer
    mail: MailServer
    scanner: clamd.Scanner | None

    def ready(self) -> dict[str, str]:
        return json.loads(Visitor(self.portal.address).get("/readyz").text)

    def wait_until_ready(self) -> dict[str, str]:
        def ready() -> dict[str, str] | None:
            said.append(self.ready())
            return said[-1] if said[-1]["status"] == "ok" else None

        said: list[dict[str, str]] = []
        try:
            return wait_for(ready)
        except AssertionError as error:
            raise AssertionError(f"it does not come back: {said[-1]}") from error

    def ask(self) -> str:
        """Send a question to the office as a reader does; return her address."""
        email = f"degraded-{uuid.uuid4().hex[:10]}@example.org"
        visitor = Visitor(self.portal.address)
        page = visitor.get("/en/contact/")
        answer = page.send(question="Where do I begin?", email=email, country="AE", language="en", consent="on")
        assert answer.status == 200
        assert "Your question has arrived." in answer.text, answer.words
        return email


@dataclass
class Visitor:
    """A reader without a browser."""

    address: str
    jar: http.cookiejar.CookieJar = field(default_factory=http.cookiejar.CookieJar)

    def get(self, path: str) -> "Answer":
        return self._open(urllib.request.Request(self.address + path))  # noqa: S310  our own portal

    def post(self, url: str, values: dict[str, str]) -> "Answer":
        data = urllib.parse.urlencode(values).encode()
        return self._open(urllib.request.Request(url, data=data, headers={"Referer": url}))  # noqa: S310

    def _open(self, request: urllib.request.Request) -> "Answer":
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))
        started = time.monotonic()
        try:
            with opener.open(request, timeout=PATIENCE) as response:
                return Answer(self, response.url, response.status, response.read().decode(), time.monotonic() - started)
        except urllib.error.HTTPError as error:
            with error:
                return Answer(self, error.url, error.code, error.read().decode(), time.monotonic() - started)


@dataclass
class Answer:
    """A page."""

    visitor: Visitor
    url: str
    status: int
    text: str
    seconds: float

    @property
    def words(self) -> str:
        main = self.text.partition("<main")[2].partition("</main>")[0]
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())

    def send(self, **values: str) -> "Answer":
        hidden = re.findall(r'<input type="hidden" name="([^"]+)"(?: value="([^"]*)")?', self.text)
        return self.visitor.post(self.url, {name: unescape(value) for name, value in hidden} | values)


@pytest.fixture(scope="module")
def leaned() -> Iterator[Leaned]:
    folder = Path(tempfile.mkdtemp(prefix="degraded-"))
    # As root PostgreSQL runs as nobody, who must be able to walk in.
    folder.chmod(0o711)
    keys, stop = Keys.kept_in(folder), StopFlag()
    postgres = PostgresServer(folder, keys, is_careless=True, is_quiet=True)
    valkey = ValkeyServer(folder, keys, is_careless=True, is_quiet=True)
    mail = MailServer()
    scanner = clamd.Scanner(folder) if clamd.program() else None
    portal = None
    try:
        postgres.start(stop)
        valkey.start(stop)
        mail.start()
        if scanner:
            scanner.start()
        portal = Portal.start(
            DATABASE_URL=postgres.application_url,
            DATABASE_OWNER_URL=postgres.owner_url,
            REDIS_URL=valkey.url,
            EMAIL_URL=f"smtp://127.0.0.1:{mail.port}",
            CLAMAV_ADDRESS=scanner.address if scanner else "",
        )
        yield Leaned(portal, postgres, valkey, mail, scanner)
    finally:
        if portal:
            portal.stop()
        if scanner:
            scanner.stop()
        mail.stop()
        valkey.stop()
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_everything_is_there(leaned: Leaned) -> None:
    # The very answer that says so: on a busy machine the next one may find a part slow.
    assert leaned.wait_until_ready() == {
        "status": "ok",
        "database": "ok",
        "cache": "ok",
        "scanner": "ok" if leaned.scanner else "off",
        "mail": "ok",
    }


def test_without_the_broker_pages_and_requests_go_on(leaned: Leaned) -> None:
    leaned.wait_until_ready()
    visitor = Visitor(leaned.portal.address)
    paths = ("/en/", "/en/treatments/", "/en/search/?q=heart", "/ar/facilities/")
    # On a busy machine a page takes long by itself.
    usual = max(visitor.get(path).seconds for path in paths)
    leaned.valkey.stop()
    try:
        wait_for(lambda: leaned.ready()["cache"] == "degraded")
        for path in paths:
            answer = visitor.get(path)
            assert (answer.status, answer.seconds < usual + 5) == (200, True), path
        email = leaned.ask()
    finally:
        leaned.valkey.start(StopFlag())

    # No bell was heard: the sweep finds it.
    wait_for(lambda: leaned.mail.to(email), why="the mail is never sent")
    leaned.wait_until_ready()
    second = leaned.ask()
    wait_for(lambda: leaned.mail.to(second), why="the worker does not hear its bell again")
    assert len(leaned.mail.to(email)) == len(leaned.mail.to(second)) == 1


def test_without_the_mail_server_messages_wait_and_go_out_once(leaned: Leaned) -> None:
    leaned.wait_until_ready()
    leaned.mail.stop()
    try:
        emails = [leaned.ask() for _ in range(3)]
        wait_for(lambda: leaned.ready()["mail"] == "degraded")
        time.sleep(3)
        assert waiting_for(leaned, emails) == "3 due, 0 given up."
    finally:
        leaned.mail.start()

    for email in emails:
        wait_for(lambda email=email: leaned.mail.to(email), why="a mail that waited is never sent")
    assert waiting_for(leaned, emails) == "0 due, 0 given up."
    sent = [mail["Message-ID"] for email in emails for mail in leaned.mail.to(email)]
    assert len(sent) == len(set(sent)) == 3


@pytest.mark.skipif(clamd.program() is None, reason="clamd is not installed (Debian's clamav-daemon)")
def test_without_the_scanner_uploads_wait(leaned: Leaned) -> None:
    leaned.wait_until_ready()
    leaned.scanner.stop()
    try:
        wait_for(lambda: leaned.ready()["scanner"] == "degraded")
        file = leaned.portal.manage("shell", "-c", UPLOAD).split()[-1]
        wait_for(lambda: state_of(leaned, file) == "judged", why="the file is never judged")
        time.sleep(2)
        assert state_of(leaned, file) == "judged", "what nobody scanned must not be readable"
    finally:
        leaned.scanner.start()

    wait_for(lambda: state_of(leaned, file) == "clean", seconds=2 * PATIENCE, why="the file waits for ever")


def test_without_the_database_there_is_a_sentence_within_two_seconds(leaned: Leaned) -> None:
    leaned.wait_until_ready()
    web = leaned.portal.pid_of("web")
    visitor = Visitor(leaned.portal.address)
    form = visitor.get("/en/contact/")
    # As long as it takes: one that is killed leaves its children behind, and none starts beside them.
    leaned.postgres.stop(PATIENCE)
    try:
        answers = [visitor.get(path) for path in ("/en/search/?q=kidney", "/ar/facilities/?page=2")]
        answers.append(form.send(question="Am I heard?", email="gone@example.org", country="AE", consent="on"))
        ready = visitor.get("/readyz")
    finally:
        leaned.postgres.start(StopFlag())

    for answer in answers:
        assert answer.status == 503, answer.url
        assert answer.seconds < 2, answer.url
        assert "Traceback" not in answer.text
        assert "psycopg" not in answer.text
        assert "OperationalError" not in answer.text
    assert (ready.status, json.loads(ready.text)["database"]) == (503, "degraded")
    assert ready.seconds < 2
    leaned.wait_until_ready()
    assert visitor.get("/en/search/?q=kidney").status == 200
    assert leaned.portal.pid_of("web") == web, "it came back by itself, not by a new start"
    email = leaned.ask()
    wait_for(lambda: leaned.mail.to(email), why="worker or beat did not come back")


UPLOAD = """
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from vault.doorbell import judge_soon
from vault.files import StoredFile
from vault.keys import DataKey
with transaction.atomic():
    file = StoredFile.objects.store(SimpleUploadedFile("report.txt", b"Nothing bad."), data_key=DataKey.objects.make())
    judge_soon(file)
print(file.pk)
"""


WAITING = """
from django.utils import timezone
from notifications.models import OutboxMessage
from vault.keys import email_hash
mails = OutboxMessage.objects.filter(to_key__in=[email_hash(email) for email in {emails!r}])
print(f"{{mails.due(timezone.now()).count()}} due, {{mails.dead_letters().count()}} given up.")
"""


def waiting_for(leaned: Leaned, emails: list[str]) -> str:
    """Say what waits for these people: the portal writes to others too, such as its staff in the morning."""
    return leaned.portal.manage("shell", "-c", WAITING.format(emails=emails)).splitlines()[-1]


def state_of(leaned: Leaned, file: str) -> str:
    code = f"from vault.files import StoredFile; print(StoredFile.objects.get(pk='{file}').state)"
    return leaned.portal.manage("shell", "-c", code).split()[-1]
