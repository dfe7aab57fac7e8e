"""Browser tests are left out aloud, or demanded; a skipped test does not pass where everything must run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from healthlombardy.local.configuration import REPOSITORY
from healthlombardy.local.pytest_plugin import redis_url_of
from tests.local.conftest import SECONDS

TESTS = """
import pytest

def test_plain():
    pass

@pytest.mark.browser
def test_with_browser():
    pass
"""
SKIPPING = """
import pytest

def test_that_skips():
    pytest.skip("no reason")
"""
SKIPPING_WHOLE = """
import pytest

pytest.skip("no reason", allow_module_level=True)
"""


def outcome(folder: Path, source: str, *arguments: str, chromium: str) -> "subprocess.CompletedProcess[str]":
    """Run pytest with our plugin, and nothing else of ours, on `source`."""
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = browser: needs Chromium\n")
    (folder / "test_sample.py").write_text(source)
    plain = ["-p", "healthlombardy.local.pytest_plugin", "-p", "no:django", "-p", "no:cacheprovider", "-p", "no:xdist"]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", *plain, *arguments, str(folder)],
        cwd=folder,
        # A named database spares the servers.
        env=inherited | {"CHROMIUM": chromium, "PYTHONPATH": str(REPOSITORY), "DATABASE_URL": "postgresql://x/x"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_browser_tests_run_where_there_is_a_browser(tmp_path):
    run = outcome(tmp_path, TESTS, chromium="/bin/true")

    assert "2 passed" in run.stdout
    assert "left out" not in run.stdout


def test_browser_tests_are_left_out_aloud(tmp_path):
    run = outcome(tmp_path, TESTS, chromium="/nowhere/chromium")

    assert run.returncode == 0
    assert "1 passed, 1 deselected" in run.stdout
    assert "The browser tests were left out" in run.stdout


def test_a_demanded_browser_that_is_missing_fails(tmp_path):
    run = outcome(tmp_path, TESTS, "--require-browser", chromium="/nowhere/chromium")

    assert run.returncode != 0
    assert "no Chromium" in run.stderr


@pytest.mark.parametrize("source", [SKIPPING, SKIPPING_WHOLE])
def test_a_skipped_test_fails_where_everything_must_run(tmp_path, source):
    assert outcome(tmp_path, source, chromium="/bin/true").returncode in {0, 5}

    run = outcome(tmp_path, source, "--require-browser", chromium="/bin/true")

    assert run.returncode not in {0, 5}
    assert "asks for every test" in run.stdout


def test_each_parallel_process_has_a_database_of_its_own():
    assert redis_url_of("gw0", "redis://:word@127.0.0.1:7000/0") == "redis://:word@127.0.0.1:7000/1"
    assert redis_url_of("gw11", "redis://127.0.0.1:7000") == "redis://127.0.0.1:7000/12"
