"""A stand-in portal: our real runner, servers and processes around an application of ten lines."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from healthlombardy.local.configuration import REPOSITORY

STAND_IN = {
    "healthlombardy/__init__.py": "",
    "healthlombardy/settings.py": "SECRET_KEY = 'stand-in'\n",
    "healthlombardy/celery.py": """
import os
from celery import Celery
from celery.signals import worker_ready
app = Celery("healthlombardy", broker=os.environ["REDIS_URL"])
worker_ready.connect(lambda **_: print("ready to work", flush=True), weak=False)
""",
    "healthlombardy/wsgi.py": """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"alive"]
""",
    "manage.py": """
import os, pathlib, sys
with (pathlib.Path(os.environ["DATA_DIR"]) / "calls").open("a") as calls:
    calls.write(" ".join(sys.argv[1:]) + "\\n")
sys.exit(os.environ.get("STAND_IN_FAILS") == sys.argv[1])
""",
}


# A busy computer may take as long to do what a quiet one does in a few.
SECONDS = 300


def reserve_port() -> socket.socket:
    """Return a socket that keeps a port: no other program is given it by chance, a server that names it may have it."""
    keeper = socket.socket()
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    keeper.bind(("127.0.0.1", 0))
    return keeper


class Portal:
    """Start and stop a local installation of the stand-in."""

    def __init__(self, repository: Path, data_dir: Path) -> None:
        self.repository = repository
        self.data_dir = data_dir
        self.keeper = reserve_port()
        self.port = int(self.keeper.getsockname()[1])
        self.output = data_dir.with_name(data_dir.name + ".output")
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment a person would start it in."""
        ours = {
            "DATABASE_URL",
            "DATABASE_OWNER_URL",
            "REDIS_URL",
            "DJANGO_SETTINGS_MODULE",
            "SECRET_KEY",
            "MASTER_KEYS",
        }
        inherited = {name: value for name, value in os.environ.items() if name not in ours}
        return inherited | {"DATA_DIR": str(self.data_dir), "PORT": str(self.port), "PYTHONPATH": str(self.repository)}

    def run(self, **extra: str) -> "subprocess.CompletedProcess[str]":
        """Run it in the foreground, for starts that fail."""
        return subprocess.run(
            [sys.executable, "-m", "healthlombardy.local", "run"],
            cwd=self.repository,
            env=self.environment | extra,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def start(self) -> None:
        """Start it and wait for its banner."""
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "healthlombardy.local", "run"],
                cwd=self.repository,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self.wait_for("is ready")

    def wait_for(self, text: str, *, seconds: float = SECONDS) -> None:
        """Wait until it has said `text`."""
        end = time.monotonic() + seconds
        while text not in self.said():
            assert time.monotonic() < end, f"never said {text!r}:\n{self.said()}"
            assert self.process is not None
            assert self.process.poll() is None, self.said()
            time.sleep(0.05)

    def said(self) -> str:
        """Return what it wrote to the terminal."""
        return self.output.read_text(encoding="utf-8")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(timeout=SECONDS)
        self.process = None
        return code

    def pid_of(self, name: str) -> int:
        """Return the process number of a child."""
        return int((self.data_dir / "processes" / f"{name}.pid").read_text(encoding="utf-8").split()[0])

    def variables(self) -> dict[str, str]:
        """Return what script/manage gets from a running copy."""
        kept: dict[str, str] = json.loads((self.data_dir / "environment.json").read_text(encoding="utf-8"))
        return kept


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Return a folder that PostgreSQL's account can reach, as pytest's own is closed to it."""
    folder = Path(tempfile.mkdtemp(prefix="healthlombardy-local-"))
    folder.chmod(0o711)
    yield folder
    remove(folder)


def remove(folder: Path) -> None:
    """Remove a folder; what a server that was ended by force has left may still write into it for a moment."""
    end = time.monotonic() + SECONDS
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=time.monotonic() < end)
        time.sleep(0.01)


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository whose application does nothing but answer."""
    repository = tmp_path_factory.mktemp("stand-in")
    shutil.copytree(REPOSITORY / "healthlombardy" / "local", repository / "healthlombardy" / "local")
    for name, content in STAND_IN.items():
        (repository / name).write_text(content, encoding="utf-8")
    return repository


@pytest.fixture
def portal(stand_in: Path, data_dir: Path) -> Iterator[Portal]:
    """Return a portal that is not started; what a test leaves running is ended."""
    portal = Portal(stand_in, data_dir)
    yield portal
    if portal.process is not None:
        portal.stop()
    portal.keeper.close()
    portal.output.unlink(missing_ok=True)
