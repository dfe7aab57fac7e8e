"""The servers of the benchmarks: PostgreSQL and Valkey of their own, with one database for each size of catalogue.

.venv/bin/python -m benchmarks.servers        keeps them running until Ctrl-C; the other programs then join them
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg import sql

from benchmarks.measuring import processor_seconds
from healthlombardy.local.configuration import REPOSITORY, read_configuration
from healthlombardy.local.data_folder import (
    ENVIRONMENT_FILE,
    DataFolderLock,
    prepare_data_folder,
    read_private,
    write_private,
)
from healthlombardy.local.problems import Problem, StopRequested, say
from healthlombardy.local.servers import Servers
from healthlombardy.local.signals import StopFlag

FOLDER = Path(os.environ.get("BENCHMARKS_DIR") or REPOSITORY / ".data" / "benchmarks")


@contextlib.contextmanager
def servers() -> Iterator[dict[str, str]]:
    """Yield the environment of the servers, started for the duration where nobody keeps them running."""
    # The portal that is served has its own; a database of somebody else is never touched.
    outside = {
        name: value
        for name, value in os.environ.items()
        if name not in {"DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "DEMO", "PORT"}
    }
    configuration = read_configuration(outside | {"DATA_DIR": str(FOLDER)})
    prepare_data_folder(FOLDER)
    FOLDER.chmod(0o711)
    lock = DataFolderLock(FOLDER)
    if not lock.take():
        kept = read_private(FOLDER / ENVIRONMENT_FILE)
        if not kept:
            raise Problem(f"The servers on {FOLDER} are starting or stopping. Try again in a moment.")
        yield kept
        return
    own = Servers(configuration, is_quiet=True)
    try:
        own.start(StopFlag())
        made = own.environment()
        # The owner, who may make databases and collect statistics.
        made["DATABASE_URL"] = made["DATABASE_OWNER_URL"]
        write_private(FOLDER / ENVIRONMENT_FILE, made)
        yield made
    finally:
        (FOLDER / ENVIRONMENT_FILE).unlink(missing_ok=True)
        own.stop()
        lock.release()


def database_of(offers: int) -> str:
    """Return the name of the database with a catalogue of that size: `bench_100k`."""
    return f"bench_{offers // 1000}k" if offers >= 1000 and offers % 1000 == 0 else f"bench_{offers}"


def url_of(environment: dict[str, str], name: str) -> str:
    """Return the address of another database of the same server."""
    return environment["DATABASE_OWNER_URL"].rpartition("/")[0] + f"/{name}"


def exists(environment: dict[str, str], name: str) -> bool:
    """Return whether the server has a database of that name."""
    with psycopg.connect(environment["DATABASE_OWNER_URL"]) as connection:
        return bool(connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone())


def make_empty(environment: dict[str, str], name: str) -> None:
    """Make a database anew."""
    with psycopg.connect(environment["DATABASE_OWNER_URL"], autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def backend_seconds(environment: dict[str, str], name: str) -> dict[int, float]:
    """Return the processor time so far of each process of PostgreSQL that answers the application of a name."""
    statement = "SELECT pid FROM pg_stat_activity WHERE application_name = %s"
    with psycopg.connect(environment["DATABASE_OWNER_URL"]) as connection:
        return {pid: processor_seconds(pid) for (pid,) in connection.execute(statement, [name])}


def use(environment: dict[str, str], name: str) -> None:
    """Turn this process into one of the portal with that database; once a process."""
    os.environ.update(environment | {"DATABASE_URL": url_of(environment, name)})
    # Settings are read when Django is first imported.
    import django  # noqa: PLC0415

    django.setup()


def main() -> int:
    """Keep the servers running until somebody stops them."""
    stop = StopFlag()
    stop.listen()
    try:
        with servers() as environment:
            say(f"Running. DATABASE_URL={url_of(environment, database_of(100_000))}")
            while True:
                stop.sleep(1)
    except StopRequested:
        say("Stopped.")
    except Problem as problem:
        say(str(problem))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
