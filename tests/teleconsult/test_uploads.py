"""Resumable uploads: every header and error of the protocol, and what becomes of a file that is whole."""

import base64
import datetime
import io
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings as django_settings
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from teleconsult import access, tasks, workflow
from teleconsult.enums import AccessLevel, Action
from teleconsult.exceptions import FileTooLarge, NotAllowed
from teleconsult.models import Document, DocumentUpload, Request
from teleconsult.permissions import Actor
from teleconsult.views.uploads import PIECE_TYPE
from teleconsult.workflow import uploads
from tests.teleconsult import factories
from tests.teleconsult.browsing import Browser
from tests.vault import corpus
from vault import incoming, judging
from vault.files import FileState, StoredFile
from vault.incoming import IncomingChunk, IncomingFile
from vault.tasks import judge_file, look_for_orphans

ADDRESS = "/en/my-request/uploads/"
CONTENT = bytes(range(256)) * 40


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make chunks and segments small, so that a few bytes are many of them."""
    monkeypatch.setattr(incoming, "CHUNK_BYTES", 2500)
    monkeypatch.setattr(incoming, "SEGMENT_BYTES", 1000)
    monkeypatch.setattr(incoming, "SEALED_SEGMENT_BYTES", 1028)


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the uploads the worker was called for."""
    calls: list[str] = []
    monkeypatch.setattr(tasks.keep_upload, "delay", calls.append)
    return calls


@dataclass
class Sender:
    """A program that speaks tus in a patient's browser."""

    client: Client

    def send(self, method: str, address: str, body: bytes = b"", **headers: Any) -> HttpResponse:
        """Send something with the version of the protocol; None leaves a header out."""
        given = {"Tus-Resumable": "1.0.0"} | {name.replace("_", "-"): value for name, value in headers.items()}
        kind = given.pop("Content-Type", PIECE_TYPE)
        said = {name: str(value) for name, value in given.items() if value is not None}
        return self.client.generic(method, address, body, content_type=kind, headers=said)

    def begin(self, size: int = len(CONTENT), /, **metadata: str) -> str:
        """Begin an upload and return its address."""
        answer = self.send("POST", ADDRESS, Upload_Length=size, Upload_Metadata=encoded(**metadata))
        assert answer.status_code == 201, answer.content
        return str(answer["Location"])

    def patch(self, address: str, offset: int, body: bytes, **headers: Any) -> HttpResponse:
        return self.send("PATCH", address, body, Upload_Offset=offset, **headers)

    def offset(self, address: str) -> int:
        return int(self.send("HEAD", address)["Upload-Offset"])


def encoded(**metadata: str) -> str:
    """Return Upload-Metadata."""
    pairs = {"filename": "scan.dcm"} | metadata
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in pairs.items())


@pytest.fixture
def sender(draft: Request) -> Sender:
    return Sender(Browser().sign_in(draft).client)


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[], list[Path]]:
    """Return how to list what lies in the storage of chunks."""
    return lambda: sorted((tmp_path / "documents" / "incoming").glob("*"))


def upload_at(address: str) -> DocumentUpload:
    return DocumentUpload.objects.get(pk=address.rstrip("/").rpartition("/")[2])


# --- the protocol -----------------------------------------------------------------------------------------------------


def test_options_says_what_is_spoken(sender: Sender) -> None:
    answer = sender.send("OPTIONS", ADDRESS, Tus_Resumable=None)

    assert answer.status_code == 204
    assert (answer["Tus-Resumable"], answer["Tus-Version"]) == ("1.0.0", "1.0.0")
    assert answer["Tus-Extension"] == "creation,expiration,termination"
    assert answer["Tus-Max-Size"] == str(2 * 1024**3)


