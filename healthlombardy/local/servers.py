"""PostgreSQL and Valkey together: embedded ones, or those the environment names."""

import time

import psycopg
import redis

from healthlombardy.local.children import Child
from healthlombardy.local.configuration import REPOSITORY, Configuration
from healthlombardy.local.keys import Keys
from healthlombardy.local.postgres import APPLICATION, PostgresServer
from healthlombardy.local.problems import Problem, say
from healthlombardy.local.signals import StopFlag
from healthlombardy.local.valkey import ValkeyServer, answers

# A database that writes to a slow disk may take long; one that is ended by force starts slowly.
STOP_SECONDS = 30.0


class Servers:
    """Start what the environment does not name; stop what was started."""

    def __init__(self, configuration: Configuration, *, is_careless: bool = False, is_quiet: bool = False) -> None:
        self._configuration = configuration
        self._is_careless = is_careless
        self._is_quiet = is_quiet
        self._postgres: PostgresServer | None = None
        self._valkey: ValkeyServer | None = None
        self._keys: Keys | None = None

    @property
    def children(self) -> list[Child]:
        """Return the processes that were started."""
        servers = [server for server in (self._postgres, self._valkey) if server]
        return [server.child for server in servers if server.child]

    def start(self, stop: StopFlag) -> None:
        """Start both, or prove that the named ones answer."""
        configuration = self._configuration
        self._keys = Keys.kept_in(configuration.data_dir)
        options = {"is_careless": self._is_careless, "is_quiet": self._is_quiet}
        if configuration.database_url:
            require_database(configuration.database_url)
        else:
            self._postgres = PostgresServer(configuration.data_dir, self._keys, **options)
            self._postgres.start(stop)
        if configuration.redis_url:
            require_redis(configuration.redis_url)
        else:
            self._valkey = ValkeyServer(configuration.data_dir, self._keys, **options)
            self._valkey.start(stop)

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Stop what was started, side by side, by force after `seconds`."""
        for child in self.children:
            child.ask_to_stop()
        deadline = time.monotonic() + seconds
        for child in self.children:
            if not child.wait(deadline):
                say(f"{child.name} did not end in time and was ended; it mends itself at the next start.")
            child.end_group()

    def environment(self) -> dict[str, str]:
        """Return the environment for every process of the portal."""
        configuration = self._configuration
        environment = dict(configuration.environment) | {
            "DATA_DIR": str(configuration.data_dir),
            "PORT": str(configuration.port),
            "DEMO": "1" if configuration.is_demo else "0",
            "DATABASE_URL": self._postgres.application_url if self._postgres else configuration.database_url,
            "DATABASE_OWNER_URL": self._postgres.owner_url if self._postgres else configuration.database_owner_url,
            "REDIS_URL": self._valkey.url if self._valkey else configuration.redis_url,
            "DJANGO_SETTINGS_MODULE": "healthlombardy.settings",
            "PYTHONUNBUFFERED": "1",
            # Granian and Celery start from the folder of their scripts.
            "PYTHONPATH": str(REPOSITORY),
        }
        environment.setdefault("APPLICATION_ROLE", APPLICATION)
        if configuration.is_demo and self._keys:
            environment.setdefault("SECRET_KEY", self._keys.secret_key)
            environment.setdefault("MASTER_KEYS", self._keys.master_keys)
            environment.setdefault("PUBLIC_URL", configuration.address)
        return environment


def require_database(url: str) -> None:
    """Raise Problem when the database of the environment does not answer."""
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise Problem(
            f"DATABASE_URL does not answer ({reason}). Start that database, correct DATABASE_URL, "
            "or unset it to use the embedded one."
        ) from error


def require_redis(url: str) -> None:
    """Raise Problem when the Valkey or Redis of the environment does not answer."""
    client = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5)
    if not answers(client):
        raise Problem(
            "REDIS_URL does not answer. Start that server, correct REDIS_URL, or unset it to use the embedded one."
        )
    client.close()
