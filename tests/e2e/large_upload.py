"""A study of any size, sent over HTTP as a browser does, and how much memory the portal's processes take meanwhile."""

import base64
import contextlib
import http.client
import http.cookies
import io
import random
import re
import struct
import threading
import time
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlencode

import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from benchmarks.measuring import family
from tests.e2e.portal import PATIENCE, Portal, wait_for

MIB = 1024 * 1024
PIECE = 8 * MIB
VERSION = {"Tus-Resumable": "1.0.0"}
PIECE_TYPE = {"Content-Type": "application/offset+octet-stream"}


class Sender:
    """A patient who begins a draft over HTTP and sends files to it."""

    def __init__(self, portal: Portal) -> None:
        self._connection = http.client.HTTPConnection("localhost", portal.port, timeout=PATIENCE)
        self._cookies: http.cookies.SimpleCookie = http.cookies.SimpleCookie()
        self._token = ""

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def begin_draft(self) -> None:
        """Fill in the first screen."""
        answers = {
            "for_whom": "self",
            "email": f"sender-{uuid.uuid4().hex[:8]}@example.org",
            "country": "AE",
            "language": "en",
            "idempotency_key": str(uuid.uuid4()),
        }
        page = "/en/second-opinion/start/"
        self._read_token(page)
        body = urlencode(answers | {"csrfmiddlewaretoken": self._token}).encode()
        status, _headers, _content = self.ask("POST", page, body, {"Content-Type": "application/x-www-form-urlencoded"})
        assert status == 302, status
        self._read_token("/en/second-opinion/start/documents/")

    def send(self, study: "BinaryIO | Study", size: int, name: str) -> str:
        """Send a file in pieces of 8 MiB and return its address."""
        said = f"filename {base64.b64encode(name.encode()).decode()},kind {base64.b64encode(b'imaging').decode()}"
        about = VERSION | {"Upload-Length": str(size), "Upload-Metadata": said}
        status, headers, content = self.ask("POST", "/en/my-request/uploads/", b"", about)
        assert status == 201, content
        offset, address = 0, headers["Location"]
        while piece := study.read(PIECE):
            given = VERSION | PIECE_TYPE | {"Upload-Offset": str(offset)}
            status, headers, content = self.ask("PATCH", address, piece, given)
            assert status == 204, content
            offset = int(headers["Upload-Offset"])
        assert offset == size
        return address

    def page(self) -> str:
        """Return the screen of the papers."""
        return self.ask("GET", "/en/second-opinion/start/documents/", b"", {})[2].decode()

    def wait_until_checked(self, *, seconds: float) -> str:
        """Return what the page says once no file waits any more."""
        wait_for(lambda: "data-waiting" not in self.page(), seconds=seconds, why="the file is not checked in time")
        return self.page()

    def ask(
        self, method: str, path: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Return status, headers and content; cookies and the token go along."""
        own = {"Cookie": "; ".join(f"{name}={value.value}" for name, value in self._cookies.items())}
        if method != "GET":
            own["X-CSRFToken"] = self._token
        self._connection.request(method, path, body, own | headers)
        answer = self._connection.getresponse()
        content = answer.read()
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            self._cookies.load(cookie)
        return answer.status, answer.headers, content

    def _read_token(self, page: str) -> None:
        found = re.search(rb'name="csrfmiddlewaretoken" value="([^"]+)"', self.ask("GET", page, b"", {})[2])
        assert found, "the page holds no token"
        self._token = found[1].decode()


class Study(io.RawIOBase):
    """A ZIP of CT pictures as a hospital's CD holds them, stored without packing, made while it is read.

    Pixels are noise, as those of a scan nearly are: they do not pack. Reads once, from beginning to end.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = CTImageStorage, ExplicitVRLittleEndian
        self._meta = meta
        self._noise = random.Random(1).randbytes(512 * 512 * 2 - 8)
        one = len(self._picture(0))
        overhead = 2 * len(self._name(0)) + 30 + 46
        self.pictures = max(1, (size - 22) // (one + overhead))
        self.size = self.pictures * (one + overhead) + 22
        self._pieces = self._make()
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Return so many bytes, fewer at the end only."""
        while len(self._rest) < size and (piece := next(self._pieces, b"")):
            self._rest += piece
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    @staticmethod
    def _name(number: int) -> bytes:
        return f"CD/DICOM/IM{number:06}".encode()

    def _picture(self, number: int) -> bytes:
        self._meta.MediaStorageSOPInstanceUID = f"1.2.826.0.1.3680043.8.498.{10**9 + number}"
        scan = FileDataset("", {}, file_meta=self._meta, preamble=b"\0" * 128)
        scan.SOPClassUID, scan.SOPInstanceUID = CTImageStorage, self._meta.MediaStorageSOPInstanceUID
        scan.PatientName, scan.Modality = "Demo^Person", "CT"
        scan.Rows = scan.Columns = 512
        scan.SamplesPerPixel, scan.BitsAllocated, scan.BitsStored, scan.HighBit = 1, 16, 16, 15
        scan.PixelRepresentation, scan.PhotometricInterpretation = 0, "MONOCHROME2"
        scan.PixelData = number.to_bytes(8, "big") + self._noise
        target = io.BytesIO()
        pydicom.dcmwrite(target, scan, enforce_file_format=True)
        return target.getvalue()

    def _make(self) -> Iterator[bytes]:
        directory, place = bytearray(), 0
        for number in range(self.pictures):
            name, content = self._name(number), self._picture(number)
            about = struct.pack(
                "<HHHHHIIIHH", 20, 0, 0, 0, 33, zlib.crc32(content), len(content), len(content), len(name), 0
            )
            directory += b"PK\x01\x02" + struct.pack("<H", 20) + about + struct.pack("<HHHII", 0, 0, 0, 0, place) + name
            entry = b"PK\x03\x04" + about + name + content
            place += len(entry)
            yield entry
        count = self.pictures
        tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(directory), place, 0)
        yield bytes(directory) + tail


class Peaks:
    """How much the memory of processes grows while a block runs: web, worker, and the child that judges.

    Each part has several processes, and one that has served nothing yet loads what the others have: growth is counted
    from the one that had most.
    """

    def __init__(self, portal: Portal) -> None:
        self._roots = {name: portal.pid_of(name) for name in ("web", "worker")}
        self._before: dict[str, dict[int, int]] = {}
        self.growth = {"web": 0, "worker": 0}
        # Of the judging process the whole, for it lives only while it judges.
        self.judge = 0

    @contextlib.contextmanager
    def watched(self) -> Iterator["Peaks"]:
        """Watch until the block ends."""
        for name, root in self._roots.items():
            for pid in family(root):
                # 5 sets the mark of the highest resident memory back (man proc_pid_clear_refs).
                with contextlib.suppress(OSError):
                    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
                self._before.setdefault(name, {})[pid] = memory_of(pid, "VmRSS")
            assert any(self._before[name].values()), f"nothing is known of the memory of {name}"
        stop = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(stop,), daemon=True)
        watcher.start()
        try:
            yield self
        finally:
            stop.set()
            watcher.join()
            self._look()

    def _watch(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._look()
            time.sleep(0.05)

    def _look(self) -> None:
        for name, root in self._roots.items():
            before = self._before[name]
            for pid in family(root):
                peak = memory_of(pid, "VmHWM")
                if pid in before:
                    self.growth[name] = max(self.growth[name], peak - max(before.values()))
                elif is_judge(pid):
                    self.judge = max(self.judge, peak)


def is_judge(pid: int) -> bool:
    """Return whether a process is the one that looks into files."""
    with contextlib.suppress(OSError):
        return b"judge_child.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def memory_of(pid: int, name: str) -> int:
    """Return a figure of /proc/PID/status in bytes; 0 of a process that has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return 0
