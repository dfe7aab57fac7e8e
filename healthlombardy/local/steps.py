"""Commands that run once and to their end while a local installation is set up."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from healthlombardy.local.configuration import REPOSITORY, Configuration
from healthlombardy.local.problems import Problem, StopRequested, say
from healthlombardy.local.signals import StopFlag


@dataclass(frozen=True)
class Step:
    """Pair what is said with the management command that does it."""

    title: str
    arguments: tuple[str, ...]


SET_UP = (
    Step("Bringing the database up to date", ("migrate", "--noinput", "--verbosity", "0")),
    Step("Giving the application its rights, and no more", ("grant_application_role",)),
    Step("Collecting style sheets and scripts", ("collectstatic", "--noinput", "--verbosity", "0")),
    Step("Loading the catalogue", ("load_catalogue",)),
    Step("Preparing the search", ("rebuild_search",)),
)
DEMO = Step("Loading demo people and cases", ("load_demo",))


def set_up_steps(*, is_demo: bool) -> tuple[Step, ...]:
    """Return the steps before the portal can answer."""
    return (*SET_UP, DEMO) if is_demo else SET_UP


def run_step(step: Step, configuration: Configuration, environment: Mapping[str, str], stop: StopFlag) -> None:
    """Run one step; raise Problem when it fails."""
    say(f"{step.title} …")
    argv = [sys.executable, str(REPOSITORY / "manage.py"), *step.arguments]
    # A group of its own: Ctrl-C reaches it through us, once.
    process = subprocess.Popen(argv, cwd=REPOSITORY, env=dict(environment), stdin=subprocess.DEVNULL, process_group=0)
    try:
        while process.poll() is None:
            stop.sleep(0.05)
    except StopRequested:
        _end(process)
        raise
    if process.returncode != 0:
        raise Problem(_why(step, configuration))


def _why(step: Step, configuration: Configuration) -> str:
    free = shutil.disk_usage(configuration.data_dir).free
    if free < 20 * 1024**2:
        return f"The disk of {configuration.data_dir} is full. Free some space, or set DATA_DIR to another disk."
    return (
        f"The step “{step.title}” failed; the lines above say why. "
        f"Mend that and start again, or repeat it alone: script/manage {' '.join(step.arguments)}"
    )


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=1.5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
