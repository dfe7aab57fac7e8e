"""script/manage finds the environment of a running copy, and starts servers when none runs."""

import subprocess
import sys

import pytest

from tests.local.conftest import SECONDS

pytestmark = pytest.mark.e2e


def call(portal, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run script/manage's module."""
    return subprocess.run(
        [sys.executable, "-m", "healthlombardy.local", "manage", *arguments],
        cwd=portal.repository,
        env=portal.environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_uses_the_servers_of_a_running_copy(portal):
    portal.start()

    made = call(portal, "demo_sign_in", "coordinator")

    assert made.returncode == 0, made.stderr
    assert (portal.data_dir / "calls").read_text().splitlines()[-1] == "demo_sign_in coordinator"


def test_starts_servers_for_its_duration_and_gives_the_folder_back(portal):
    made = call(portal, "check")

    assert made.returncode == 0, made.stderr
    assert not list((portal.data_dir / "processes").glob("*.pid"))
    portal.start()


def test_passes_on_the_exit_code(portal, monkeypatch):
    monkeypatch.setenv("STAND_IN_FAILS", "check")

    assert call(portal, "check").returncode == 1
