"""The whole portal as a person runs it: servers, web, worker and beat, in a folder and on a port of its own."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from healthlombardy.local.children import identity
from healthlombardy.local.configuration import REPOSITORY

# What a test run sets for itself and the portal makes anew.
NOT_INHERITED = {
    "APPLICATION_ROLE",
    "DATABASE_APPLICATION_URL",
    "DATABASE_OWNER_URL",
    "DATABASE_URL",
    "DJANGO_SETTINGS_MODULE",
    "MASTER_KEYS",
    "PUBLIC_URL",
    "REDIS_URL",
    "SECRET_KEY",
}
# What follows is only how long a test waits before it fails: a busy machine may need many times what a quiet one does.
START_SECONDS = 1200
STOP_SECONDS = 120
COMMAND_SECONDS = 240
# A doorbell that was missed is made good by the sweep: half a minute old, then half a minute more.
PATIENCE = 180


def free_port() -> int:
    """Return a port nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(what: Callable[[], Any], *, seconds: float = PATIENCE, why: str = "") -> Any:
    """Return the first true answer; fail when none comes in time."""
    end = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < end, why or f"nothing happened within {seconds} s"
        time.sleep(0.1)
    return answer


@dataclass(frozen=True)
class Portal:
    """A running portal; another process of a parallel run may have started it."""

    pid: int
    data_dir: Path
    port: int

    @classmethod
    def start(cls, **environment: str) -> "Portal":
        """Start it with the real catalogue and the demo data, and wait until it answers."""
        data_dir = Path(tempfile.mkdtemp(prefix="healthlombardy-e2e-"))
        # As root PostgreSQL runs as nobody, who must be able to walk in.
        data_dir.chmod(0o711)
        port = free_port()
        inherited = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
        output = cls._output(data_dir)
        with output.open("wb") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "healthlombardy.local", "run"],
                cwd=REPOSITORY,
                env=inherited | {"DATA_DIR": str(data_dir), "PORT": str(port), "DEMO": "1"} | environment,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_for(
            lambda: "is ready" in output.read_text(encoding="utf-8") or process.poll() is not None,
            seconds=START_SECONDS,
            why="the portal did not start",
        )
        assert process.poll() is None, output.read_text(encoding="utf-8")
        # It is stopped by its number, perhaps by another process of a parallel run.
        process.returncode = 0
        return cls(process.pid, data_dir, port)

    @staticmethod
    def _output(data_dir: Path) -> Path:
        return data_dir.with_name(data_dir.name + ".output")

    @property
    def address(self) -> str:
        return f"http://localhost:{self.port}"

    def stop(self) -> None:
        """Stop it and remove what it wrote."""
        os.kill(self.pid, signal.SIGTERM)
        wait_for(lambda: not is_alive(self.pid), seconds=STOP_SECONDS, why="the portal did not stop")
        shutil.rmtree(self.data_dir, ignore_errors=True)
        self._output(self.data_dir).unlink(missing_ok=True)

    def manage(self, *arguments: str) -> str:
        """Run a management command beside it and return what it prints."""
        return self.python("manage.py", *arguments)

    def python(self, *arguments: str, seconds: float = COMMAND_SECONDS) -> str:
        """Run a program of the repository beside it and return what it prints."""
        made: Mapping[str, str] = json.loads((self.data_dir / "environment.json").read_text(encoding="utf-8"))
        inherited = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=REPOSITORY,
            env=inherited | {"DJANGO_SETTINGS_MODULE": "healthlombardy.settings"} | dict(made),
            capture_output=True,
            text=True,
            check=True,
            timeout=seconds,
        )
        return done.stdout

    def pid_of(self, name: str) -> int:
        """Return the process number of web, worker or beat; 0 while it is being started again."""
        record = self.data_dir / "processes" / f"{name}.pid"
        try:
            return int(record.read_text(encoding="utf-8").split()[0])
        except (FileNotFoundError, IndexError):
            return 0

    def mails(self, to: str) -> list[EmailMessage]:
        """Return what was mailed to an address, oldest first."""
        files = sorted((self.data_dir / "mail").glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
        read = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]
        return [mail for mail in read if to in str(mail["To"])]

    def wait_for_mails(self, to: str, number: int) -> list[EmailMessage]:
        """Return the mails to an address once there are so many."""
        wait_for(lambda: len(self.mails(to)) >= number, why=f"no mail number {number} to {to}")
        return self.mails(to)


def is_alive(pid: int) -> bool:
    """Return whether a process runs; one that has ended and was ours is reaped.

    One that was started by another process of a parallel run stays a zombie until that one ends.
    """
    try:
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    except ChildProcessError:
        pass
    return bool(identity(pid))
