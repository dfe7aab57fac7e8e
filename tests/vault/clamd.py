"""A real clamd of Debian's package, with signatures, limits and a socket of its own."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

# Harmless, and known to nobody but the signature below.
HARMFUL = b"HEALTH-LOMBARDY-ANTIVIRUS-TEST-FILE"
START_SECONDS = 180
MIB = 1024 * 1024


def program() -> str | None:
    """Return where clamd is installed."""
    return shutil.which("clamd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


class Scanner:
    """A clamd that can be stopped and started."""

    def __init__(self, folder: Path, *, stream_bytes: int = 2 * MIB, file_bytes: int = MIB) -> None:
        self.address = str(folder / "socket")
        self._configuration = folder / "clamd.conf"
        self._process: subprocess.Popen[bytes] | None = None
        for name in ("signatures", "temporary"):
            (folder / name).mkdir()
        signature = f"Test.Harmful:0:*:{HARMFUL.hex()}\n"
        (folder / "signatures" / "own.ndb").write_text(signature, encoding="ascii")
        lines = [
            "Foreground yes",
            f"LocalSocket {self.address}",
            f"DatabaseDirectory {folder}/signatures",
            f"TemporaryDirectory {folder}/temporary",
            f"StreamMaxLength {stream_bytes}",
            f"MaxFileSize {file_bytes}",
            f"MaxScanSize {file_bytes}",
            "AlertExceedsMax yes",
            "SelfCheck 0",
        ]
        self._configuration.write_text("\n".join(lines) + "\n", encoding="ascii")

    def start(self) -> None:
        """Start it and wait until it answers."""
        argv = [str(program()), "--config-file", str(self._configuration)]
        self._process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self._process.poll() is None, "clamd has ended"
            assert time.monotonic() < end, "clamd does not answer"
            time.sleep(0.1)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(timeout=START_SECONDS)
            self._process = None

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(self.address)
            connection.sendall(b"zPING\0")
            return connection.recv(5) == b"PONG\0"
        return False


@contextlib.contextmanager
def scanner() -> Iterator[Scanner]:
    """Yield a running scanner. Its folder has a short name: that of a socket may have 108 letters."""
    folder = Path(tempfile.mkdtemp(prefix="clamd-"))
    own = Scanner(folder)
    try:
        own.start()
        yield own
    finally:
        own.stop()
        shutil.rmtree(folder, ignore_errors=True)
