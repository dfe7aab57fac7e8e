"""script/run with the real servers: it starts, survives, refuses in words and stops."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psycopg
import pytest
import redis

from healthlombardy.local import run
from healthlombardy.local.children import identity
from healthlombardy.local.data_folder import prepare_data_folder
from healthlombardy.local.postgres import find_place
from healthlombardy.local.privileges import unprivileged
from healthlombardy.local.problems import Problem
from tests.local.conftest import SECONDS

pytestmark = pytest.mark.e2e

CHILDREN = ("postgres", "valkey", "web", "worker", "beat")


def answer(port: int) -> bytes:
    """Return what the web server says at /healthz."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=SECONDS) as response:
        return bytes(response.read())


def wait_until_gone(pids: list[int], *, seconds: float = SECONDS) -> None:
    """Fail unless every process ends in time."""
    end = time.monotonic() + seconds
    while left := [pid for pid in pids if identity(pid)]:
        assert time.monotonic() < end, f"still alive: {left}"
        time.sleep(0.05)


def test_cold_start_sets_up_in_order_and_answers(portal):
    portal.start()

    assert answer(portal.port) == b"alive"
    calls = [line.split()[0] for line in (portal.data_dir / "calls").read_text().splitlines()]
    assert calls == [
        "migrate",
        "grant_application_role",
        "collectstatic",
        "load_catalogue",
        "rebuild_search",
        "load_demo",
    ]
    assert f"http://localhost:{portal.port}" in portal.said()
    assert "script/manage demo_sign_in coordinator" in portal.said()


def calls(portal) -> list[str]:
    """Return the commands of the set-up that ran so far."""
    return [line.split()[0] for line in (portal.data_dir / "calls").read_text().splitlines()]


def test_a_second_start_sets_nothing_up_until_something_changed(portal):
    portal.start()
    first = calls(portal)
    portal.stop()
    portal.start()
    portal.stop()
    assert calls(portal) == first
    changed = portal.repository / "healthlombardy" / "data.yaml"
    changed.write_text("new: fact\n")
    try:
        portal.start()
        portal.stop()
    finally:
        changed.unlink()

    assert calls(portal) == first * 2


def test_a_set_up_that_failed_is_repeated(portal):
    assert portal.run(STAND_IN_FAILS="load_catalogue").returncode != 0

    portal.start()

    assert calls(portal)[-6:] == [
        "migrate",
        "grant_application_role",
        "collectstatic",
        "load_catalogue",
        "rebuild_search",
        "load_demo",
    ]


def test_what_is_written_survives_a_restart(portal):
    portal.start()
    before = portal.variables()
    with psycopg.connect(before["DATABASE_OWNER_URL"]) as connection:
        connection.execute("CREATE TABLE kept (word text)")
        connection.execute("INSERT INTO kept VALUES ('here')")
    redis.Redis.from_url(before["REDIS_URL"]).set("kept", "here")
    portal.stop()

    portal.start()

    after = portal.variables()
    assert (after["SECRET_KEY"], after["MASTER_KEYS"]) == (before["SECRET_KEY"], before["MASTER_KEYS"])
    with psycopg.connect(after["DATABASE_OWNER_URL"]) as connection:
        assert connection.execute("SELECT word FROM kept").fetchone() == ("here",)
    assert redis.Redis.from_url(after["REDIS_URL"]).get("kept") == b"here"


def test_application_role_owns_nothing(portal):
    portal.start()

    with (
        psycopg.connect(portal.variables()["DATABASE_URL"]) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("CREATE TABLE mine (word text)")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_stops_everything(portal, number):
    portal.start()
    pids = [portal.pid_of(name) for name in CHILDREN]

    code = portal.stop(number)

    assert code == 0
    wait_until_gone(pids, seconds=0.5)
    assert not (portal.data_dir / "environment.json").exists()


def test_waits_less_than_five_seconds_for_who_does_not_end(portal):
    """How long it takes to end all the same is up to the computer: a busy one is late."""
    portal.start()
    pids = [portal.pid_of(name) for name in CHILDREN]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)

    code = portal.stop()

    assert code == 0
    wait_until_gone(pids, seconds=0.5)
    assert "postgres did not end in time and was ended" in portal.said()
    assert run.FINISH_SECONDS + run.SERVER_SECONDS < 5


def test_everyone_ends_in_order_not_by_force(portal):
    portal.start()
    worker_log = portal.data_dir / "logs" / "worker.log"
    end = time.monotonic() + SECONDS
    # Its banner comes earlier, when a signal still ends it at once.
    while "ready to work" not in worker_log.read_text():
        assert time.monotonic() < end
        time.sleep(0.1)

    portal.stop()

    assert "shutdown completed" in (portal.data_dir / "logs" / "web.log").read_text()
    assert "Warm shutdown" in worker_log.read_text()
    assert "was ended" not in portal.said()
    place = find_place(portal.data_dir)
    state = subprocess.run(
        [place.binaries / "pg_controldata", place.cluster],
        capture_output=True,
        text=True,
        env={"LC_ALL": "C"},
        check=True,
    )
    assert re.search(r"cluster state: +shut down\n", state.stdout)