def test_file_arrives_in_pieces_and_is_kept(sender: Sender, draft: Request, rung: list[str]) -> None:
    address = sender.begin(filename="Thorax.dcm", kind="imaging", issued_on="2026-01-02", language="it")
    assert sender.offset(address) == 0
    first = sender.patch(address, 0, CONTENT[:4000])
    assert (first.status_code, first["Upload-Offset"], first.content) == (204, "4000", b"")
    assert sender.patch(address, 4000, CONTENT[4000:])["Upload-Offset"] == str(len(CONTENT))
    document = workflow.keep_upload(upload_id=upload_at(address).pk)
    assert document is not None
    assert b"".join(document.file.chunks()) == CONTENT
    assert (document.file.name, document.kind, document.language) == ("Thorax.dcm", "imaging", "it")
    assert document.issued_date == datetime.date(2026, 1, 2)
    assert (document.request_id, document.file.state) == (draft.pk, FileState.RECEIVED)
    assert not DocumentUpload.objects.exists()
    assert not IncomingFile.objects.exists()
    assert not IncomingChunk.objects.exists()
    assert draft.events.filter(action=Action.ADD_DOCUMENT).count() == 1


def test_answers_carry_the_version_and_are_never_stored(sender: Sender) -> None:
    address = sender.begin()
    answers = [
        sender.send("HEAD", address),
        sender.patch(address, 0, b"x"),
        sender.patch(address, 0, b"x"),
        sender.send("DELETE", address),
        sender.send("POST", ADDRESS),
    ]

    assert [answer.status_code for answer in answers] == [200, 204, 409, 204, 400]
    assert {answer["Tus-Resumable"] for answer in answers} == {"1.0.0"}
    assert {answer["Cache-Control"] for answer in answers} == {"no-store"}


def test_head_says_offset_length_and_what_was_said(sender: Sender) -> None:
    address = sender.begin(language="ar")
    sender.patch(address, 0, CONTENT[:10])
    answer = sender.send("HEAD", address)

    assert (answer["Upload-Offset"], answer["Upload-Length"]) == ("10", str(len(CONTENT)))
    assert answer["Upload-Metadata"] == encoded(language="ar")
    assert "GMT" in answer["Upload-Expires"]


@pytest.mark.parametrize("version", [None, "0.2.2", "2.0.0"])
def test_other_version_is_refused(sender: Sender, version: str | None) -> None:
    address = sender.begin()
    for method, target in (("POST", ADDRESS), ("HEAD", address), ("PATCH", address), ("DELETE", address)):
        answer = sender.send(method, target, Tus_Resumable=version, Upload_Offset=0)
        assert (answer.status_code, answer["Tus-Version"]) == (412, "1.0.0"), method
    assert sender.offset(address) == 0


@pytest.mark.parametrize("length", [None, "", "-1", "1.5", "ten", "0", "9" * 30, "١٢"])
def test_odd_length_is_refused_in_words(sender: Sender, length: str | None) -> None:
    answer = sender.send("POST", ADDRESS, Upload_Length=length)

    assert answer.status_code == 400
    assert answer.content.decode().endswith(".")
    assert not IncomingFile.objects.exists()


def test_length_that_comes_later_is_not_spoken_here(sender: Sender) -> None:
    assert sender.send("POST", ADDRESS, Upload_Defer_Length=1).status_code == 400


@pytest.mark.parametrize(
    "metadata",
    ["filename not-base64!", "filename //79", "filename YQ==,filename Yg==", "filename " + "QUFB" * 2000],
)
def test_odd_metadata_is_refused_in_words(sender: Sender, metadata: str) -> None:
    answer = sender.send("POST", ADDRESS, Upload_Length=5, Upload_Metadata=metadata)

    assert (answer.status_code, answer.content) == (400, b"What was said about the file cannot be read.")


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"issued_on": "yesterday"}, "Write the date as year, month, day, for example 2026-03-12."),
        ({"issued_on": "2999-01-01"}, "This date is in the future. Check it."),
        ({"filename": "x" * 256}, "The name of this file is too long. Give it a shorter one."),
        ({"kind": "spell"}, "Select a valid choice. spell is not one of the available choices."),
        ({"filename": "a\0b"}, "Null characters are not allowed."),
    ],
)
def test_odd_answers_are_refused_in_words(sender: Sender, said: dict[str, str], sentence: str) -> None:
    answer = sender.send("POST", ADDRESS, Upload_Length=5, Upload_Metadata=encoded(**said))

    assert (answer.status_code, answer.content.decode()) == (400, sentence)


