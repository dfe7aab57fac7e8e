"""Sealing and unsealing of files with Tink. `vault.files` loads this module when the first file passes."""

import io
import os
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, BinaryIO, cast

import tink
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from tink import secret_key_access, streaming_aead
from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2, tink_pb2

from vault.keys import SealBroken

streaming_aead.register()

# Tink's wire format of AES-GCM-HKDF streams: https://developers.google.com/tink/wire-format#streaming_aead
TAG_BYTES = 16
NONCE_PREFIX_BYTES = 7
# A reader who goes back and forth, as one of ZIP files does, is at home in a few places at once.
SEGMENTS_KEPT = 3


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


class SeekableStream(io.RawIOBase):
    """Reads a sealed stream from any place; Tink's own reader goes only forward.

    Each segment is authenticated with its number and with whether it is the last, so a stream that was cut, shuffled
    or changed does not open. Keeps a few segments of 1 MiB in memory.
    """

    def __init__(self, keyset: bytes, sealed: BinaryIO, associated_data: bytes) -> None:
        super().__init__()
        key = _streaming_key(keyset)
        self._sealed = sealed
        self._segment_bytes = key.params.ciphertext_segment_size
        self._header_bytes = 1 + key.params.derived_key_size + NONCE_PREFIX_BYTES
        sealed_bytes = sealed.seek(0, os.SEEK_END)
        sealed.seek(0)
        header = sealed.read(self._header_bytes)
        if len(header) != self._header_bytes or header[0] != self._header_bytes:
            raise SealBroken("The stored file was cut or changed.")
        salt, self._nonce_prefix = header[1:-NONCE_PREFIX_BYTES], header[-NONCE_PREFIX_BYTES:]
        derived = HKDF(algorithm=SHA256(), length=key.params.derived_key_size, salt=salt, info=associated_data)
        self._aead = AESGCM(derived.derive(key.key_value))
        self._sealed_bytes = sealed_bytes
        self._last = max(0, -(-sealed_bytes // self._segment_bytes) - 1)
        self._size = sealed_bytes - self._header_bytes - (self._last + 1) * TAG_BYTES
        self._position = 0
        self._opened: OrderedDict[int, bytes] = OrderedDict()
        # A stream that was cut at the border of a segment is found out here, before anything is read from it.
        self._segment(self._last)

    @property
    def size(self) -> int:
        """Return the number of readable bytes."""
        return self._size

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, target: Any) -> int:
        if self._position >= self._size:
            return 0
        # The header takes room in the first segment.
        number, offset = divmod(self._position + self._header_bytes, self._segment_bytes - TAG_BYTES)
        if number == 0:
            offset -= self._header_bytes
        piece = self._segment(number)[offset : offset + len(target)]
        target[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._sealed.close()
            self._opened.clear()
        super().close()

    def _segment(self, number: int) -> bytes:
        if number in self._opened:
            self._opened.move_to_end(number)
            return self._opened[number]
        start = self._header_bytes if number == 0 else number * self._segment_bytes
        self._sealed.seek(start)
        sealed = self._sealed.read((number + 1) * self._segment_bytes - start)
        is_last = bytes([number == self._last])
        nonce = self._nonce_prefix + number.to_bytes(4, "big") + is_last
        try:
            plain = self._aead.decrypt(nonce, sealed, None)
        except (InvalidTag, ValueError) as error:
            raise SealBroken("The stored file was cut or changed.") from error
        self._opened[number] = plain
        if len(self._opened) > SEGMENTS_KEPT:
            self._opened.popitem(last=False)
        return plain


def _streaming_key(keyset: bytes) -> aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey:
    """Return the one key of a file's keyset."""
    parsed = tink_pb2.Keyset.FromString(keyset)
    key = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey.FromString(parsed.key[0].key_data.value)
    if len(parsed.key) != 1 or key.params.hkdf_hash_type != common_pb2.SHA256:
        raise SealBroken("The file was sealed in another way than this one.")
    return key


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
