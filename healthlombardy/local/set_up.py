"""Whether an embedded installation still has to be set up: a second start on the same code and data need not wait."""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg

from healthlombardy.local.configuration import REPOSITORY, Configuration
from healthlombardy.local.data_folder import read_private, write_private

RECORD = "set-up.json"
# Nothing in them reaches the database or the style sheets; what begins with a point is not the project's.
WITHOUT_EFFECT = {"tests", "docs", "benchmarks", "deploy"}


class SetUpRecord:
    """Remember for which code, data and kind of installation the set-up ran to its end."""

    def __init__(self, configuration: Configuration, owner_url: str) -> None:
        self._configuration = configuration
        self._owner_url = owner_url
        self._path = configuration.data_dir / RECORD

    def is_done(self) -> bool:
        """Return whether nothing has changed since; never of a database that others may change as well."""
        if self._configuration.database_url or self._configuration.environment.get("SET_UP") == "1":
            return False
        return read_private(self._path).get("digest") == self._digest()

    def forget(self) -> None:
        """Forget it: the set-up begins, and may not reach its end."""
        self._path.unlink(missing_ok=True)

    def note(self) -> None:
        """Note that the set-up ran to its end."""
        write_private(self._path, {"digest": self._digest()})

    def _digest(self) -> str:
        made = hashlib.sha256(f"{sys.version} {self._configuration.is_demo} {self._cluster()}".encode())
        for path in project_files(REPOSITORY):
            made.update(str(path.relative_to(REPOSITORY)).encode())
            made.update(hashlib.sha256(path.read_bytes()).digest())
        return made.hexdigest()

    def _cluster(self) -> str:
        """Return the number that PostgreSQL gave the cluster when it was made."""
        with psycopg.connect(self._owner_url) as connection:
            row = connection.execute("SELECT system_identifier FROM pg_control_system()").fetchone()
        return str(row[0]) if row else ""


def project_files(repository: Path) -> Iterator[Path]:
    """Yield the files that the set-up may read, in a fixed order."""
    for entry in sorted(repository.iterdir()):
        if entry.name.startswith(".") or entry.name in WITHOUT_EFFECT:
            continue
        for path in sorted(entry.rglob("*")) if entry.is_dir() else [entry]:
            if path.is_file() and path.suffix not in {".pyc", ".mo"}:
                yield path
