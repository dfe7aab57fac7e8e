"""The lock file: whether it agrees with pyproject.toml, and which part of it production needs.

Runs before anything is installed, so it imports the standard library only:
python healthlombardy/local/lockfile.py stamp|check|production
"""

import hashlib
import json
import re
import sys
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
LOCK = REPOSITORY / "requirements.lock"
MARK = "# pyproject: "
# A requirement of pyproject.toml itself; those of a group are written "(pyproject.toml:dev)".
ROOT = "healthlombardy (pyproject.toml)"


def fingerprint(pyproject: Path = REPOSITORY / "pyproject.toml") -> str:
    """Return a hash of what pyproject.toml says about dependencies, whatever the order of its lines."""
    content = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    project = content.get("project", {})
    tables = {
        "requires-python": project.get("requires-python"),
        "dependencies": sorted(project.get("dependencies", [])),
        "groups": {name: sorted(map(str, group)) for name, group in content.get("dependency-groups", {}).items()},
    }
    return hashlib.sha256(json.dumps(tables, sort_keys=True).encode()).hexdigest()


def agrees(lock: str, pyproject: Path = REPOSITORY / "pyproject.toml") -> bool:
    """Return whether `lock` was resolved from the dependencies pyproject.toml names now."""
    return lock.splitlines()[:1] == [MARK + fingerprint(pyproject)]


def stamped(lock: str) -> str:
    """Return `lock` with the fingerprint as its first line."""
    lines = [line for line in lock.splitlines() if not line.startswith(MARK)]
    return "\n".join([MARK + fingerprint(), *lines]) + "\n"


def production(lock: str) -> str:
    """Return the entries of `lock` that the portal needs to run, without the tools of its developers."""
    entries = _entries(lock)
    parents = {name: _parents(entry) for name, entry in entries.items()}
    needed = {name for name in entries if ROOT in parents[name]}
    while more := {name for name in entries if name not in needed and parents[name] & needed}:
        needed |= more
    return "".join(entry for name, entry in entries.items() if name in needed)


def _entries(lock: str) -> dict[str, str]:
    blocks = re.split(r"(?m)^(?=[A-Za-z0-9])", lock)
    entries: dict[str, str] = {}
    for block in blocks:
        if found := re.match(r"[A-Za-z0-9._-]+", block):
            # One package may be pinned twice, for two versions of Python.
            entries[found.group()] = entries.get(found.group(), "") + block
    return entries


def _parents(entry: str) -> set[str]:
    comments = [line.strip().removeprefix("#").strip() for line in entry.splitlines() if line.strip().startswith("#")]
    return {comment.removeprefix("via").strip() for comment in comments} - {""}


def main(command: str) -> int:
    """Stamp, check or cut the lock file."""
    lock = LOCK.read_text(encoding="utf-8")
    if command == "stamp":
        LOCK.write_text(stamped(lock), encoding="utf-8")
    elif command == "production":
        print(production(lock), end="")
    elif not agrees(lock):
        print("requirements.lock does not agree with pyproject.toml. Run script/lock.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "check"))
