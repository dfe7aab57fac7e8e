"""What the environment asks of a local installation."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from healthlombardy.local.problems import Problem

LOOPBACK_HOSTS = {"127.0.0.1", "::1", "localhost"}
REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Configuration:
    """Hold the checked values of the environment."""

    data_dir: Path
    host: str
    port: int
    is_demo: bool
    database_url: str
    database_owner_url: str
    redis_url: str
    environment: Mapping[str, str]

    @property
    def address(self) -> str:
        """Return the address a person types into a browser."""
        return f"http://localhost:{self.port}"


def read_configuration(environment: Mapping[str, str] = os.environ) -> Configuration:
    """Return the configuration of `environment`; raise Problem for a value that cannot be meant."""
    database_url = environment.get("DATABASE_URL", "").strip()
    is_demo = _is_demo(environment.get("DEMO", "").strip() or "1")
    return Configuration(
        data_dir=_data_dir(environment.get("DATA_DIR", "").strip()),
        host=_host(environment.get("HOST", "").strip() or "127.0.0.1", is_demo=is_demo),
        port=_port(environment.get("PORT", "").strip() or "8000"),
        is_demo=is_demo,
        database_url=_url("DATABASE_URL", database_url, {"postgres", "postgresql"}),
        database_owner_url=environment.get("DATABASE_OWNER_URL", "").strip() or database_url,
        redis_url=_url("REDIS_URL", environment.get("REDIS_URL", "").strip(), {"redis", "rediss", "unix"}),
        environment=environment,
    )


def _data_dir(value: str) -> Path:
    return Path(value).expanduser().resolve() if value else REPOSITORY / ".data"


def _port(value: str) -> int:
    if not (value.isascii() and value.isdigit() and 1 <= int(value) <= 65535):
        raise Problem(f"PORT is {value!r}. Set it to a number from 1024 to 65535, for example PORT=8000.")
    return int(value)


def _host(value: str, *, is_demo: bool) -> str:
    if is_demo and value not in LOOPBACK_HOSTS:
        raise Problem(
            f"HOST is {value!r}, but the demo signs people in without a password. Use HOST=127.0.0.1 or DEMO=0."
        )
    return value


def _is_demo(value: str) -> bool:
    if value not in {"0", "1"}:
        raise Problem(f"DEMO is {value!r}. Set it to 1 or 0.")
    return value == "1"


def _url(name: str, value: str, schemes: set[str]) -> str:
    if value and urlsplit(value).scheme not in schemes:
        raise Problem(f"{name} must begin with {' or '.join(f'{scheme}://' for scheme in sorted(schemes))}.")
    return value
