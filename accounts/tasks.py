"""What the worker does for accounts; running twice does no harm."""

from celery import shared_task

import healthlombardy.celery  # noqa: F401  whoever loads a task can ring for it
from accounts.sessions import SessionStore


@shared_task(name="accounts.tasks.remove_ended_sessions")
def remove_ended_sessions() -> None:
    """Delete the rows of sessions that were over a day ago."""
    SessionStore.clear_expired()
