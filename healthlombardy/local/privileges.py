"""The unprivileged account a server runs as when we are root, since PostgreSQL refuses to run as root."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Account:
    """Name an account by its numbers."""

    user_id: int
    group_id: int


def unprivileged() -> Account | None:
    """Return the account to drop to, or None when we are an ordinary user already."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return Account(nobody.pw_uid, nobody.pw_gid)


def can_enter(folder: Path, account: Account) -> bool:
    """Return whether `account` may walk down to `folder`."""
    attempt = subprocess.run(
        ["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)],
        cwd="/",
        user=account.user_id,
        group=account.group_id,
        extra_groups=[],
        capture_output=True,
        check=False,
    )
    return attempt.returncode == 0
