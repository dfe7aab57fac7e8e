"""Gives every pytest run real servers before the settings are read, and keeps the browser tests' promises.

Loaded early by `-p` in pyproject.toml: pytest-django reads the settings when the first conftest is about to load.
"""

import os
import re
from collections.abc import Generator
from contextlib import ExitStack

import pytest

from healthlombardy.local.browser import NO_BROWSER, find_chromium
from healthlombardy.local.problems import Problem
from healthlombardy.local.signals import StopFlag
from healthlombardy.local.translations import compile_translations
from healthlombardy.local.trial import trial_environment

STARTED = pytest.StashKey[ExitStack]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our option."""
    parser.addoption("--require-browser", action="store_true", help="fail without Chromium, and for any skipped test")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """Start servers before pytest-django reads the settings; a process of a parallel run uses those of its parent."""
    options = early_config.known_args_namespace
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker:
        os.environ["REDIS_URL"] = redis_url_of(worker, os.environ["REDIS_URL"])
    elif not (options.help or options.version):
        _start_servers(early_config)
    try:
        return (yield)
    except BaseException:
        # Nothing was configured, so nothing will be unconfigured.
        pytest_unconfigure(early_config)
        raise


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a run that promised a browser and has none."""
    if config.getoption("require_browser") and not find_chromium():
        raise pytest.UsageError("--require-browser: no Chromium at $CHROMIUM or /usr/bin/chromium. Run .ci/run.")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what was started."""
    if STARTED in config.stash:
        config.stash[STARTED].close()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the browser tests out where there is no browser."""
    if find_chromium():
        return
    left_out = [item for item in items if item.get_closest_marker("browser")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skipped test into a failed one where everything must run."""
    report = yield
    if item.config.getoption("require_browser") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"Skipped, though --require-browser asks for every test: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Do the same for a module that skips itself."""
    report = yield
    if collector.config.getoption("require_browser") and report.outcome == "skipped":
        report.outcome = "failed"
        report.longrepr = f"Skipped, though --require-browser asks for every test: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say that browser tests were left out."""
    if not find_chromium():
        terminalreporter.write_line(NO_BROWSER)


def redis_url_of(worker: str, url: str) -> str:
    """Return `url` with a database of its own for a worker such as "gw3"."""
    number = int(worker.removeprefix("gw")) + 1
    return re.sub(r"/\d+$", "", url.rstrip("/")) + f"/{number}"


def _start_servers(config: pytest.Config) -> None:
    stack = ExitStack()
    config.stash[STARTED] = stack
    compile_translations()
    if "DATABASE_URL" in os.environ:
        return
    try:
        os.environ.update(stack.enter_context(trial_environment(StopFlag())))
    except Problem as problem:
        raise pytest.UsageError(str(problem)) from problem
