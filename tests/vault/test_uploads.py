"""Uploads through a real request: sealed on arrival, too large ones said in words."""

import gc
import io
import os
from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest
from django.test import RequestFactory
from django.test.client import BOUNDARY

from tests.vault import corpus
from tests.vault.memory import growth_of
from vault.files import StoredFile
from vault.keys import DataKey, SealBroken
from vault.uploads import SEGMENT_BYTES, SealedBuffer, SealedUpload, UploadField, incoming_folder

MIB = 1024 * 1024


@pytest.fixture(autouse=True)
def small_uploads(settings: Any) -> None:
    """Allow a megabyte a request."""
    settings.FILE_UPLOAD_HANDLERS = ["vault.uploads.SealingUploadHandler"]
    settings.MAXIMUM_UPLOAD_BYTES = MIB


def request_with(**fields: Any) -> HttpRequest:
    """Return the request of a form."""
    return RequestFactory().post("/upload", fields)


def sent(content: bytes, name: str = "report.pdf") -> SealedUpload:
    """Return what arrives of one file."""
    upload = request_with(file=SimpleUploadedFile(name, content)).FILES["file"]
    assert isinstance(upload, SealedUpload)
    return upload


@pytest.mark.parametrize("size", [0, 1, SEGMENT_BYTES - 1, SEGMENT_BYTES, SEGMENT_BYTES + 1, MIB])
def test_upload_comes_back_as_it_was(size: int) -> None:
    content = os.urandom(size)
    upload = sent(content)

    assert (upload.name, upload.size, upload.too_large) == ("report.pdf", size, False)
    assert b"".join(upload.chunks()) == content
    assert b"".join(upload.chunks(1000)) == content
    upload.seek(max(0, size - 3))
    assert upload.read() == content[max(0, size - 3) :]
    upload.close()


def open_uploads() -> dict[str, bytes]:
    """Return the nameless files of uploads that this test holds open, with their bytes on disk."""
    found = {}
    # Uploads that other tests let go are closed by now.
    gc.collect()
    for path in list(Path("/proc/self/fd").iterdir()):
        if path.is_symlink() and str(path.readlink()).startswith(f"{incoming_folder()}/"):
            found[path.name] = path.read_bytes()
    return found


def test_nothing_readable_lies_on_disk(settings: Any) -> None:
    upload = sent(b"malignant " * 60_000)

    assert list(incoming_folder().iterdir()) == [], "the file has no name"
    on_disk = b"".join(open_uploads().values())
    assert len(on_disk) >= 600_000
    assert b"malignant" not in on_disk
    assert incoming_folder().stat().st_mode & 0o777 == 0o700
    upload.close()
    assert open_uploads() == {}


def test_changed_or_swapped_part_does_not_open() -> None:
    buffer = SealedBuffer()
    buffer.append(b"a" * SEGMENT_BYTES + b"b" * SEGMENT_BYTES)
    buffer.finish()
    length = SEGMENT_BYTES + 16
    one, two = (os.pread(buffer._descriptor, length, length * number) for number in range(2))
    os.pwrite(buffer._descriptor, two + one, 0)

    with pytest.raises(SealBroken):
        buffer.read(1)
    buffer.close()


def test_other_fields_and_many_files_arrive() -> None:
    request = request_with(name="Ada", file=[SimpleUploadedFile("a.txt", b"one"), SimpleUploadedFile("b.txt", b"two")])

    assert request.POST["name"] == "Ada"
    assert [upload.read() for upload in request.FILES.getlist("file")] == [b"one", b"two"]
    request.close()
    assert open_uploads() == {}


class LetterForm(forms.Form):
    name = forms.CharField()
    file = UploadField()


def test_too_large_file_is_said_in_words_and_the_rest_is_kept() -> None:
    request = request_with(file=SimpleUploadedFile("scan.zip", b"x" * (MIB + 1)), name="Ada")
    form = LetterForm(request.POST, request.FILES)

    assert not form.is_valid()
    assert form.errors["file"] == ["This file is larger than 1.0\xa0MB. Send a smaller file, or several parts."]
    assert form.cleaned_data == {"name": "Ada"}
    upload = request.FILES["file"]
    assert (upload.too_large, upload.size, upload.read()) == (True, 0, b"")
    request.close()


