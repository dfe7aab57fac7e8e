"""script/run: servers, set-up, then web, worker and beat until somebody stops them."""

import http.client
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from healthlombardy.local import processes
from healthlombardy.local.children import Child, Command, end_leftover
from healthlombardy.local.configuration import REPOSITORY, Configuration, read_configuration
from healthlombardy.local.data_folder import ENVIRONMENT_FILE, DataFolderLock, prepare_data_folder, write_private
from healthlombardy.local.logs import last_lines
from healthlombardy.local.ports import require_free
from healthlombardy.local.problems import Problem, StopRequested, say
from healthlombardy.local.servers import Servers
from healthlombardy.local.set_up import SetUpRecord
from healthlombardy.local.signals import StopFlag
from healthlombardy.local.steps import run_step, set_up_steps
from healthlombardy.local.supervisor import Supervisor
from healthlombardy.local.translations import compile_translations

ANSWER_SECONDS = 180
# Web, worker and beat get this long to finish; the servers get theirs after it, and what the others left of it;
# together under five seconds.
FINISH_SECONDS, SERVER_SECONDS = 3.2, 1.5


def run() -> int:
    """Run the portal on this computer; return the exit code."""
    configuration = read_configuration()
    stop = StopFlag()
    stop.listen()
    prepare_data_folder(configuration.data_dir)
    with DataFolderLock(configuration.data_dir):
        installation = Installation(configuration, stop)
        try:
            installation.run()
        except StopRequested:
            say("Stopping …")
        finally:
            installation.stop()
    say(f"Stopped. Everything is kept in {configuration.data_dir}.")
    return 0


class Installation:
    """Hold what runs on this computer."""

    def __init__(self, configuration: Configuration, stop: StopFlag) -> None:
        self._configuration = configuration
        self._stop = stop
        self._servers = Servers(configuration)
        self._processes: list[Child] = []

    def run(self) -> None:
        """Start everything and look after it; StopRequested ends it."""
        configuration, stop = self._configuration, self._stop
        for name in ("web", "worker", "beat"):
            # What outlived a crashed run would hold the port.
            end_leftover(configuration.data_dir / "processes" / f"{name}.pid")
        require_free(configuration.host, configuration.port)
        say("Starting PostgreSQL and Valkey …")
        self._servers.start(stop)
        environment = self._servers.environment()
        write_private(configuration.data_dir / ENVIRONMENT_FILE, environment)
        self._set_up(environment)
        self._start_processes(environment)
        self._wait_for_web()
        say(banner(configuration))
        self._tend()

    def stop(self) -> None:
        """Stop all: first who may still write, then what they write to."""
        for child in self._processes:
            child.ask_to_stop()
        deadline = time.monotonic() + FINISH_SECONDS
        for child in self._processes:
            child.wait(deadline)
            child.end_group()
        self._servers.stop(SERVER_SECONDS + max(0.0, deadline - time.monotonic()))
        (self._configuration.data_dir / ENVIRONMENT_FILE).unlink(missing_ok=True)

    def _set_up(self, environment: Mapping[str, str]) -> None:
        say("Compiling translations …")
        compile_translations()
        record = SetUpRecord(self._configuration, environment["DATABASE_OWNER_URL"])
        if record.is_done():
            say("Nothing has changed since the last start. SET_UP=1 repeats the set-up.")
            return
        record.forget()
        for step in set_up_steps(is_demo=self._configuration.is_demo):
            run_step(step, self._configuration, environment, self._stop)
        record.note()

    def _start_processes(self, environment: Mapping[str, str]) -> None:
        for command in commands(self._configuration, environment):
            self._stop.check()
            child = Child(command)
            self._processes.append(child)
            child.start()

    def _wait_for_web(self) -> None:
        web = self._processes[0]
        end = time.monotonic() + ANSWER_SECONDS
        while not is_healthy(self._configuration):
            if web.exit_code() is not None or time.monotonic() > end:
                raise Problem(
                    f"The web server does not answer. The end of {web.command.log}:\n{last_lines(web.command.log)}"
                )
            self._stop.sleep(0.1)

    def _tend(self) -> None:
        supervisor = Supervisor()
        for child in (*self._servers.children, *self._processes):
            supervisor.watch(child)
        supervisor.tend_until_stopped(self._stop)


def commands(configuration: Configuration, environment: Mapping[str, str]) -> list[Command]:
    """Return web, worker and beat of a local installation."""
    schedule = configuration.data_dir / "celerybeat-schedule"
    return [
        _command("web", processes.web(host=configuration.host, port=configuration.port), configuration, environment),
        _command("worker", processes.worker(), configuration, environment),
        _command("beat", processes.beat(schedule=schedule), configuration, environment),
    ]


def is_healthy(configuration: Configuration) -> bool:
    """Return whether the web server answers /healthz."""
    connection = http.client.HTTPConnection(configuration.host, configuration.port, timeout=5)
    try:
        connection.request("GET", "/healthz", headers={"Host": "localhost"})
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def banner(configuration: Configuration) -> str:
    """Return what a person needs to know once the portal answers."""
    lines = ["", f"  Health Lombardy is ready: {configuration.address}", ""]
    if configuration.is_demo:
        lines += [
            "  Sign in with one command in a second terminal; it prints an address that works once:",
            "      script/manage demo_sign_in coordinator",
            "  or as facility_office, specialist, facility_editor, editor, administrator.",
            f"  Mail the portal sends: {configuration.address}/demo/mailbox/",
        ]
    lines += [f"  Logs and data: {configuration.data_dir}", "  Stop with Ctrl-C; nothing is lost.", ""]
    return "\n".join(lines)


def _command(name: str, argv: Sequence[str], configuration: Configuration, environment: Mapping[str, str]) -> Command:
    return Command(
        name=name,
        argv=[str(Path(sys.executable).parent / argv[0]), *argv[1:]],
        environment=environment,
        folder=REPOSITORY,
        logs=configuration.data_dir / "logs",
        records=configuration.data_dir / "processes",
    )
