"""Taking everything away: the file, the page to read, the fresh code before it, the trail."""

import datetime
import io
import json
import tracemalloc
import uuid
import zipfile
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from facilities.models import Facility
from notifications.models import OutboxMessage
from teleconsult import access, export, workflow
from teleconsult.enums import AccessLevel
from teleconsult.exceptions import TooMany
from teleconsult.models import Booking, PatientSession, Request
from teleconsult.permissions import Actor
from tests.teleconsult import consulting, factories
from tests.teleconsult.browsing import Browser, paper
from vault.files import FileState, Refusal
from vault.trail import Action, TrailEntry

TEXT = "سؤال 问题 question"


@pytest.fixture
def request_with_papers(coordinator: User) -> Request:
    request = factories.make_in_triage(coordinator, question=TEXT)
    workflow.write_note(request=request, by=Actor.staff(coordinator), text="Among us", idempotency_key=uuid.uuid4())
    workflow.send_message(request=request, by=Actor.staff(coordinator), text="Welcome", idempotency_key=uuid.uuid4())
    for name in ("../../etc/passwd", "تقرير.pdf", "report.pdf"):
        add(request, name, name.encode())
    return request


def add(request: Request, name: str, content: bytes, state: FileState = FileState.CLEAN) -> None:
    upload = paper("plain", content)
    upload.name = name
    document = workflow.add_document(request=request, by=factories.patient_of(request), upload=upload, kind="report")
    # What Django would have made of such a name; a browser of another kind may send anything.
    document.file.name = name
    document.file.state = state
    document.file.refusal = Refusal.MALWARE if state == FileState.REFUSED else ""
    document.file.save()


def download(browser: Browser) -> zipfile.ZipFile:
    response = browser.client.post(browser.address("my-request/copy/"))
    assert response["Content-Type"] == "application/zip"
    assert response["Cache-Control"] == "no-store"
    assert "attachment" in response["Content-Disposition"]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response["Content-Security-Policy"]
    return zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))


def grow_old(minutes: int = 11) -> None:
    PatientSession.objects.update(started_at=timezone.now() - datetime.timedelta(minutes=minutes))


def code() -> str:
    return str(OutboxMessage.objects.filter(kind="teleconsult/mail/access_code").latest("created_at").context["code"])


def test_the_file_holds_everything_and_the_originals(request_with_papers: Request) -> None:
    archive = download(Browser().sign_in(request_with_papers))

    assert archive.testzip() is None
    data = json.loads(archive.read("request.json"))
    assert (data["format"], data["version"]) == ("health-lombardy-request", 1)
    assert data["request"]["question"] == TEXT
    assert [line["text"] for line in data["messages"]] == ["Welcome"]
    assert data["consents"][0]["decision"] == "grant"
    assert data["events"][0]["step"] == "start"
    names = [row["file"] for row in data["documents"]]
    assert [archive.read(name) for name in names] == [row["name"].encode() for row in data["documents"]]
    assert set(archive.namelist()) == {"request.json", "request.html", *names}


def test_no_name_leads_out_of_the_folder(request_with_papers: Request) -> None:
    names = [name for name in download(Browser().sign_in(request_with_papers)).namelist() if name.startswith("doc")]

    assert names == ["documents/01 etcpasswd", "documents/02 تقرير.pdf", "documents/03 report.pdf"]


def test_notes_of_the_staff_are_no_part_of_it(request_with_papers: Request) -> None:
    archive = download(Browser().sign_in(request_with_papers))

    assert all(b"Among us" not in archive.read(name) for name in archive.namelist())
    assert "write_note" not in archive.read("request.json").decode()


def test_the_page_in_the_file_is_written_in_the_language_of_the_request(coordinator: User) -> None:
    request = factories.make_in_triage(coordinator, language="ar", question="<script>1</script>")

    page = download(Browser().sign_in(request)).read("request.html").decode()

    assert '<html lang="ar" dir="rtl">' in page
    assert "<script>" not in page


def test_a_refused_file_is_named_but_not_sent(draft: Request) -> None:
    add(draft, "virus.pdf", b"bad", FileState.REFUSED)

    archive = download(Browser().sign_in(draft))

    assert archive.namelist() == ["request.json", "request.html"]
    row = json.loads(archive.read("request.json"))["documents"][0]
    assert (row["name"], row["file"], row["state"]) == ("virus.pdf", "", "refused")


def test_each_copy_is_in_the_trail_before_a_byte_leaves(request_with_papers: Request) -> None:
    browser = Browser().sign_in(request_with_papers)
    copies = TrailEntry.objects.of_case(request_with_papers).filter(action=Action.EXPORTED)

    browser.client.post(browser.address("my-request/copy/"))
    assert copies.count() == 1
    browser.open("my-request/copy/read/")
    assert copies.count() == 2


@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_page_to_read_shows_everything(request_with_papers: Request, language: str) -> None:
    page = Browser(language).sign_in(request_with_papers).open("my-request/copy/read/")

    assert page.status == 200
    for words in (TEXT, "Welcome", request_with_papers.reference, "report.pdf"):
        assert words in page.words
    assert "Among us" not in page.words