def test_without_metadata_the_file_has_a_name_all_the_same(sender: Sender) -> None:
    answer = sender.send("POST", ADDRESS, Upload_Length=5, Upload_Metadata=None)

    assert upload_at(answer["Location"]).name == "document"


def test_name_loses_folders_and_tricks(sender: Sender) -> None:
    assert upload_at(sender.begin(filename="../../C:\\CD\\x\u202efdp.dcm")).name == "xfdp.dcm"


def test_begun_twice_after_a_lost_answer_is_one_upload(sender: Sender) -> None:
    key = str(uuid.uuid4())
    address = sender.begin(key=key)
    sender.patch(address, 0, CONTENT[:7])
    again = sender.send("POST", ADDRESS, Upload_Length=len(CONTENT), Upload_Metadata=encoded(key=key))

    assert (again.status_code, again["Location"], again["Upload-Offset"]) == (201, address, "7")
    assert DocumentUpload.objects.count() == 1


def test_piece_sent_twice_is_answered_by_where_the_upload_stands(sender: Sender) -> None:
    address = sender.begin()
    sender.patch(address, 0, CONTENT[:3000])
    again = sender.patch(address, 0, CONTENT[:3000])

    assert (again.status_code, again["Upload-Offset"]) == (409, "3000")
    assert sender.offset(address) == 3000


def test_piece_out_of_order_is_not_taken(sender: Sender, stored: Callable[[], list[Path]]) -> None:
    address = sender.begin()

    assert sender.patch(address, 4000, CONTENT[4000:]).status_code == 409
    assert sender.offset(address) == 0
    assert stored() == []


@pytest.mark.parametrize("offset", [None, "", "-5", "x", "1e3"])
def test_odd_offset_is_refused_in_words(sender: Sender, offset: str | None) -> None:
    answer = sender.send("PATCH", sender.begin(), b"x", Upload_Offset=offset)

    assert answer.status_code == 400
    assert "Upload-Offset" in answer.content.decode()


def test_piece_of_another_type_is_refused(sender: Sender) -> None:
    address = sender.begin()

    assert sender.patch(address, 0, b"x", Content_Type="application/octet-stream").status_code == 415
    assert sender.patch(address, 0, b"x", Content_Type="multipart/form-data; boundary=x").status_code == 415


def test_more_than_was_said_is_refused(sender: Sender) -> None:
    address = sender.begin(10)

    assert sender.patch(address, 0, b"x" * 11).status_code == 413
    assert sender.offset(address) == 0


def test_post_stands_for_patch_where_a_proxy_knows_nothing_else(sender: Sender) -> None:
    address = sender.begin()
    answer = sender.send("POST", address, b"abc", Upload_Offset=0, X_HTTP_Method_Override="PATCH")
    assert (answer.status_code, answer["Upload-Offset"]) == (204, "3")

    got = sender.send("GET", address, Upload_Offset=3, X_HTTP_Method_Override="DELETE")
    assert got.status_code == 405, "a GET never becomes something else"
    assert sender.offset(address) == 3


def test_removed_upload_is_gone_with_its_bytes(
    sender: Sender, stored: Callable[[], list[Path]], django_capture_on_commit_callbacks: Any
) -> None:
    address = sender.begin()
    sender.patch(address, 0, CONTENT[:5000])
    assert len(stored()) == 2
    with django_capture_on_commit_callbacks(execute=True):
        assert sender.send("DELETE", address).status_code == 204

    assert stored() == []
    assert [sender.send(method, address).status_code for method in ("HEAD", "DELETE")] == [404, 404]
    assert sender.patch(address, 0, b"x").status_code == 404


# --- who may ----------------------------------------------------------------------------------------------------------


def test_upload_of_somebody_else_is_not_there(sender: Sender, relatives_draft: Request) -> None:
    address = sender.begin()
    foreign = Sender(Browser().sign_in(relatives_draft).client)

    answers = [foreign.send("HEAD", address), foreign.patch(address, 0, b"x"), foreign.send("DELETE", address)]
    removed = foreign.client.post(address + "remove/")
    missing = foreign.client.post(address.replace(address.split("/")[-2], str(uuid.uuid4())) + "remove/")
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert (removed.status_code, removed["Location"]) == (missing.status_code, missing["Location"])
    assert sender.offset(address) == 0


