import os
import signal
import uuid

import pytest

from tests.e2e.conftest import MakeReader
from tests.e2e.portal import Portal, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.browser]


def test_a_mail_arrives_exactly_once_after_the_worker_was_killed(portal: Portal, make_reader: MakeReader) -> None:
    email = f"killed-{uuid.uuid4().hex[:8]}@example.org"
    reader = make_reader()
    reader.visit("contact/")
    reader.field("What would you like to ask?").fill("Where do I begin?")
    reader.field("Your e-mail address").fill(email)
    reader.page.get_by_role("checkbox").check()
    worker = portal.pid_of("worker")

    # Its group: the children of Celery's pool would live on and send.
    os.killpg(os.getpgid(worker), signal.SIGKILL)
    reader.press("Send question")
    reader.sees("Your request has arrived.")

    wait_for(lambda: portal.pid_of("worker") != worker, seconds=30, why="the worker was not started again")
    mails = portal.wait_for_mails(email, 1)
    os.kill(portal.pid_of("worker"), signal.SIGTERM)
    later = portal.wait_for_mails(email, 1)
    assert [mail["Message-ID"] for mail in later] == [mails[0]["Message-ID"]]
