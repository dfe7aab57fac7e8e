"""Log files of child processes, and which of their lines a person at the terminal should see."""

import json
import re
import sys
from pathlib import Path

LARGEST_BYTES = 5 * 1024**2
# Said while a server starts and stops, or about the machine; nobody needs to act.
ORDINARY = re.compile(
    r"the database system is (starting|shutting|not yet)|terminating connection due to administrator|Memory overcommit"
    r"|logfile -> "
)
LOUD = re.compile(r"\b(WARNING|ERROR|CRITICAL|FATAL|PANIC)\b")


class RotatingLog:
    """Append lines to a file; when it grows too large, keep one older file beside it."""

    def __init__(self, path: Path, *, largest_bytes: int = LARGEST_BYTES) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._largest_bytes = largest_bytes
        self._file = path.open("ab", buffering=0)

    def write(self, line: bytes) -> None:
        """Append one line."""
        # The child must go on when the disk is full: a lost log line is the smaller loss.
        try:
            if self._file.tell() + len(line) > self._largest_bytes:
                self._rotate()
            self._file.write(line)
        except OSError as error:
            print(f"{self._path.name} cannot be written: {error.strerror}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _rotate(self) -> None:
        self._file.close()
        self._path.replace(self._path.with_suffix(".log.1"))
        self._file = self._path.open("ab", buffering=0)


def terminal_line(name: str, line: str) -> str:
    """Return what to show of a log line, or nothing when nobody needs to act on it."""
    if line.startswith("{"):
        return _from_json(name, line)
    return f"{name}: {line}" if LOUD.search(line) and not ORDINARY.search(line) else ""


def _from_json(name: str, line: str) -> str:
    try:
        record = json.loads(line)
    except ValueError:
        return ""
    level = str(record.get("levelname", ""))
    return f"{name}: {level} {record.get('message', '')}" if LOUD.fullmatch(level) else ""


def last_lines(path: Path, count: int = 8) -> str:
    """Return the end of a log, indented, for a sentence that points at it."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]
    except OSError:
        return ""
    return "\n".join(f"    {line}" for line in lines)
