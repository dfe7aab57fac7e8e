"""Sealing and unsealing of files with Tink. `vault.files` loads this module when the first file passes."""

import io
from collections.abc import Iterable
from typing import Any, BinaryIO, cast

import tink
from tink import secret_key_access, streaming_aead

from vault.keys import SealBroken

streaming_aead.register()


def new_keyset() -> tink.KeysetHandle:
    """Return fresh keys for one file."""
    return tink.new_keyset_handle(streaming_aead.streaming_aead_key_templates.AES256_GCM_HKDF_1MB)


def keyset_bytes(keyset: tink.KeysetHandle) -> bytes:
    """Return a keyset in the clear, to be wrapped."""
    return tink.proto_keyset_format.serialize(keyset, secret_key_access.TOKEN)


def keyset_of(plain: bytes) -> tink.KeysetHandle:
    """Return the keyset that was wrapped."""
    return tink.proto_keyset_format.parse(plain, secret_key_access.TOKEN)


def unsealed(keyset: tink.KeysetHandle, sealed: BinaryIO, associated_data: bytes) -> "UnsealingStream":
    """Return a stream of what was sealed."""
    primitive = keyset.primitive(streaming_aead.StreamingAead)
    return UnsealingStream(primitive.new_decrypting_stream(sealed, associated_data))


class SealingSource(io.RawIOBase):
    """Sealed bytes, made while a storage reads them: any back end takes them without a temporary file."""

    def __init__(self, keyset: tink.KeysetHandle, associated_data: bytes, plain: Iterable[bytes]) -> None:
        super().__init__()
        self._sealed = _Pipe()
        # Closing Tink's stream writes the mark of the end, so it is closed only when all was read.
        self._stream = keyset.primitive(streaming_aead.StreamingAead).new_encrypting_stream(
            cast(BinaryIO, self._sealed), associated_data
        )
        self._plain = iter(plain)

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        while not self._sealed.waiting and not self._stream.closed:
            chunk = next(self._plain, None)
            if chunk is None:
                self._stream.close()
            else:
                self._stream.write(chunk)
        piece = self._sealed.take(len(target))
        target[: len(piece)] = piece
        return len(piece)


class UnsealingStream(io.RawIOBase):
    """Tink's reading stream, with our own error."""

    def __init__(self, plain: BinaryIO) -> None:
        super().__init__()
        self._plain = plain

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        try:
            piece = self._plain.read(len(target))
        except tink.TinkError as error:
            raise SealBroken("The stored file was cut or changed.") from error
        target[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._plain.close()
        super().close()


class _Pipe(io.RawIOBase):
    """Keeps what Tink writes until the storage takes it: at most a segment and a chunk."""

    def __init__(self) -> None:
        super().__init__()
        self._held = bytearray()

    @property
    def waiting(self) -> int:
        return len(self._held)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held += data
        return len(data)

    def take(self, count: int) -> bytes:
        piece = bytes(self._held[:count])
        del self._held[:count]
        return piece

    def close(self) -> None:
        """Stay readable: Tink closes its destination when the text is complete."""
