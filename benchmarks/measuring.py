"""What every benchmark needs: processes of the portal's own making, their processor time and memory, load, tables."""

import contextlib
import http.client
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from healthlombardy.local.configuration import REPOSITORY
from healthlombardy.local.problems import Problem

TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """Return a port nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(argv: Sequence[str], environment: Mapping[str, str], *, port: int = 0) -> Iterator[int]:
    """Run a program until the block ends and yield its process id; wait until it answers on a port."""
    program = Path(sys.executable).parent / argv[0]
    process = subprocess.Popen(
        [str(program) if program.exists() else argv[0], *argv[1:]],
        cwd=REPOSITORY,
        env=dict(os.environ) | dict(environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        end = time.monotonic() + 60
        while port and not answers(port):
            if process.poll() is not None or time.monotonic() > end:
                raise Problem(f"{argv[0]} does not start.")
            time.sleep(0.1)
        yield process.pid
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answers(port: int) -> bool:
    """Return whether somebody listens."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def family(pid: int) -> list[int]:
    """Return a process and all that it has started."""
    found = [pid]
    for each in found:
        for file in Path(f"/proc/{each}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += [int(child) for child in file.read_text().split()]
    return found


def processor_seconds(pid: int) -> float:
    """Return the processor time of a process and all that it has started."""
    total = 0
    for each in family(pid):
        with contextlib.suppress(OSError):
            parts = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            total += int(parts[11]) + int(parts[12])
    return total / TICKS


def megabytes(pid: int) -> float:
    """Return the memory of one process; what it shares with others is counted in parts (PSS)."""
    found = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def largest_megabytes(pid: int) -> float:
    """Return the memory of the largest process of a family."""
    return max(megabytes(each) for each in family(pid))


def load(url: str, *, seconds: int = 4, connections: int = 8) -> float:
    """Return requests/s of a page under load, compressed, over connections that stay open."""
    if not shutil.which("wrk"):
        raise Problem("wrk is missing, which makes the load. Install it: apt-get install wrk")
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-H", "Accept-Encoding: gzip", url]
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    # A timeout is a busy machine, not a wrong answer.
    if "Non-2xx" in said or re.search(r"(connect|read|write) [1-9]", said):
        raise Problem(f"{url} answered with errors:\n{said}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    return float(found[1]) if found else 0.0


class Reader:
    """One reader with a connection that stays open."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def get(self, path: str, **headers: str) -> tuple[int, bytes, Mapping[str, str]]:
        """Return status, body and headers."""
        self._connection.request("GET", path, headers={"Host": "localhost", **headers})
        answer = self._connection.getresponse()
        return answer.status, answer.read(), answer.headers


def milliseconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def p95(times: Sequence[float]) -> float:
    """Return what 95 of 100 do not exceed."""
    return statistics.quantiles(times, n=100)[94]


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; numbers stand on the right."""
    cells = [[f"{cell:,.1f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    widths = [max(len(row[place]) for row in [list(heads), *cells]) for place in range(len(heads))]
    for row in [list(heads), *cells]:
        ends = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        print("  ".join([row[0].ljust(widths[0]), *ends]))
    print()


def conditions() -> str:
    """Return where it was measured."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return f"{os.cpu_count()} cores ({model[1] if model else 'unknown'}), load {os.getloadavg()[0]:.1f} at the start"
