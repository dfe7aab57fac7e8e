"""The command lines of the portal's processes. docker-compose.yml repeats them; a test compares."""

from pathlib import Path


def web(*, host: str, port: int) -> list[str]:
    """Return the command of the web server."""
    return [
        "granian",
        "--interface",
        "wsgi",
        "--host",
        host,
        "--port",
        str(port),
        "--workers",
        "2",
        # Each thread keeps a database connection: without a limit granian would take more than PostgreSQL gives.
        "--blocking-threads",
        "4",
        "--respawn-failed-workers",
        "--workers-kill-timeout",
        "2",
        "healthlombardy.wsgi:application",
    ]


def worker() -> list[str]:
    """Return the command of the background worker."""
    return [
        "celery",
        "-A",
        "healthlombardy",
        "worker",
        "--loglevel",
        "WARNING",
        "--concurrency",
        "2",
        "--without-gossip",
        "--without-mingle",
    ]


def beat(*, schedule: Path) -> list[str]:
    """Return the command of the clock that rings periodic jobs; `schedule` is the file it notes them in."""
    return ["celery", "-A", "healthlombardy", "beat", "--loglevel", "WARNING", "--schedule", str(schedule)]
