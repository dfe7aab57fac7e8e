"""Installs the packages of the lock into this Python's environment when the lock has changed.

Runs before anything is installed, so it imports the standard library only:
python healthlombardy/local/installation.py production|all
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

# Started as a file, not as a module: the package around it needs what is to be installed here.
from lockfile import LOCK, REPOSITORY, production  # type: ignore[import-not-found]

RECORD = Path(sys.prefix) / "installed-lock"
# "Processing" is a wheel that lies on this computer, "Ignoring" one that other systems need.
PROGRESS = ("Collecting ", "Requirement already satisfied: ", "Processing ", "Ignoring ")


def is_installed(what: str, digest: str) -> bool:
    """Return whether this environment holds `what` of the lock with `digest` already."""
    kept = RECORD.read_text(encoding="utf-8").split() if RECORD.exists() else []
    return kept in ([what, digest], ["all", digest])


def install(requirements: str) -> int:
    """Let pip install `requirements`, showing how far it is; return its exit code."""
    total = sum(not line.startswith((" ", "#")) for line in requirements.splitlines() if line)
    with tempfile.NamedTemporaryFile("w", suffix=".lock", encoding="utf-8") as file:
        file.write(requirements)
        file.flush()
        argv = [sys.executable, "-m", "pip", "install", "--require-hashes", "--no-input", "--disable-pip-version-check"]
        pip = subprocess.Popen([*argv, "-r", file.name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        lines = _follow(pip, total)
    if pip.returncode != 0:
        print("".join(lines[-15:]), end="", file=sys.stderr)
        print("The packages could not be installed; pip says why above. Start again to go on.", file=sys.stderr)
    return pip.returncode


def point_at_repository() -> None:
    """Let the tools of this environment find the project from any folder; a bare pytest loads its plugin early."""
    site = Path(sysconfig.get_path("purelib"))
    inside = site.is_relative_to(REPOSITORY)
    # Relative where it can be, so that a project that is moved takes its environment along.
    target = os.path.relpath(REPOSITORY, site) if inside else str(REPOSITORY)
    file = site / "healthlombardy.pth"
    if not file.exists() or file.read_text(encoding="utf-8") != target:
        file.write_text(target, encoding="utf-8")


def _follow(pip: "subprocess.Popen[str]", total: int) -> list[str]:
    lines, found = [], 0
    for line in pip.stdout or ():
        lines.append(line)
        if line.startswith(PROGRESS):
            found += 1
            _show(f"Fetching packages: {min(found, total)} of {total}")
        elif line.startswith("Installing collected"):
            _show("Unpacking them; this takes a little …")
    print(file=sys.stderr)
    pip.wait()
    return lines


def _show(text: str) -> None:
    end = "\r" if sys.stderr.isatty() else "\n"
    print(f"{text:<60}", end=end, file=sys.stderr, flush=True)


def main(what: str) -> int:
    """Install `what` unless it is there."""
    lock = LOCK.read_text(encoding="utf-8")
    digest = hashlib.sha256(lock.encode()).hexdigest()
    with (Path(sys.prefix) / "installing").open("w") as turn:
        # A second script started meanwhile waits here and then finds the work done.
        fcntl.flock(turn, fcntl.LOCK_EX)
        point_at_repository()
        if is_installed(what, digest):
            return 0
        code = install(lock if what == "all" else production(lock))
        if code == 0:
            RECORD.write_text(f"{what} {digest}", encoding="utf-8")
    return code


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "all"))
    except KeyboardInterrupt:
        print("\nStopped. Start again to go on.", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        print(f"The packages could not be installed: {error}. Free some space or mend the folder.", file=sys.stderr)
        sys.exit(1)
