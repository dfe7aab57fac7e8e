"""The worker and its schedule. Tasks carry ids only; the truth is in PostgreSQL."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "healthlombardy.settings")

app = Celery("healthlombardy")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    "send what was forgotten": {"task": "notifications.tasks.sweep", "schedule": 30.0},
    # Each hour, so that a night without power costs nothing; it acts once a day.
    "erase old mail": {"task": "notifications.tasks.erase_bodies", "schedule": 3600.0},
    "remove ended sessions": {"task": "accounts.tasks.remove_ended_sessions", "schedule": 3600.0},
}
