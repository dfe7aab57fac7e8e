"""The folder a local installation keeps everything in, and the lock that gives it to one copy."""

import errno
import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from healthlombardy.local.problems import Problem, sentence_for

NEEDED_BYTES = 300 * 1024**2
ENVIRONMENT_FILE = "environment.json"


def prepare_data_folder(folder: Path, *, needed_bytes: int = NEEDED_BYTES) -> None:
    """Make `folder`, prove that it can be written, and that the disk has `needed_bytes` left."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".writable-"):
            pass
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise Problem(sentence_for(error)) from error
        raise Problem(
            f"The data folder {folder} cannot be written ({error.strerror}). "
            "Set DATA_DIR to a folder of your own, or mend its permissions."
        ) from error
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise Problem(
            f"The disk of {folder} is full: {free // 1024**2} MB are free, {needed_bytes // 1024**2} MB are needed. "
            "Free some space, or set DATA_DIR to a folder on another disk."
        )


def write_private(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON that only this user may read, whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read_private(path: Path) -> dict[str, Any]:
    """Return the JSON of `path`, or nothing when it is absent."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise Problem(
            f"{path} is damaged. Put it back from a backup: it holds the keys of the data beside it."
        ) from error
    return dict(content)


class DataFolderLock:
    """Keep a data folder for one process; the system lets go of it when that process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "lock"
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        if not self.take():
            holder = self._path.read_text(encoding="utf-8").strip() or "unknown"
            raise Problem(
                f"A copy is already running on {self._path.parent} (process {holder}). "
                "Stop it with Ctrl-C in its terminal, or set another DATA_DIR and PORT."
            )
        return self

    def __exit__(self, *_error: object) -> None:
        self.release()

    def take(self) -> bool:
        """Take the folder; return whether it was free."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Give the folder back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
