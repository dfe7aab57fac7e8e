"""Daily jobs: done once, by one worker at a time, whoever dies in the middle."""

import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError, connection
from django.utils import timezone

from notifications import jobs
from notifications.jobs import alone, daily
from notifications.models import JobRun
from tests.notifications.test_worker import database_url

LEASE = timedelta(minutes=10)
ROOT = Path(__file__).resolve().parents[2]
# A worker that does the first step and stands in the middle of the second.
DYING = """
import sys, time, django
django.setup()
from datetime import timedelta
from notifications import jobs
from notifications.jobs import daily
jobs.today = lambda: "2031-03-01"
open_for_ever = lambda: (print("in the middle", flush=True), time.sleep(600))
daily("tidy", {"first": lambda: None, "second": open_for_ever}, lease=timedelta(minutes=10))
"""


class Deeds:
    """Steps that note that they were taken."""

    def __init__(self, *failing: str, error: type[BaseException] = ValueError) -> None:
        self.taken: list[str] = []
        self.failing = set(failing)
        self.error = error

    def steps(self, *names):
        return {name: lambda name=name: self.take(name) for name in names}

    def take(self, name: str) -> None:
        self.taken.append(name)
        if name in self.failing:
            raise self.error


def test_each_step_is_taken_once_a_day(db, time_machine):
    deeds = Deeds()
    time_machine.move_to("2031-03-01T10:00:00Z", tick=False)
    rings = [daily("tidy", deeds.steps("a", "b"), lease=LEASE) for _scheduler in range(3)]
    assert (rings, deeds.taken) == ([True, False, False], ["a", "b"])

    time_machine.move_to("2031-03-02T00:01:00Z", tick=False)
    daily("tidy", deeds.steps("a", "b"), lease=LEASE)
    assert deeds.taken == ["a", "b", "a", "b"]


@pytest.fixture
def same_day(time_machine):
    """Let midnight not come between two rings."""
    time_machine.move_to("2031-03-01T10:00:00Z", tick=False)


@pytest.mark.usefixtures("same_day")
def test_a_step_that_fails_stops_no_other_and_is_begun_again(db, caplog):
    deeds = Deeds("a")
    assert not daily("tidy", deeds.steps("a", "b"), lease=LEASE)
    assert deeds.taken == ["a", "b"]
    assert "The step tidy:a failed and is begun again: ValueError" in caplog.text

    deeds.failing.clear()
    assert daily("tidy", deeds.steps("a", "b"), lease=LEASE)
    assert deeds.taken == ["a", "b", "a"]


@pytest.mark.usefixtures("same_day")
def test_what_the_time_limit_cut_off_goes_on_at_the_next_ring(db):
    deeds = Deeds("b", error=SoftTimeLimitExceeded)
    with pytest.raises(SoftTimeLimitExceeded):
        daily("tidy", deeds.steps("a", "b", "c"), lease=LEASE)

    deeds.failing.clear()
    assert daily("tidy", deeds.steps("a", "b", "c"), lease=LEASE)
    assert deeds.taken == ["a", "b", "b", "c"]


@pytest.mark.django_db(transaction=True)
def test_a_killed_worker_leaves_the_rest_of_the_day_to_another(monkeypatch):
    # The same day here and there, even if midnight comes while the worker starts.
    monkeypatch.setattr(jobs, "today", lambda: "2031-03-01")
    environment = os.environ | {"DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "healthlombardy.settings"}
    worker = subprocess.Popen([sys.executable, "-c", DYING], cwd=ROOT, env=environment, stdout=subprocess.PIPE)
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"in the middle\n"
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    worker.stdout.close()

    deeds = Deeds()
    assert not daily("tidy", deeds.steps("first", "second"), lease=LEASE)
    assert deeds.taken == [], "it cannot be known yet that the worker is dead"
    JobRun.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    assert daily("tidy", deeds.steps("first", "second"), lease=LEASE)
    assert deeds.taken == ["second"]


def taken_by_racing_workers() -> int:
    """Return how often eight workers that ring at once take a step, which lasts until each took it or was sent away."""
    beginning, end, deeds = threading.Barrier(8), threading.Barrier(8), Deeds()
    inside: set[int] = set()

    def long() -> None:
        deeds.take("a")
        inside.add(threading.get_ident())
        end.wait(60)

    def run() -> None:
        beginning.wait()
        daily("tidy", {"a": long}, lease=LEASE)
        connection.close()
        if threading.get_ident() not in inside:
            end.wait(60)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(deeds.taken)


@pytest.mark.django_db(transaction=True)
def test_the_race_shows_without_the_lease(monkeypatch):
    monkeypatch.setattr(jobs, "_claim", lambda job, period, lease: True)

    assert taken_by_racing_workers() > 1


@pytest.mark.django_db(transaction=True)
def test_of_workers_at_once_one_takes_the_step():
    assert taken_by_racing_workers() == 1


def end_of_the_connection() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


@pytest.mark.django_db(transaction=True)
def test_a_job_stops_with_its_database_instead_of_failing_row_by_row(monkeypatch):
    def end_of_the_database() -> None:
        monkeypatch.setitem(connection.settings_dict, "PORT", "1")
        end_of_the_connection()

    with pytest.raises(OperationalError):
        alone(end_of_the_database)
    monkeypatch.undo()
    connection.close()


@pytest.mark.django_db(transaction=True)
def test_a_job_goes_on_when_the_database_is_back():
    assert not alone(end_of_the_connection)
    assert alone(JobRun.objects.exists)


def test_one_row_that_fails_stops_no_other(db):
    deeds = Deeds("a")

    assert not alone(lambda: deeds.take("a"))
    assert alone(lambda: deeds.take("b"))
