"""The worker and its schedule. Tasks carry ids only; the truth is in PostgreSQL."""

import os

from celery import Celery
from celery.schedules import crontab

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "healthlombardy.settings")

app = Celery("healthlombardy")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    "send what was forgotten": {"task": "notifications.tasks.sweep", "schedule": 30.0},
    # What is done once a day is rung for each hour or more often: a ring that was lost, or a worker, costs no day.
    "erase old mail": {"task": "notifications.tasks.erase_bodies", "schedule": 3600.0},
    "remove old error reports": {"task": "publishing.tasks.remove_old_reports", "schedule": 3600.0},
    "judge files that wait": {"task": "vault.tasks.judge_waiting", "schedule": 30.0},
    "look into files that wait": {"task": "vault.tasks.look_into_waiting", "schedule": 60.0},
    "remove ended counters": {"task": "vault.tasks.remove_ended_counters", "schedule": 3600.0},
    "anchor the trail": {"task": "vault.tasks.anchor_trail", "schedule": 3600.0},
    "remove the old trail": {"task": "vault.tasks.remove_old_trail", "schedule": 3600.0},
    "keep the list of what was erased": {"task": "vault.tasks.keep_tombstones", "schedule": 3600.0},
    # Reads the whole storage: at night, and once more should the night have been without power.
    "look for orphans": {"task": "vault.tasks.look_for_orphans", "schedule": crontab(minute=40, hour="1,13")},
    "keep deadlines of requests": {"task": "teleconsult.tasks.keep_deadlines", "schedule": 900.0},
    "keep uploads that are whole": {"task": "teleconsult.tasks.keep_whole_uploads", "schedule": 30.0},
    "remove old uploads": {"task": "teleconsult.tasks.remove_old_uploads", "schedule": 3600.0},
    # 07:30 in Milan is 05:30 or 06:30 UTC; the task itself knows working days and acts once a day.
    "send digests": {"task": "teleconsult.tasks.send_digests", "schedule": 600.0},
    "free held times, remind of consultations": {"task": "teleconsult.tasks.keep_bookings", "schedule": 60.0},
    "remove ended sessions": {"task": "accounts.tasks.remove_ended_sessions", "schedule": 3600.0},
}