def test_too_large_file_is_never_taken_for_a_short_one_by_any_form() -> None:
    class AnyForm(forms.Form):
        file = forms.FileField()
        picture = forms.ImageField()

    large = {name: SimpleUploadedFile("x.png", b"x" * (MIB + 1)) for name in ("file", "picture")}
    request = request_with(**large)
    form = AnyForm(request.POST, request.FILES)

    assert set(form.errors) == {"file", "picture"}
    request.close()


def test_files_of_one_request_share_the_limit_and_a_dropped_one_counts_nothing() -> None:
    files = [SimpleUploadedFile(name, b"x" * size) for name, size in (("a", 700_000), ("b", 700_000), ("c", 200_000))]
    request = request_with(file=files)

    assert [upload.too_large for upload in request.FILES.getlist("file")] == [False, True, False]
    request.close()


def test_small_form_still_opens_a_picture() -> None:
    class PhotoForm(forms.Form):
        photo = forms.ImageField()

    request = request_with(photo=SimpleUploadedFile("photo.png", corpus.picture("PNG")))
    form = PhotoForm(request.POST, request.FILES)

    assert form.is_valid(), form.errors
    assert form.cleaned_data["photo"].image.size == (64, 48)
    request.close()


def test_name_that_climbs_or_holds_markup_is_only_a_name() -> None:
    assert sent(b"x", "../../etc/passwd").name == "passwd"
    assert sent(b"x", "<script>.pdf").name == "<script>.pdf"


class Generated(io.RawIOBase):
    """The body of a form with one file of many mebibytes, never whole in memory."""

    def __init__(self, mebibytes: int) -> None:
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="scan.zip"\r\n\r\n'
        self.head, self.tail = head.encode(), f"\r\n--{BOUNDARY}--\r\n".encode()
        self.left = mebibytes * MIB
        self.length = len(self.head) + self.left + len(self.tail)
        self.parts = [self.tail, self.head]

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        if len(self.parts) == 2 and self.parts[-1]:
            piece, self.parts[-1] = self.parts[-1][: len(target)], self.parts[-1][len(target) :]
        elif self.left:
            piece = b"\xfe" * min(len(target), self.left)
            self.left -= len(piece)
        else:
            piece, self.parts[0] = self.parts[0][: len(target)], self.parts[0][len(target) :]
        target[: len(piece)] = piece
        return len(piece)


def post_generated(mebibytes: int) -> HttpRequest:
    """Return a request that sends many mebibytes."""
    body = Generated(mebibytes)
    request = RequestFactory().post("/upload")
    request.META["CONTENT_LENGTH"] = str(body.length)
    request._stream = io.BufferedReader(body)
    request._read_started = False
    return request


def test_200_mebibytes_arrive_and_are_stored_in_constant_memory(data_key: DataKey, settings: Any) -> None:
    settings.MAXIMUM_UPLOAD_BYTES = 200 * MIB
    sent(b"warm up").close()
    StoredFile.objects.store(sent(b"x" * MIB), data_key=data_key)
    stored = []

    def receive() -> None:
        request = post_generated(200)
        stored.append(StoredFile.objects.store(request.FILES["file"], data_key=data_key))
        request.close()

    assert growth_of(receive) < 24 * MIB
    assert stored[0].size == 200 * MIB
    assert next(stored[0].chunks())[:3] == b"\xfe\xfe\xfe"


def test_ruler_sees_the_same_upload_held_in_memory(settings: Any) -> None:
    settings.FILE_UPLOAD_HANDLERS = [f"{__name__}.KeepingHandler"]
    request = post_generated(200)
    request.upload_handlers = [KeepingHandler(request)]

    assert growth_of(lambda: request.FILES) > 150 * MIB


class KeepingHandler(FileUploadHandler):
    """Keeps everything in memory: what ours must not do."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.kept: list[bytes] = []

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.kept.append(raw_data)

    def file_complete(self, file_size: int) -> SimpleUploadedFile:
        return SimpleUploadedFile("x", b"")


def test_interrupted_upload_leaves_nothing(settings: Any) -> None:
    body = Generated(1)
    body.left = 500_000
    request = RequestFactory().post("/upload")

    class Broken(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            if body.left <= 100_000:
                raise OSError("the reader is gone")
            return io.RawIOBase.read(body, min(size, 60_000)) or b""

    request._stream = Broken()
    request.META["CONTENT_LENGTH"] = str(body.length)
    request._read_started = False
    with pytest.raises(OSError, match="gone"):
        _ = request.FILES
    # The handler goes with the request, and the file with the handler.
    del request

    assert open_uploads() == {}