def test_memory_stays_constant(draft: Request) -> None:
    size = 24 * 1024 * 1024
    # What the first copy of a process loads stays there: templates, words, fonts.
    assert sum(len(part) for part in export.stream(draft)) < size
    add(draft, "scans.zip", bytes(size))

    tracemalloc.start()
    sent = sum(len(part) for part in export.stream(draft))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert sent > size
    assert peak < size / 2, f"{peak} bytes at once"


# --- the fresh code --------------------------------------------------------------------------------------------------


def test_after_ten_minutes_a_fresh_code_is_asked_for(request_with_papers: Request) -> None:
    browser = Browser().sign_in(request_with_papers)
    grow_old()

    page = browser.open("my-request/copy/")
    assert "Before everything leaves this page, we check once more that it is you." in page.words
    assert browser.client.post(browser.address("my-request/copy/")).status_code == 200
    assert browser.open("my-request/copy/read/").path.endswith("/my-request/copy/")
    assert not TrailEntry.objects.filter(action=Action.EXPORTED).exists()


def test_the_fresh_code_opens_it(request_with_papers: Request) -> None:
    browser = Browser().sign_in(request_with_papers)
    grow_old()
    asked = browser.post("my-request/copy/code/")
    assert "The code from the mail" in asked.words

    wrong = asked.send(code="22222222")
    assert "This code is not right or no longer valid." in wrong.words
    assert TrailEntry.objects.of_case(request_with_papers).last().action == Action.SIGN_IN_FAILED
    opened = wrong.send(code=code())

    assert TrailEntry.objects.of_case(request_with_papers).last().action == Action.SIGNED_IN
    assert "One file with everything" in opened.words
    assert download(browser).testzip() is None


def test_a_code_of_another_request_opens_nothing(request_with_papers: Request) -> None:
    browser = Browser().sign_in(request_with_papers)
    grow_old()
    browser.post("my-request/copy/code/")
    other = factories.make_submitted(email="other@example.org")
    asked = access.ask_code(reference=other.reference, browser=_browser_of(browser), network="192.0.2.1")
    for name in list(browser.client.cookies):
        if name.endswith("-code"):
            browser.client.cookies[name] = str(asked.code_id)

    page = browser.open("my-request/copy/").send(code=code())

    assert "This code is not right or no longer valid." in page.words


def test_five_fresh_codes_an_hour(request_with_papers: Request) -> None:
    session = access.session_for(access.start_session(request_with_papers))
    for _ in range(access.CODES_PER_MAILBOX):
        access.ask_fresh_code(session=session, browser="b", network="192.0.2.1")

    with pytest.raises(TooMany):
        access.ask_fresh_code(session=session, browser="b", network="192.0.2.1")


def _browser_of(browser: Browser) -> str:
    return next(morsel.value for name, morsel in browser.client.cookies.items() if name.endswith("-browser"))


def test_the_mailed_code_alone_opens_no_copy(draft: Request) -> None:
    browser = Browser().sign_in(draft, level=AccessLevel.STATUS)

    for address in ("my-request/copy/", "my-request/copy/read/"):
        assert browser.open(address).path.endswith("/my-request/")
    assert browser.post("my-request/copy/").path.endswith("/my-request/")


@pytest.mark.django_db
def test_without_a_session_there_is_the_sign_in() -> None:
    for address in ("my-request/copy/", "my-request/copy/read/", "my-request/settings/", "my-request/paper/"):
        assert "Come back with the number of your request." in Browser().open(address).words
    assert Browser().post("my-request/copy/").status == 403


def test_queries_do_not_grow_with_the_papers(request_with_papers: Request, django_assert_max_num_queries: Any) -> None:
    for number in range(6):
        add(request_with_papers, f"{number}.pdf", str(number).encode())
    browser = Browser().sign_in(request_with_papers)

    with django_assert_max_num_queries(40):
        browser.open("my-request/copy/read/")
    with django_assert_max_num_queries(45):
        list(export.stream(Request.objects.get(pk=request_with_papers.pk)))


def test_the_opinion_and_the_consultation_are_part_of_it(facility: Facility, facility_office: User) -> None:
    specialist = consulting.add_specialist(facility)
    request = consulting.make_bookable(specialist, facility)
    by = Actor.staff(specialist)
    booking = consulting.book(request)
    factories.deliver_opinion(request, by, plain_words="You can wait.", letter="Dear colleague")
    factories.add_addendum(request, by, "One more thing.")
    Booking.objects.filter(pk=booking.pk).update(city="Dubai")

    archive = download(Browser().sign_in(Request.objects.get(pk=request.pk)))

    data = json.loads(archive.read("request.json"))
    (opinion,), (consultation,) = data["opinions"], data["consultations"]
    assert (opinion["plain_words"], opinion["letter"]) == ("You can wait.", "Dear colleague")
    assert [added["text"] for added in opinion["addenda"]] == ["One more thing."]
    assert archive.read(opinion["file"]).startswith(b"%PDF-")
    assert (consultation["status"], consultation["city"]) == ("confirmed", "Dubai")
    assert datetime.datetime.fromisoformat(consultation["starts_at"]) == booking.starts_at
    page = archive.read("request.html").decode()
    assert all(words in page for words in ("You can wait.", "Dear colleague", "One more thing.", "Your consultation"))