def test_without_session_the_answer_says_what_to_do(sender: Sender) -> None:
    address = sender.begin()
    answer = Sender(Client()).patch(address, 0, b"x")

    assert answer.status_code == 403
    assert answer.content.decode() == (
        "You are signed out. Sign in and choose the file again: what has arrived is kept."
    )


def test_the_mailed_code_alone_opens_no_upload(sender: Sender, draft: Request) -> None:
    address = sender.begin()
    half = Sender(Browser().sign_in(draft, level=AccessLevel.STATUS).client)

    assert [half.send("HEAD", address).status_code, half.send("POST", ADDRESS).status_code] == [404, 404]


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_other_pages_cannot_send_for_the_patient(draft: Request, sender: Sender, method: str) -> None:
    address = sender.begin()
    strict = Sender(Client(enforce_csrf_checks=True))
    strict.client.cookies[django_settings.PATIENT_COOKIE_NAME] = access.start_session(draft)
    target = ADDRESS if method == "POST" else address

    assert strict.send(method, target, b"x", Upload_Length=1, Upload_Offset=0).status_code == 403
    page = Browser(client=strict.client).open("second-opinion/start/documents/")
    token = page.html.partition('name="csrfmiddlewaretoken" value="')[2].partition('"')[0]
    answer = strict.send(method, target, b"x", Upload_Length=1, Upload_Offset=0, X_CSRFToken=token)
    assert answer.status_code in {201, 204}


def test_withdrawn_request_takes_nothing_more(sender: Sender, draft: Request) -> None:
    address = sender.begin()
    withdrawn = withdrawn_of(draft)

    assert withdrawn.status == "withdrawn"
    assert sender.patch(address, 0, CONTENT).status_code == 403
    assert sender.send("POST", ADDRESS, Upload_Length=5).status_code == 403
    upload = upload_at(address)
    IncomingFile.objects.update(received=len(CONTENT))
    assert workflow.keep_upload(upload_id=upload.pk) is None
    assert not DocumentUpload.objects.exists(), "what came of it is forgotten"


def withdrawn_of(draft: Request) -> Request:
    case = workflow.submit(
        request=draft,
        by=factories.patient_of(draft),
        seen_version=draft.version,
        idempotency_key=uuid.uuid4(),
        coordination_consent=factories.coordination_hash(),
        facility_consent="",
        shown_in="en",
    )
    return workflow.withdraw(request=case, by=factories.patient_of(case), seen_version=case.version, text="")


def test_erased_request_leaves_nothing_of_an_upload(
    sender: Sender, draft: Request, stored: Callable[[], list[Path]], django_capture_on_commit_callbacks: Any
) -> None:
    address = sender.begin()
    sender.patch(address, 0, CONTENT[:5000])
    with django_capture_on_commit_callbacks(execute=True):
        workflow.erase(request=draft, by=factories.patient_of(draft))

    assert stored() == []
    assert not IncomingFile.objects.exists()
    assert sender.patch(address, 5000, CONTENT[5000:]).status_code == 403, "the session ended with the request"


# --- limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("report.pdf", 50),
        ("photo.jpeg", 50),
        ("study.zip", 2048),
        ("IM0001", 2048),
        ("IM.dcm", 2048),
        ("Thorax 12.03.2024", 2048),
        ("letter.docx", 50),
    ],
)
def test_limit_follows_the_name(name: str, limit: int) -> None:
    assert uploads.limit_of(name) == limit * 1024**2


def test_too_large_file_is_refused_before_a_byte_is_sent(sender: Sender) -> None:
    answer = sender.send("POST", ADDRESS, Upload_Length=51 * 1024**2, Upload_Metadata=encoded(filename="a.pdf"))

    assert answer.status_code == 413
    assert answer.content.decode() == "This file is larger than 50.0\xa0MB. Send a smaller file, or several parts."
    study = sender.send("POST", ADDRESS, Upload_Length=2 * 1024**3 + 1, Upload_Metadata=encoded(filename="a.zip"))
    assert study.status_code == 413


