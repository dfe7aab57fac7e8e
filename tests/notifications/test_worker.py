"""A real worker, killed without warning at the worst moments."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from notifications import tasks
from notifications.enums import MessageState
from notifications.models import OutboxMessage

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.e2e]

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 180


def database_url():
    """Return the address of the database of this test run."""
    name = connection.settings_dict
    return f"postgresql://{name['USER']}:{name['PASSWORD']}@{name['HOST']}:{name['PORT']}/{name['NAME']}"


def wait_until(condition, what):
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f"not within {SECONDS} s: {what}")


@contextmanager
def worker(folder, **environment):
    """Run a worker that delivers into `folder`/mail."""
    variables = os.environ | {"DATABASE_URL": database_url(), "DATA_DIR": str(folder)} | environment
    command = [sys.executable, "-m", "celery", "-A", "tests.notifications.celery_worker", "worker"]
    with (folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, "--pool=prefork", "--concurrency=1", "--without-mingle", "--without-gossip"],
            cwd=ROOT,
            env=variables,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        kill(process)


def kill(process):
    """Kill the worker and its children at once, as a power cut does."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture(autouse=True)
def empty_queue():
    with tasks.send.app.connection_for_write() as broker:
        broker.default_channel.queue_purge(tasks.send.app.conf.task_default_queue)


def state_of(message):
    return OutboxMessage.objects.values_list("state", flat=True).get(pk=message.pk)


def mails(folder):
    return sorted(file.name for file in (folder / "mail").glob("*.eml"))


def test_the_doorbell_reaches_a_real_worker(post, tmp_path):
    with worker(tmp_path):
        message = post()
        wait_until(lambda: state_of(message) == MessageState.SENT, "the message is sent")
    assert mails(tmp_path) == [message.message_id.strip("<>") + ".eml"]


@pytest.mark.parametrize("moment", ["before sending", "after sending"])
def test_a_killed_worker_neither_loses_nor_doubles_a_mail(post, tmp_path, moment):
    hangs_now = tmp_path / "hangs_now"
    bad_server = {"HANG": moment, "HANGS_NOW": str(hangs_now), "BACKEND": "tests.notifications.backends.Hanging"}
    message = post()
    with worker(tmp_path, **bad_server) as process:
        wait_until(hangs_now.exists, "the worker stands in the middle of it")
        kill(process)
    assert state_of(message) == MessageState.SENDING
    assert len(mails(tmp_path)) == (1 if moment == "after sending" else 0)

    with worker(tmp_path):
        tasks.sweep.delay()
        tasks.send.delay(str(message.pk))
        # One process, one queue: when the later message is out, the two calls above are done.
        later = post()
        wait_until(lambda: state_of(later) == MessageState.SENT, "the worker works")
        assert state_of(message) == MessageState.SENDING, "the lease is still running"
        OutboxMessage.objects.update(leased_until=timezone.now())
        tasks.sweep.delay()
        wait_until(lambda: state_of(message) == MessageState.SENT, "the sweep sends it")

    assert mails(tmp_path) == sorted(sent.message_id.strip("<>") + ".eml" for sent in (message, later))
    message.refresh_from_db()
    assert message.attempts == 2
