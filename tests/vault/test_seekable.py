"""A sealed file read from any place: the same bytes as Tink reads, and nothing that was cut or changed."""

import io
import os
import random
from pathlib import Path

import pytest
from django.core.files.base import ContentFile

from tests.vault.memory import growth_of
from vault.files import StoredFile
from vault.keys import DataKey, SealBroken

MIB = 1024 * 1024
# The first segment holds the header of the stream, each one a tag.
FIRST, NEXT = MIB - 40 - 16, MIB - 16
SIZES = [0, 1, FIRST - 1, FIRST, FIRST + 1, FIRST + NEXT, FIRST + NEXT + 1, 3 * MIB + 77]


def stored(data_key: DataKey, content: bytes) -> StoredFile:
    return StoredFile.objects.store(ContentFile(content, name="a.bin"), data_key=data_key)


@pytest.mark.parametrize("size", SIZES)
def test_any_place_reads_as_tink_does(data_key: DataKey, size: int) -> None:
    content = os.urandom(size)
    file = stored(data_key, content)
    with io.BufferedReader(file.open_seekable(), 100) as stream:  # type: ignore[arg-type]
        assert stream.seek(0, io.SEEK_END) == size
        assert stream.read(1) == b""
        stream.seek(0)
        assert stream.read() == content
        places = [0, FIRST - 500, FIRST + NEXT - 500, *(random.randrange(size + 2) for _ in range(50))]
        for start in places:
            stream.seek(start)
            assert stream.read(1000) == content[start : start + 1000]
    assert b"".join(file.chunks()) == content


@pytest.mark.parametrize("damage", ["cut", "cut at a border", "changed", "swapped", "longer", "another file"])
def test_damaged_file_does_not_open(data_key: DataKey, documents_folder: Path, damage: str) -> None:
    content = os.urandom(3 * MIB)
    file = stored(data_key, content)
    path = documents_folder / file.storage_name
    sealed = path.read_bytes()
    made = {
        "cut": sealed[:-1],
        "cut at a border": sealed[: 2 * MIB],
        "changed": sealed[: MIB + 5] + bytes([sealed[MIB + 5] ^ 1]) + sealed[MIB + 6 :],
        "swapped": sealed[:MIB] + sealed[2 * MIB : 3 * MIB] + sealed[MIB : 2 * MIB] + sealed[3 * MIB :],
        "longer": sealed + b"\0",
        "another file": (documents_folder / stored(data_key, content).storage_name).read_bytes(),
    }
    path.write_bytes(made[damage])

    with pytest.raises(SealBroken), file.open_seekable() as stream:
        while stream.read(MIB):
            pass


def test_large_file_takes_little_memory(data_key: DataKey) -> None:
    file = stored(data_key, bytes(40 * MIB))

    def read_all_over() -> None:
        with file.open_seekable() as stream:
            for start in range(0, 40 * MIB, MIB // 2):
                stream.seek(start)
                assert stream.read(10) == bytes(10)

    assert growth_of(read_all_over) < 12 * MIB
