"""The real catalogue in a database of its own, beside the empty one of the tests.

It is loaded once a process and then copied by PostgreSQL: other tests never see it, and a test that really commits,
and so empties every table afterwards, spoils a copy only.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection

from catalogue.loading import load
from search.index import rebuild

# Waits for the end of each, in milliseconds.
ENDED = """
    SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE datname = %s AND usename = current_user
"""


@dataclass
class RealCatalogue:
    """A database with the whole catalogue and its search index, and the copy in use."""

    empty: str
    is_copied: bool = False

    @property
    def kept(self) -> str:
        return f"{self.empty}_catalogue"

    @property
    def used(self) -> str:
        return f"{self.empty}_catalogue_used"

    def make(self) -> None:
        """Load the data files into a copy of the empty database."""
        self._copy(self.empty, self.kept)
        with self._connected_to(self.kept):
            load()
            rebuild(lambda items, _count, _label: items)

    def enter(self) -> None:
        """Turn the connection to a sound copy."""
        if not self.is_copied:
            self._copy(self.kept, self.used)
            self.is_copied = True
        self._turn_to(self.used)

    def leave(self) -> None:
        """Turn the connection back to the empty database."""
        self._turn_to(self.empty)

    def spoil(self) -> None:
        """Take a new copy: somebody emptied the tables."""
        self.is_copied = False
        if connection.settings_dict["NAME"] == self.used:
            self.enter()

    def drop(self) -> None:
        """Remove both databases."""
        self._turn_to(self.empty)
        self._run(f'DROP DATABASE IF EXISTS "{self.used}" WITH (FORCE)', f'DROP DATABASE "{self.kept}" WITH (FORCE)')

    @contextmanager
    def _connected_to(self, name: str) -> Iterator[None]:
        before = connection.settings_dict["NAME"]
        self._turn_to(name)
        try:
            yield
        finally:
            self._turn_to(before)

    def _copy(self, source: str, target: str) -> None:
        # PostgreSQL copies a database only while nobody is connected to it, and a connection takes its time to end.
        connection.close()
        with connection._nodb_cursor() as cursor:
            cursor.execute(ENDED, [source])
        self._run(f'DROP DATABASE IF EXISTS "{target}" WITH (FORCE)', f'CREATE DATABASE "{target}" TEMPLATE "{source}"')

    def _turn_to(self, name: str) -> None:
        connection.close()
        connection.settings_dict["NAME"] = name

    def _run(self, *statements: str) -> None:
        with connection._nodb_cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