def test_large_file_that_is_no_scan_is_refused_at_its_first_bytes(sender: Sender, settings: Any) -> None:
    settings.MAXIMUM_FILE_BYTES = 5000
    video, study, archive = (sender.begin(filename=name) for name in ("a", "b.dcm", "c.zip"))
    answer = sender.patch(video, 0, CONTENT)

    assert answer.status_code == 413
    assert sender.send("HEAD", video).status_code == 404
    dicom = b"\0" * 128 + b"DICM" + CONTENT
    assert sender.patch(study, 0, dicom[: len(CONTENT)]).status_code == 204
    assert sender.patch(archive, 0, (b"PK\x03\x04" + CONTENT)[: len(CONTENT)]).status_code == 204


def test_request_holds_so_many_files_and_bytes(sender: Sender, settings: Any) -> None:
    settings.MAXIMUM_FILES_PER_REQUEST = 2
    settings.MAXIMUM_BYTES_PER_REQUEST = 1000
    first = sender.begin(600)
    full = sender.send("POST", ADDRESS, Upload_Length=401)
    assert (full.status_code, "as many files as it can" in full.content.decode()) == (413, True)
    sender.begin(400)
    assert sender.send("POST", ADDRESS, Upload_Length=1).status_code == 413, "the third file"

    sender.send("DELETE", first)
    sender.begin(1)


# --- bytes ------------------------------------------------------------------------------------------------------------


class BrokenBody:
    """A connection that breaks after some bytes."""

    def __init__(self, content: bytes) -> None:
        self.rest = io.BytesIO(content)

    def read(self, size: int = -1) -> bytes:
        piece = self.rest.read(size)
        if not piece:
            raise OSError("connection reset")
        return piece


@pytest.mark.parametrize("arrived", [1, 999, 1000, 2499, 2500, 2501, 7000])
def test_broken_connection_keeps_what_was_sealed(sender: Sender, draft: Request, arrived: int) -> None:
    address = sender.begin()
    upload = upload_at(address)
    body = BrokenBody(CONTENT[:arrived])
    workflow.receive_upload(upload=upload, by=factories.patient_of(draft), offset=0, body=body)

    assert sender.offset(address) == arrived
    assert sender.patch(address, arrived, CONTENT[arrived:]).status_code == 204
    document = workflow.keep_upload(upload_id=upload.pk)
    assert document is not None
    assert b"".join(document.file.chunks()) == CONTENT


def test_two_senders_at_once_make_one_file(sender: Sender, draft: Request, stored: Callable[[], list[Path]]) -> None:
    address = sender.begin()

    class Slow(io.BytesIO):
        """While the first sender's bytes arrive, a second one sends the same."""

        def read(self, size: int | None = -1) -> bytes:
            if self.tell() == 0:
                assert sender.patch(address, 0, CONTENT[:2500]).status_code == 204
            return super().read(size)

    with pytest.raises(incoming.WrongOffset):
        workflow.receive_upload(
            upload=upload_at(address), by=factories.patient_of(draft), offset=0, body=Slow(CONTENT[:2500])
        )
    assert sender.offset(address) == 2500
    assert len(stored()) == 1, "the second one's chunk is thrown away"


def test_nothing_readable_lies_in_the_storage(sender: Sender, stored: Callable[[], list[Path]]) -> None:
    text = b"malignant " * 1000
    address = sender.begin(len(text), filename="malignant.txt")
    sender.patch(address, 0, text)

    on_disk = b"".join(file.read_bytes() for file in stored())
    assert len(stored()) == 4
    assert len(on_disk) >= len(text)
    assert b"malignant" not in on_disk
    assert all("malignant" not in file.name for file in stored())


