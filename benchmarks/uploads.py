"""How fast and how lightly a study of 2 GiB arrives: sent in pieces over HTTP, sealed, judged by a confined process.

.venv/bin/python -m benchmarks.uploads [--gibibytes 2]

A portal of its own (web, worker, PostgreSQL, as `script/run` starts them) takes a ZIP of CT pictures that is made while
it is sent. Beside it the same bytes are copied from file to file on the same disk.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from benchmarks.measuring import conditions, table
from tests.e2e.large_upload import MIB, PIECE, Peaks, Sender, Study
from tests.e2e.portal import Portal

GIBIBYTE = 1024**3
PATIENCE = 3600


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gibibytes", type=float, default=2.0)
    size = int(parser.parse_args().gibibytes * GIBIBYTE)
    print(f"{size / GIBIBYTE:g} GiB, {conditions()}\n")
    portal = Portal.start()
    try:
        measure(portal, size)
    finally:
        portal.stop()
    return 0


def measure(portal: Portal, size: int) -> None:
    """Send, wait, copy, print."""
    with closing(Sender(portal)) as sender:
        sender.begin_draft()
        letter, study = Study(MIB), Study(size)
        # What a process loads with its first file stays loaded, and is no part of a large one.
        sender.send(letter, letter.size, "letter.zip")
        sender.wait_until_checked(seconds=PATIENCE)
        with Peaks(portal).watched() as peaks:
            sending = seconds_of(lambda: sender.send(study, study.size, "study.zip"))
            checking = seconds_of(lambda: sender.wait_until_checked(seconds=PATIENCE))
        assert "Received and checked, but not for viruses" in sender.page(), "the study was refused"
    copying = seconds_of(lambda: copy(Study(size), portal.data_dir))
    rows = [
        ["sent and sealed in chunks", sending, study.size / MIB / sending, sending / copying],
        ["put together, sealed, judged", checking, study.size / MIB / checking, checking / copying],
        ["the same bytes made and written to a file, and copied", copying, study.size / MIB / copying, 1.0],
    ]
    table(["what", "seconds", "MB/s", "against the copy"], rows)
    memory = [
        ["web process, growth", peaks.growth["web"] / MIB],
        ["worker, growth", peaks.growth["worker"] / MIB],
        ["judging process, all of it", peaks.judge / MIB],
    ]
    table([f"memory at its peak, {study.pictures:,} pictures", "MB"], memory)


def copy(study: Study, folder: Path) -> None:
    """Write what is sent to a file, and copy that file, both to the disk itself."""
    with tempfile.TemporaryFile(dir=folder) as first, tempfile.TemporaryFile(dir=folder) as second:
        while piece := study.read(PIECE):
            first.write(piece)
        first.flush()
        os.fsync(first.fileno())
        first.seek(0)
        while piece := first.read(PIECE):
            second.write(piece)
        second.flush()
        os.fsync(second.fileno())


def seconds_of(deed: Callable[[], object]) -> float:
    """Return how long something takes."""
    started = time.perf_counter()
    deed()
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
