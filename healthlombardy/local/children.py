"""Child processes that leave nothing behind: own group, own log, own note of who they are, gone with their parent."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from healthlombardy.local.logs import RotatingLog, terminal_line
from healthlombardy.local.privileges import Account
from healthlombardy.local.problems import Problem

PR_SET_PDEATHSIG = 1
# Loaded before any fork: a forked child must not load libraries.
LIBC = ctypes.PyDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Command:
    """Say how a child is started and how it wants to be stopped."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    logs: Path
    records: Path
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    before_start: Callable[[], None] = field(default=lambda: None)

    @property
    def log(self) -> Path:
        """Return the file its output goes to."""
        return self.logs / f"{self.name}.log"

    @property
    def record(self) -> Path:
        """Return the file that says which process it is."""
        return self.records / f"{self.name}.pid"


class Child:
    """Run one command; start() may be called again after it ended."""

    def __init__(self, command: Command, *, is_quiet: bool = False) -> None:
        self.command = command
        self.process: subprocess.Popen[bytes] | None = None
        self._is_quiet = is_quiet
        self._reader: threading.Thread | None = None

    @property
    def name(self) -> str:
        """Return the name shown to people."""
        return self.command.name

    def start(self) -> None:
        """Start the process, after ending what an earlier crash left of it."""
        command = self.command
        end_leftover(command.record)
        command.before_start()
        account = command.account
        process = subprocess.Popen(
            command.argv,
            env=dict(command.environment),
            cwd=command.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=account.user_id if account else None,
            group=account.group_id if account else None,
            extra_groups=[] if account else None,
            preexec_fn=_die_with_parent(command.stop_signal),
        )
        self.process = process
        self._note(process.pid)
        self._reader = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
        self._reader.start()

    def exit_code(self) -> int | None:
        """Return the exit code, or None while it runs."""
        return self.process.poll() if self.process else 0

    def ask_to_stop(self) -> None:
        """Ask the process to finish what it does and end."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(self.command.stop_signal)

    def wait(self, deadline: float) -> bool:
        """Wait until it has ended or the monotonic clock passes `deadline`; return whether it ended."""
        while self.exit_code() is None:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
        return True

    def end_group(self) -> None:
        """End whatever is left of the process and its own children, and forget it."""
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        if self._reader:
            self._reader.join(timeout=1)
        self.command.record.unlink(missing_ok=True)
        self.process = None

    def stop(self, seconds: float) -> None:
        """Stop it politely, by force after `seconds`."""
        self.ask_to_stop()
        self.wait(time.monotonic() + seconds)
        self.end_group()

    def _note(self, pid: int) -> None:
        record = self.command.record
        record.parent.mkdir(parents=True, exist_ok=True)
        # Whole or not at all: whoever reads it at this moment must not take the process for none.
        aside = record.with_name(f".{record.name}")
        aside.write_text(f"{pid} {identity(pid)}\n", encoding="utf-8")
        aside.replace(record)

    def _read(self, pipe: IO[bytes]) -> None:
        log = RotatingLog(self.command.log)
        with pipe:
            for line in pipe:
                log.write(line)
                shown = terminal_line(self.name, line.decode("utf-8", "replace").rstrip())
                if shown and not self._is_quiet:
                    print(shown, file=sys.stderr, flush=True)
        log.close()


def identity(pid: int) -> str:
    """Return what tells a process from a later one with the same number; empty when there is none."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    if boot.exists():
        return _identity_on_linux(pid, boot)
    listing = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return "_".join(listing.stdout.split())


def end_leftover(record: Path, *, seconds: float = 5.0) -> None:
    """End the process a crashed parent left behind, if `record` still tells of a living one."""
    try:
        pid_text, _, kept = record.read_text(encoding="utf-8").strip().partition(" ")
    except FileNotFoundError:
        return
    if pid_text.isdigit() and kept and identity(int(pid_text)) == kept:
        _end(int(pid_text), kept, seconds)
    record.unlink(missing_ok=True)


def _end(pid: int, kept: str, seconds: float) -> None:
    for number, patience in ((signal.SIGINT, seconds), (signal.SIGKILL, 2.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, number)
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if identity(pid) != kept:
                return
            time.sleep(0.05)
    raise Problem(f"Process {pid} of an earlier run does not end. End it yourself (kill -9 {pid}) and start again.")


def _identity_on_linux(pid: int, boot: Path) -> str:
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return ""
    # Field 3 is the state, field 22 the start in ticks since boot; a zombie has ended.
    return "" if after_name[0] in "ZX" else f"{boot.read_text(encoding='utf-8').strip()}_{after_name[19]}"


def _die_with_parent(number: signal.Signals) -> Callable[[], None]:
    parent = os.getpid()

    def prepare() -> None:
        if LIBC is None:
            return
        LIBC.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        # The parent may have died between the fork and the line above.
        if os.getppid() != parent:
            os._exit(1)

    return prepare