@pytest.mark.parametrize("damage", ["swapped", "cut", "changed", "longer", "lost"])
def test_damaged_chunk_is_asked_for_again(
    sender: Sender, draft: Request, damage: str, django_capture_on_commit_callbacks: Any, tmp_path: Path
) -> None:
    address = sender.begin()
    sender.patch(address, 0, CONTENT)
    upload = upload_at(address)
    files = [
        tmp_path / "documents" / name
        for name in upload.incoming.parts.order_by("number").values_list("storage_name", flat=True)
    ]
    one, two = files[1].read_bytes(), files[2].read_bytes()
    if damage == "lost":
        files[1].unlink()
    else:
        changed = one[:50] + bytes([one[50] ^ 1]) + one[51:]
        made = {"swapped": two, "cut": one[:-1], "changed": changed, "longer": one[:-28] + two}
        files[1].write_bytes(made[damage])
    with django_capture_on_commit_callbacks(execute=True):
        if damage == "lost":
            look_for_orphans()
        else:
            assert workflow.keep_upload(upload_id=upload.pk) is None

    assert not Document.objects.exists()
    assert not StoredFile.objects.exists()
    assert sender.offset(address) == 2500, "as far as it can be read"
    sender.patch(address, 2500, CONTENT[2500:])
    document = workflow.keep_upload(upload_id=upload.pk)
    assert document is not None
    assert b"".join(document.file.chunks()) == CONTENT


def test_name_and_what_was_said_are_sealed(sender: Sender) -> None:
    address = sender.begin(filename="Thorax.dcm", fingerprint="ab" * 32)
    upload = upload_at(address)

    assert (upload.name, upload.fingerprint) == ("Thorax.dcm", "ab" * 32)
    rows = [*IncomingFile.objects.values().first().values(), *DocumentUpload.objects.values().first().values()]
    assert all(b"Thorax" not in bytes(value) for value in rows if isinstance(value, bytes))
    assert not any("Thorax" in str(value) for value in rows if not isinstance(value, bytes))


# --- the worker -------------------------------------------------------------------------------------------------------


