"""A throw-away pair of servers for checks and tests, and the environment that goes with it."""

import base64
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from healthlombardy.local.configuration import read_configuration
from healthlombardy.local.servers import Servers
from healthlombardy.local.signals import StopFlag


def patient(url: str) -> str:
    """Return the address of a database that is waited for: readers hear after two seconds that it is gone."""
    return f"{url}{'&' if '?' in url else '?'}connect_timeout=60"


@contextmanager
def trial_environment(stop: StopFlag) -> Iterator[Mapping[str, str]]:
    """Start servers in a temporary folder and yield the variables that point at them."""
    folder = Path(tempfile.mkdtemp(prefix="healthlombardy-test-"))
    # As root PostgreSQL runs as nobody, who must be able to walk in; what is private inside is closed by itself.
    folder.chmod(0o711)
    named = {
        name: os.environ[name] for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL") if name in os.environ
    }
    servers = Servers(read_configuration({"DATA_DIR": str(folder), **named}), is_careless=True, is_quiet=True)
    try:
        servers.start(stop)
        made = servers.environment()
        yield {
            "DATA_DIR": str(folder),
            # The tests make their own database, which takes the owner; rights of the application are tested by name.
            "DATABASE_URL": patient(made["DATABASE_OWNER_URL"]),
            "DATABASE_OWNER_URL": patient(made["DATABASE_OWNER_URL"]),
            "DATABASE_APPLICATION_URL": made["DATABASE_URL"],
            "APPLICATION_ROLE": made["APPLICATION_ROLE"],
            "REDIS_URL": made["REDIS_URL"],
            "DEMO": "1",
            "SECRET_KEY": "demo-" + secrets.token_urlsafe(60),
            "MASTER_KEYS": "1:" + base64.b64encode(secrets.token_bytes(32)).decode(),
            "PUBLIC_URL": "http://localhost:8000",
            "DJANGO_SETTINGS_MODULE": "healthlombardy.settings",
        }
    finally:
        servers.stop()
        shutil.rmtree(folder, ignore_errors=True)
