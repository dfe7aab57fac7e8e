import os
import signal
import uuid

import pytest

from tests.e2e.conftest import MakeReader
from tests.e2e.portal import Portal, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.alone]


def test_a_mail_arrives_exactly_once_after_the_worker_was_killed(portal: Portal, make_reader: MakeReader) -> None:
    email = f"killed-{uuid.uuid4().hex[:8]}@example.org"
    reader = make_reader()
    reader.visit("contact/")
    reader.field("What would you like to ask?").fill("Where do I begin?")
    reader.field("Your e-mail address").fill(email)
    reader.page.get_by_role("checkbox").check()

    kill_worker(portal)
    reader.press("Send question")
    reader.sees("Your question has arrived.")
    before = portal.wait_for_mails(email, 1)
    kill_worker(portal)
    wait_for(lambda: portal.pid_of("worker"), why="the worker was not started again")

    assert [mail["Message-ID"] for mail in portal.mails(email)] == [mail["Message-ID"] for mail in before]
    assert len(before) == 1


def kill_worker(portal: Portal) -> None:
    """End the worker as a lack of memory does, with the children of its pool: they would live on and send."""
    worker = wait_for(lambda: portal.pid_of("worker"), why="there is no worker")
    assert os.getpgid(worker) == worker, "the worker shares its group with others"
    os.killpg(worker, signal.SIGKILL)
    wait_for(lambda: portal.pid_of("worker") != worker, why="nobody noticed that the worker was gone")
