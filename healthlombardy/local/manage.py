"""script/manage: manage.py with the environment of the local installation, running or not."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

from healthlombardy.local.configuration import REPOSITORY, Configuration, read_configuration
from healthlombardy.local.data_folder import ENVIRONMENT_FILE, DataFolderLock, prepare_data_folder, read_private
from healthlombardy.local.problems import Problem
from healthlombardy.local.servers import Servers
from healthlombardy.local.signals import StopFlag

WAIT_SECONDS = 60


def manage(arguments: Sequence[str]) -> int:
    """Run a management command; return its exit code."""
    configuration = read_configuration()
    prepare_data_folder(configuration.data_dir, needed_bytes=0)
    lock = DataFolderLock(configuration.data_dir)
    if not lock.take():
        _become(arguments, _environment_of_running(configuration))
    with_servers = Servers(configuration, is_quiet=True)
    try:
        with_servers.start(StopFlag())
        return _call(arguments, with_servers.environment())
    finally:
        with_servers.stop()
        lock.release()


def _environment_of_running(configuration: Configuration) -> Mapping[str, str]:
    file = configuration.data_dir / ENVIRONMENT_FILE
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        if kept := read_private(file):
            return kept
        time.sleep(0.2)
    raise Problem(f"The copy running on {configuration.data_dir} is not ready. Wait for its banner and try again.")


def _argv(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, str(REPOSITORY / "manage.py"), *arguments]


def _become(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    argv = _argv(arguments)
    os.execve(argv[0], argv, dict(os.environ) | dict(environment))  # noqa: S606  no shell is the point


def _call(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    process = subprocess.Popen(_argv(arguments), env=dict(environment))
    # Ctrl-C is for the command; we wait for it, then stop the servers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    return process.wait()
