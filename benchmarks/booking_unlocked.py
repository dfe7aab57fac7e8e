"""The portal without the lock of the calendars, for the control of benchmarks.booking."""

from healthlombardy.wsgi import application
from teleconsult.workflow import bookings


def no_lock(*_people: object, **_about: object) -> None:
    """Let everybody pass."""


bookings.lock_calendars = no_lock  # type: ignore[assignment]

__all__ = ["application"]
