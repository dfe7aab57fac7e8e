"""Uploads are sealed while they arrive: not one byte of them lies on disk in the clear.

The key of an upload lives in memory only, and its file has no name, so nothing readable is left by a crash.
"""

import io
import os
import tempfile
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopFutureHandlers
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext_lazy as _

from vault.keys import KEY_BYTES, NONCE_BYTES, SealBroken

SEGMENT_BYTES = 256 * 1024
TAG_BYTES = 16


class SealedBuffer(io.RawIOBase):
    """A file sealed in segments of 256 KiB under a key that exists in memory only.

    Write first, then `finish()`, then read and seek. Segments are bound to their number and to being the last.
    """

    def __init__(self) -> None:
        super().__init__()
        self._aead = AESGCM(os.urandom(KEY_BYTES))
        # A nameless file; its descriptor is ours alone, and goes when this object goes.
        with tempfile.TemporaryFile(dir=incoming_folder(), buffering=0) as file:
            self._descriptor = os.dup(file.fileno())
        self._rest = bytearray()
        self._segments = 0
        self._size = 0
        self._position = 0
        self._open_number = -1
        self._open_segment = b""

    @property
    def size(self) -> int:
        """Return the number of readable bytes."""
        return self._size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def append(self, data: bytes) -> None:
        """Add bytes at the end; whole segments are sealed at once."""
        self._rest += data
        self._size += len(data)
        while len(self._rest) >= SEGMENT_BYTES:
            self._write_segment(bytes(self._rest[:SEGMENT_BYTES]))
            del self._rest[:SEGMENT_BYTES]

    def finish(self) -> None:
        """Seal what is left; nothing is appended afterwards."""
        if self._rest:
            self._write_segment(bytes(self._rest))
            self._rest.clear()

    def readinto(self, target: Any) -> int:
        number, offset = divmod(self._position, SEGMENT_BYTES)
        if self._position >= self._size:
            return 0
        piece = self._read_segment(number)[offset : offset + len(target)]
        target[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        if not self.closed:
            os.close(self._descriptor)
            self._rest.clear()
            self._open_segment = b""
        super().close()

    def _write_segment(self, plain: bytes) -> None:
        nonce = self._segments.to_bytes(NONCE_BYTES, "big")
        sealed = memoryview(self._aead.encrypt(nonce, plain, b"upload|%d" % self._segments))
        while sealed:
            sealed = sealed[os.write(self._descriptor, sealed) :]
        self._segments += 1

    def _read_segment(self, number: int) -> bytes:
        if number != self._open_number:
            length = SEGMENT_BYTES + TAG_BYTES
            sealed = os.pread(self._descriptor, length, number * length)
            nonce = number.to_bytes(NONCE_BYTES, "big")
            try:
                self._open_segment = self._aead.decrypt(nonce, sealed, b"upload|%d" % number)
            except InvalidTag as error:
                raise SealBroken("A part of the upload was changed on disk.") from error
            self._open_number = number
        return self._open_segment


class SealedUpload(UploadedFile):
    """What a form receives. `too_large` files hold no bytes: the form says so and keeps everything else."""

    def __init__(
        self, buffer: SealedBuffer, name: str, content_type: str | None, charset: str | None, *, too_large: bool = False
    ) -> None:
        super().__init__(
            file=io.BufferedReader(buffer, SEGMENT_BYTES),
            name=name,
            content_type=content_type,
            size=buffer.size,
            charset=charset,
        )
        self.too_large = too_large


class SealingUploadHandler(FileUploadHandler):
    """Seal each file of a request as it arrives; together they stay below `MAXIMUM_UPLOAD_BYTES`."""

    chunk_size = SEGMENT_BYTES

    def __init__(self, request: Any = None) -> None:
        super().__init__(request)
        self._buffer: SealedBuffer | None = None
        self._kept = self._received_before = 0
        self._too_large = False

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._buffer = SealedBuffer()
        self._received_before = self._kept
        self._too_large = False
        raise StopFutureHandlers

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if self._too_large or self._buffer is None:
            return
        self._kept += len(raw_data)
        if self._kept > settings.MAXIMUM_UPLOAD_BYTES:
            self._drop(self._buffer)
        else:
            self._buffer.append(raw_data)

    def file_complete(self, file_size: int) -> SealedUpload | None:
        if self._buffer is None:
            return None
        self._buffer.finish()
        upload = SealedUpload(
            self._buffer, self.file_name or "", self.content_type, self.charset, too_large=self._too_large
        )
        self._buffer = None
        return upload

    def upload_interrupted(self) -> None:
        # Only the file that broke off: those before it are whole, and the view has them.
        if self._buffer is not None:
            self._buffer.close()

    def _drop(self, buffer: SealedBuffer) -> None:
        """Forget what came of this file, so that the rest of the form can still be read."""
        self._too_large = True
        self._kept = self._received_before
        buffer.close()
        self._buffer = SealedBuffer()


class UploadField(forms.FileField):
    """A file field that says in words when the file is too large."""

    default_error_messages = {
        "too_large": _("This file is larger than %(limit)s. Send a smaller file, or several parts."),
    }

    def to_python(self, data: Any) -> Any:
        if getattr(data, "too_large", False):
            limit = filesizeformat(settings.MAXIMUM_UPLOAD_BYTES)
            raise ValidationError(self.error_messages["too_large"], code="too_large", params={"limit": limit})
        return super().to_python(data)


def incoming_folder() -> Path:
    """Return the folder of uploads under way, readable by the service alone."""
    folder = Path(settings.DATA_DIR) / "incoming"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
