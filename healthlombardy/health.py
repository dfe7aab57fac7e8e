"""What the portal leans on, and whether each of it answers."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection

OK, DEGRADED, OFF = "ok", "degraded", "off"
# Whoever asks shall know within two seconds.
SECONDS = 1.0
# So long an answer of scanner and mail server holds: asking us must not become a way to ask them a thousand times.
REMEMBERED_SECONDS = 2.0


def parts() -> dict[str, str]:
    """Return what each part says: "ok", "degraded", or "off" where the portal is run without it."""
    with ThreadPoolExecutor(max_workers=3) as together:
        others = {name: together.submit(ask) for name, ask in OTHERS.items()}
        database = OK if database_answers() else DEGRADED
        return {"database": database} | {name: asked.result() for name, asked in others.items()}


def database_answers() -> bool:
    """Return whether PostgreSQL answers a question."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def cache_answers() -> str:
    """Return whether Valkey, the cache and broker, answers."""
    try:
        cache.get("ready")
    except Exception:
        return DEGRADED
    return OK


def scanner_answers() -> str:
    """Return whether clamd answers its ping."""
    if not settings.CLAMAV_ADDRESS:
        return OFF
    address = settings.CLAMAV_ADDRESS.removeprefix("unix:")
    with contextlib.suppress(OSError, ValueError), _connected(address) as clamd:
        clamd.sendall(b"zPING\0")
        return OK if clamd.recv(5).startswith(b"PONG") else DEGRADED
    return DEGRADED


def mail_answers() -> str:
    """Return whether the mail server takes a connection; the demo's spool always does."""
    if not settings.EMAIL_URL:
        return OK
    with contextlib.suppress(OSError), _connected(f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"):
        return OK
    return DEGRADED


class Remembered:
    """An answer that holds for a moment, in this process."""

    def __init__(self, ask: Callable[[], str]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._until = 0.0
        self._answer = ""

    def __call__(self) -> str:
        with self._lock:
            if time.monotonic() >= self._until:
                self._answer = self._ask()
                self._until = time.monotonic() + REMEMBERED_SECONDS
            return self._answer


OTHERS: dict[str, Callable[[], str]] = {
    "cache": cache_answers,
    "scanner": Remembered(scanner_answers),
    "mail": Remembered(mail_answers),
}


def _connected(address: str) -> socket.socket:
    """Return a connection to `host:port` or to a socket's path."""
    if address.startswith("/"):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(SECONDS)
        connection.connect(address)
        return connection
    host, _colon, port = address.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), timeout=SECONDS)
