"""The scripts say in words what a computer lacks before anything is installed."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from healthlombardy.local.configuration import REPOSITORY
from tests.local.conftest import SECONDS

SCRIPTS = ("run", "test", "manage", "lock", "fix")
TOO_OLD = "exit 1"
WITHOUT_VENV = 'case "$*" in *ensurepip*) exit 1;; esac'


def run_with_python(behaviour: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run script/run where python3 is a stand-in with `behaviour`."""
    programs = folder / "bin"
    programs.mkdir()
    for name in ("bash", "dirname"):
        (programs / name).symlink_to(str(shutil.which(name)))
    python = programs / "python3"
    python.write_text(f"#!{shutil.which('sh')}\n{behaviour}\n")
    python.chmod(0o755)
    return subprocess.run(
        [str(programs / "bash"), str(REPOSITORY / "script" / "run")],
        env={"PATH": str(programs), "VENV_DIR": str(folder / "venv")},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.mark.parametrize(
    ("behaviour", "sentence"),
    [(TOO_OLD, "Python 3.11 or newer is needed"), (WITHOUT_VENV, "apt-get install python3-venv")],
)
def test_a_python_that_will_not_do_is_named_with_a_way_out(tmp_path, behaviour, sentence):
    refused = run_with_python(behaviour, tmp_path)

    assert refused.returncode == 1
    assert sentence in refused.stderr


@pytest.mark.parametrize("name", [f"script/{name}" for name in SCRIPTS] + [".ci/run"])
def test_scripts_can_be_started_and_stop_at_the_first_error(name):
    script = REPOSITORY / name

    assert os.access(script, os.X_OK)
    assert "set -euo pipefail" in script.read_text(encoding="utf-8")
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_only_the_build_server_installs_system_packages():
    for name in SCRIPTS:
        text = (REPOSITORY / "script" / name).read_text(encoding="utf-8")
        assert not re.search(r"\bapt(-get)?\b", text), name