def test_stops_while_it_is_still_setting_up(portal):
    slow = portal.repository / "manage.py"
    kept = slow.read_text()
    slow.write_text("import time\ntime.sleep(3600)\n")
    try:
        with portal.output.open("wb") as output:
            portal.process = subprocess.Popen(
                [sys.executable, "-m", "healthlombardy.local", "run"],
                cwd=portal.repository,
                env=portal.environment,
                stderr=output,
            )
        portal.wait_for("Bringing the database up to date")
        pids = [portal.pid_of(name) for name in ("postgres", "valkey")]

        code = portal.stop(signal.SIGINT)
    finally:
        slow.write_text(kept)

    assert code == 0
    wait_until_gone(pids, seconds=0.5)


def test_children_end_when_their_parent_is_killed_and_the_next_start_is_warm(portal):
    portal.start()
    pids = [portal.pid_of(name) for name in CHILDREN]

    portal.stop(signal.SIGKILL)

    wait_until_gone(pids)
    portal.start()
    assert answer(portal.port) == b"alive"


def test_start_right_after_a_kill_ends_what_is_left(portal):
    portal.start()
    portal.stop(signal.SIGKILL)

    portal.start()

    assert answer(portal.port) == b"alive"


def test_database_killed_without_warning_comes_back_with_its_data(portal):
    portal.start()
    url = portal.variables()["DATABASE_OWNER_URL"]
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (word text)")

    os.kill(portal.pid_of("postgres"), signal.SIGKILL)

    portal.wait_for("postgres ended unexpectedly")
    end = time.monotonic() + SECONDS
    while True:
        try:
            with psycopg.connect(url) as connection:
                assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
            return
        except psycopg.OperationalError:
            assert time.monotonic() < end
            time.sleep(0.2)


@pytest.mark.parametrize("name", ["web", "worker", "beat"])
def test_a_process_that_dies_is_started_again(portal, name):
    portal.start()
    first = portal.pid_of(name)

    os.kill(first, signal.SIGKILL)

    portal.wait_for(f"{name} ended unexpectedly (signal 9) and is started again in 1 s")
    end = time.monotonic() + SECONDS
    while not (portal.data_dir / "processes" / f"{name}.pid").exists() or portal.pid_of(name) == first:
        assert time.monotonic() < end
        time.sleep(0.1)


def test_pid_number_taken_by_another_program_does_not_stop_the_database(portal):
    portal.start()
    portal.stop()
    pid_file = portal.data_dir / "cluster" / "postgres" / "postmaster.pid"
    account = unprivileged()
    # Of the database's own account: PostgreSQL sees through the others by itself.
    bystander = subprocess.Popen(["sleep", "3600"], user=account.user_id if account else None)
    try:
        pid_file.write_text(f"{bystander.pid}\n{pid_file.parent}\n")

        portal.start()

        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_second_copy_on_the_same_folder_is_refused(portal):
    portal.start()

    second = portal.run(PORT="1")

    assert second.returncode == 1
    assert "already running" in second.stderr
    assert "Traceback" not in second.stderr
    assert answer(portal.port) == b"alive"


def test_taken_port_is_named_with_a_way_out(portal):
    portal.keeper.listen()

    refused = portal.run()

    assert refused.returncode == 1
    assert f"Port {portal.port} is taken" in refused.stderr
    assert f"PORT={portal.port + 1} script/run" in refused.stderr


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PORT", "eighty", "PORT is 'eighty'"),
        ("PORT", "0", "PORT is '0'"),
        ("PORT", "70000", "PORT is '70000'"),
        ("DEMO", "yes", "DEMO is 'yes'"),
        ("HOST", "192.0.2.1", "HOST is '192.0.2.1', but the demo"),
        ("DATABASE_URL", "mysql://localhost/x", "DATABASE_URL must begin with"),
        ("DATABASE_URL", "postgresql://me:secret@127.0.0.1:1/x", "DATABASE_URL does not answer"),
        ("REDIS_URL", "redis://:secret@127.0.0.1:1/0", "REDIS_URL does not answer"),
        ("DATA_DIR", "/dev/null/data", "The data folder /dev/null/data cannot be written"),
        ("STAND_IN_FAILS", "migrate", "script/manage migrate"),
    ],
)
def test_a_start_that_cannot_work_ends_in_a_sentence(portal, name, value, sentence):
    refused = portal.run(**{name: value})

    assert refused.returncode == 1
    assert sentence in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "secret" not in refused.stderr


def test_folder_of_someone_else_is_refused_in_words(data_dir):
    closed = data_dir / "closed"
    closed.mkdir(mode=0o500)

    # As root every folder is open, so a child first becomes an ordinary user.
    reader, writer = os.pipe()
    if (pid := os.fork()) == 0:
        os.close(reader)
        os.write(writer, refusal_as_nobody(closed).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        sentence = pipe.read()
    os.waitpid(pid, 0)

    assert sentence.startswith(f"The data folder {closed} cannot be written")


def refusal_as_nobody(folder: Path) -> str:
    """Return what an ordinary user is told about `folder`."""
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    try:
        prepare_data_folder(folder)
    except Problem as problem:
        return str(problem)
    return "no refusal"


def test_full_disk_is_named(data_dir):
    with pytest.raises(Problem, match="is full: .* MB are needed"):
        prepare_data_folder(data_dir, needed_bytes=10**18)


def test_secrets_are_readable_by_their_owner_only(portal):
    portal.start()

    for name in ("keys.json", "environment.json", "valkey/valkey.conf"):
        assert (portal.data_dir / name).stat().st_mode & 0o077 == 0, name
    command_lines = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert portal.variables()["REDIS_URL"].split(":")[2].split("@")[0] not in command_lines
