"""Free ports, picked once and remembered, so that an address stays the same over restarts."""

import errno
import json
import socket
from pathlib import Path

from healthlombardy.local.problems import Problem

LOOPBACK = "127.0.0.1"


def require_free(host: str, port: int) -> None:
    """Raise Problem when `port` cannot be opened."""
    try:
        _bind(host, port)
    except PermissionError as error:
        raise Problem(
            f"Port {port} belongs to the system. Choose another, for example: PORT=8000 script/run"
        ) from error
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise Problem(f"HOST {host!r} cannot be opened ({error.strerror}). Use HOST=127.0.0.1.") from error
        raise Problem(
            f"Port {port} is taken by another program. Choose another, for example: PORT={_next(port)} script/run"
        ) from error


def remembered(file: Path, name: str) -> int:
    """Return the port `name` had last time if it is still free, else a new one, and remember it in `file`."""
    kept = _read(file)
    if not (name in kept and _is_free(kept[name])):
        kept[name] = _bind(LOOPBACK, 0)
        file.write_text(json.dumps(kept), encoding="utf-8")
    return kept[name]


def _read(file: Path) -> dict[str, int]:
    try:
        return {str(name): int(port) for name, port in json.loads(file.read_text(encoding="utf-8")).items()}
    except (FileNotFoundError, ValueError, AttributeError):
        return {}


def _is_free(port: int) -> bool:
    try:
        _bind(LOOPBACK, port)
    except OSError:
        return False
    return True


def _bind(host: str, port: int) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # As the servers do: a port whose last connections still fade away counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        return int(probe.getsockname()[1])


def _next(port: int) -> int:
    return port + 1 if port < 65535 else 8000
