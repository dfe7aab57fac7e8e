"""script/test: every check of the project, one after the other, a line before each."""

import base64
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from healthlombardy.local.browser import NO_BROWSER, find_chromium
from healthlombardy.local.configuration import REPOSITORY
from healthlombardy.local.lockfile import LOCK, agrees
from healthlombardy.local.problems import Problem, say
from healthlombardy.local.signals import StopFlag
from healthlombardy.local.translations import compile_translations
from healthlombardy.local.trial import trial_environment

BROWSER_OPTION = "--require-browser"
BIN = Path(sys.executable).parent
MANAGE = (sys.executable, "manage.py")


@dataclass(frozen=True)
class Check:
    """Pair what is said with the command that checks it."""

    title: str
    argv: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


def verify(arguments: Sequence[str]) -> int:
    """Run every check; return the exit code."""
    needs_browser = BROWSER_OPTION in arguments
    if needs_browser and not find_chromium():
        raise Problem(f"{BROWSER_OPTION}: no Chromium at $CHROMIUM or /usr/bin/chromium. Install it, or run .ci/run.")
    started = time.monotonic()
    stop = StopFlag()
    stop.listen()
    require_current_lock()
    say("Translations: compiling …")
    compile_translations()
    with trial_environment(stop) as environment:
        for check in checks(arguments):
            run_check(check, environment, stop)
    seconds = time.monotonic() - started
    say(f"Everything passed in {seconds:.0f} s.{'' if find_chromium() else ' ' + NO_BROWSER}")
    return 0


def require_current_lock() -> None:
    """Raise Problem when the lock was resolved from other dependencies."""
    say("Lock: does requirements.lock agree with pyproject.toml? …")
    if not agrees(LOCK.read_text(encoding="utf-8")):
        raise Problem("requirements.lock does not agree with pyproject.toml. Run script/lock.")


def checks(arguments: Sequence[str]) -> list[Check]:
    """Return the checks in their order: cheap ones first."""
    return [
        Check("Lint: ruff …", [tool("ruff"), "check"]),
        Check("Format: ruff …", [tool("ruff"), "format", "--check", "--quiet"]),
        Check("Types: mypy …", [tool("mypy")]),
        Check("Templates: djlint …", [tool("djlint"), "templates", "--lint", "--profile=django", "--quiet"]),
        Check("Arrows between apps: import-linter …", [tool("lint-imports")]),
        Check("Migrations: is one missing? …", [*MANAGE, "makemigrations", "--check", "--dry-run"]),
        Check("Settings as in production: check --deploy …", DEPLOY_CHECK, production_like()),
        Check("Tests: pytest …", [sys.executable, "-m", "pytest", *with_processes(arguments)]),
    ]


DEPLOY_CHECK = [*MANAGE, "check", "--deploy", "--fail-level", "WARNING"]


def run_check(check: Check, environment: Mapping[str, str], stop: StopFlag) -> None:
    """Run one check; raise Problem when it fails."""
    say(check.title)
    process = subprocess.Popen(
        check.argv, cwd=REPOSITORY, env={**os.environ, **environment, **check.environment}, process_group=0
    )
    try:
        while process.poll() is None:
            stop.sleep(0.05)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    if process.returncode != 0:
        raise Problem(f"Failed: {check.title.removesuffix(' …')}. Mend what stands above and run script/test again.")


def tool(name: str) -> str:
    """Return the path of a tool of this environment."""
    return str(BIN / name)


def with_processes(arguments: Sequence[str]) -> list[str]:
    """Return the arguments for pytest: two processes unless the caller says otherwise."""
    says_how_many = any(argument == "-n" or argument.startswith(("-n", "--numprocesses")) for argument in arguments)
    return [*([] if says_how_many else ["-n", "2"]), *arguments]


def production_like() -> dict[str, str]:
    """Return an environment as production has it, with throw-away secrets."""
    return {
        "DEMO": "0",
        "DEBUG": "0",
        "SECRET_KEY": secrets.token_urlsafe(60),
        "MASTER_KEYS": "1:" + base64.b64encode(secrets.token_bytes(32)).decode(),
        "ALLOWED_HOSTS": "portal.example",
        "PUBLIC_URL": "https://portal.example",
        "EMAIL_URL": "smtp+tls://mail.example:587",
        "CLAMAV_ADDRESS": "127.0.0.1:3310",
        "TRUSTED_PROXY": "127.0.0.1",
    }