def test_whole_upload_rings_once_it_is_committed(
    sender: Sender, rung: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        address = sender.begin()
        sender.patch(address, 0, CONTENT[:5000])
    assert rung == []
    with django_capture_on_commit_callbacks(execute=True):
        sender.patch(address, 5000, CONTENT[5000:])
    assert rung == [str(upload_at(address).pk)]


def test_lost_doorbell_is_made_good_by_the_sweep(sender: Sender, rung: list[str]) -> None:
    whole, fresh, half = (sender.begin(key=str(uuid.uuid4())) for _ in range(3))
    for address, until in ((whole, len(CONTENT)), (fresh, len(CONTENT)), (half, 5000)):
        sender.patch(address, 0, CONTENT[:until])
    now = timezone.now()
    IncomingFile.objects.update(touched_at=now - tasks.SWEEP_AFTER * 2)
    IncomingFile.objects.filter(document_upload=upload_at(fresh)).update(touched_at=now)

    with time_machine.travel(now, tick=False):
        tasks.keep_whole_uploads()
    assert rung == [str(upload_at(whole).pk)]


def test_kept_twice_is_one_document(sender: Sender) -> None:
    address = sender.begin()
    sender.patch(address, 0, CONTENT)
    upload = upload_at(address)

    assert IncomingFile.objects.claim(upload.incoming_id) is not None, "another worker has it"
    assert workflow.keep_upload(upload_id=upload.pk) is None
    IncomingFile.objects.update(leased_until=timezone.now() - datetime.timedelta(seconds=1))
    assert workflow.keep_upload(upload_id=upload.pk) is not None, "the other one died"
    assert workflow.keep_upload(upload_id=upload.pk) is None
    assert Document.objects.count() == 1


def test_kept_file_is_judged_once_it_is_committed(
    sender: Sender, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    judged: list[str] = []
    monkeypatch.setattr(judge_file, "delay", judged.append)
    address = sender.begin()
    sender.patch(address, 0, CONTENT)

    with django_capture_on_commit_callbacks(execute=True):
        document = workflow.keep_upload(upload_id=upload_at(address).pk)
        assert judged == []

    assert document is not None
    assert judged == [str(document.file_id)]


def test_upload_removed_while_its_file_is_sealed_leaves_nothing(
    sender: Sender, draft: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = sender.begin()
    sender.patch(address, 0, CONTENT)
    upload, manager = upload_at(address), type(StoredFile.objects)
    store = manager.store

    def store_and_remove(self: Any, *args: Any, **kwargs: Any) -> StoredFile:
        file = store(self, *args, **kwargs)
        workflow.remove_upload(upload=upload, by=Actor.author(draft))
        return file

    monkeypatch.setattr(manager, "store", store_and_remove)

    assert workflow.keep_upload(upload_id=upload.pk) is None
    assert not Document.objects.exists()
    assert not StoredFile.objects.exists()


def test_unfinished_upload_is_not_kept(sender: Sender) -> None:
    address = sender.begin()
    sender.patch(address, 0, CONTENT[:-1])

    assert workflow.keep_upload(upload_id=upload_at(address).pk) is None
    assert not Document.objects.exists()


def test_the_same_file_sent_again_is_kept_once(sender: Sender) -> None:
    for language in ("en", "it"):
        address = sender.begin(language=language)
        sender.patch(address, 0, CONTENT)
        workflow.keep_upload(upload_id=upload_at(address).pk)

    assert [document.language for document in Document.objects.all()] == ["it"]
    assert StoredFile.objects.count() == 1


def test_forgotten_upload_is_removed(
    sender: Sender, stored: Callable[[], list[Path]], django_capture_on_commit_callbacks: Any
) -> None:
    old, young = sender.begin(key=str(uuid.uuid4())), sender.begin(key=str(uuid.uuid4()))
    sender.patch(old, 0, CONTENT[:5000])
    IncomingFile.objects.filter(document_upload=upload_at(old)).update(
        touched_at=timezone.now() - datetime.timedelta(days=7, minutes=1)
    )
    with django_capture_on_commit_callbacks(execute=True):
        tasks.remove_old_uploads()

    assert stored() == []
    assert [sender.send("HEAD", address).status_code for address in (old, young)] == [404, 200]


def test_one_forgotten_upload_that_cannot_go_keeps_no_other(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck, other = sender.begin(key=str(uuid.uuid4())), sender.begin(key=str(uuid.uuid4()))
    IncomingFile.objects.filter(document_upload=upload_at(stuck)).update(
        touched_at=timezone.now() - datetime.timedelta(days=9)
    )
    IncomingFile.objects.filter(document_upload=upload_at(other)).update(
        touched_at=timezone.now() - datetime.timedelta(days=8)
    )
    drop, stuck_id = uploads._drop, upload_at(stuck).pk

    def fail(key: uuid.UUID) -> None:
        if key == stuck_id:
            raise PermissionError
        drop(key)

    monkeypatch.setattr(uploads, "_drop", fail)
    tasks.remove_old_uploads()

    assert [sender.send("HEAD", address).status_code for address in (stuck, other)] == [200, 404]


def test_chunk_of_a_process_that_died_is_found(
    sender: Sender, stored: Callable[[], list[Path]], tmp_path: Path
) -> None:
    address = sender.begin()
    sender.patch(address, 0, CONTENT[:2500])
    (known,) = stored()
    lost, fresh = (tmp_path / "documents" / "incoming" / name for name in ("lost", "fresh"))
    for file in (lost, fresh):
        file.write_bytes(b"sealed")
    before = timezone.now().timestamp() - 2 * 86_400
    for file in (known, lost):
        os.utime(file, (before, before))

    look_for_orphans()
    assert stored() == sorted([known, fresh])


def test_judged_like_any_other_file(sender: Sender, settings: Any) -> None:
    settings.CLAMAV_ADDRESS = ""
    content = corpus.scans(count=4)
    address = sender.begin(len(content), filename="cd.zip")
    sender.patch(address, 0, content)
    document = workflow.keep_upload(upload_id=upload_at(address).pk)

    assert document is not None
    assert judging.process(document.file_id) == FileState.UNSCANNED
    document.file.refresh_from_db()
    assert (document.file.kind, document.file.pages) == ("dicom_archive", 4)


def test_too_large_says_the_limit() -> None:
    assert "50.0" in str(FileTooLarge(50 * 1024**2).sentence)


def test_stranger_cannot_add(sender: Sender, relatives_draft: Request) -> None:
    upload = upload_at(sender.begin())

    with pytest.raises(NotAllowed):
        workflow.receive_upload(upload=upload, by=Actor.author(relatives_draft), offset=0, body=io.BytesIO(b"x"))
