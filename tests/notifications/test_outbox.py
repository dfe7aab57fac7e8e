"""Row first, message later: what is written, once, with its event, or not at all."""

import json
import socket
import time
import uuid
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import redis
from celery import Celery
from django.core.exceptions import ValidationError
from django.db import transaction
from django.template import TemplateDoesNotExist
from django.utils import timezone
from django.utils.translation import gettext_lazy

from notifications import outbox, sending, tasks
from notifications.enums import MessageState
from notifications.jobs import once
from notifications.models import JobRun, OutboxMessage

pytestmark = pytest.mark.django_db(transaction=True)
# As the portal rings; the other tests have more patience.
IMPATIENT = outbox.IMPATIENT


def states():
    return list(OutboxMessage.objects.order_by("created_at").values_list("state", flat=True))


def test_post_outside_a_transaction_is_refused():
    with pytest.raises(outbox.NotInTransaction):
        outbox.post("probe/mail/note", to="ada@example.org", language="en")
    assert not OutboxMessage.objects.exists()


def test_the_row_is_part_of_the_transaction(monkeypatch):
    rung = []
    monkeypatch.setattr(outbox, "ring", rung.append)
    with transaction.atomic():
        outbox.post("probe/mail/note", to="ada@example.org", language="en")
        transaction.set_rollback(True)
    assert not OutboxMessage.objects.exists()
    assert rung == []


def test_the_doorbell_rings_after_the_commit_with_the_id(monkeypatch):
    rung = []
    monkeypatch.setattr(outbox, "ring", rung.append)
    with transaction.atomic():
        message = outbox.post("probe/mail/note", to="ada@example.org", language="en")
        assert rung == []
    assert rung == [message.pk]


def test_the_database_holds_neither_address_nor_content(post):
    message = post(context={"name": "Ada Lovelace"})
    with transaction.get_connection().cursor() as cursor:
        cursor.execute("SELECT row_to_json(row)::text FROM notifications_outboxmessage row")
        (row,) = cursor.fetchone()
    sealed = json.loads(row)
    stored = [bytes.fromhex(sealed[name].removeprefix("\\x")) for name in ("to", "context", "attachments")]
    assert all(b"Lovelace" not in value and b"example" not in value for value in stored)
    assert "example.org" not in row
    message.refresh_from_db()
    assert (message.to, message.context) == ("ada@example.org", {"name": "Ada Lovelace"})


def test_an_event_is_told_once_to_each_recipient(post):
    first = post(dedupe_key="request 7 submitted")
    again = post(dedupe_key="request 7 submitted", to=" ADA@example.org")
    other = post(dedupe_key="request 7 submitted", to="office@example.org")
    assert again.pk == first.pk != other.pk
    assert OutboxMessage.objects.count() == 2


def test_messages_without_an_event_are_not_merged(post):
    post()
    post()
    assert OutboxMessage.objects.count() == 2


def test_a_cancelled_event_is_not_told_again(post):
    post(dedupe_key="reminder", not_before=timezone.now() + timedelta(days=1))
    assert outbox.cancel(dedupe_key="reminder") == 1
    assert post(dedupe_key="reminder").state == MessageState.CANCELLED


def test_a_message_is_not_sent_before_its_time(post, spool, time_machine):
    time_machine.move_to("2031-03-01T10:00:00Z", tick=False)
    post(not_before=datetime(2031, 3, 1, 12, tzinfo=ZoneInfo("UTC")))
    tasks.sweep()
    assert spool() == []
    time_machine.move_to("2031-03-01T12:00:00Z", tick=False)
    tasks.sweep()
    assert len(spool()) == 1


def test_cancel_by_thing_and_kind_leaves_the_others(post, spool):
    later = timezone.now() + timedelta(days=1)
    post(about="booking 1", not_before=later)
    post(about="booking 2", not_before=later)
    assert outbox.cancel(about="booking 1", kind="probe/mail/other") == 0
    assert outbox.cancel(about="booking 1") == 1
    assert states() == [MessageState.CANCELLED, MessageState.WAITING]


def test_what_was_sent_cannot_be_cancelled(post, spool):
    post(about="booking 1")
    sending.send_due()
    assert outbox.cancel(about="booking 1") == 0
    assert states() == [MessageState.SENT]


def test_cancel_of_everything_is_refused():
    with pytest.raises(ValueError, match="Name the event"):
        outbox.cancel()


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"to": "ada@example.org\nBcc: eve@example.org"}, ValidationError),
        ({"to": "nobody"}, ValidationError),
        ({"language": "tlh"}, ValueError),
        ({"zone": "Milan"}, KeyError),
        ({"context": {"name": gettext_lazy("Hospital")}}, TypeError),
        ({"context": {"when": datetime(2031, 3, 1)}}, TypeError),
        ({"kind": "probe/mail/none"}, TemplateDoesNotExist),
    ],
)
def test_what_could_not_be_sent_is_refused_at_once(post, values, error):
    with pytest.raises(error):
        post(**values)
    assert not OutboxMessage.objects.exists()


@pytest.fixture
def broker_at(monkeypatch, settings):
    """Ring at another address, where a worker would wait for minutes; return a list of the seconds of each ring."""
    monkeypatch.setattr(outbox, "IMPATIENT", IMPATIENT)
    patient = {"socket_connect_timeout": 150, "socket_timeout": 150}
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = settings.CELERY_BROKER_TRANSPORT_OPTIONS | patient
    took = []

    def move(url):
        app = Celery("probe", broker=url, set_as_current=False)
        app.config_from_object("django.conf:settings", namespace="CELERY")
        app.finalize()
        send = app.tasks["notifications.tasks.send"]
        ring = send.apply_async

        def measured(*args, **options):
            started = time.monotonic()
            try:
                return ring(*args, **options)
            finally:
                took.append(time.monotonic() - started)

        monkeypatch.setattr(send, "apply_async", measured)
        monkeypatch.setattr(tasks, "send", send)
        return took

    return move


def test_a_broker_that_is_gone_costs_no_time_and_no_message(post, spool, broker_at):
    # Taken, so that nobody else takes it, and deaf.
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        took = broker_at(f"redis://127.0.0.1:{deaf.getsockname()[1]}/0")
        assert_five_posts_are_quick_and_sent_by_the_sweep(post, spool, took)


def test_a_broker_that_takes_the_call_and_says_nothing_costs_little_time(post, spool, broker_at):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        took = broker_at(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        assert_five_posts_are_quick_and_sent_by_the_sweep(post, spool, took)


def assert_five_posts_are_quick_and_sent_by_the_sweep(post, spool, took):
    for _number in range(5):
        post()
    assert outbox.doorbell.is_silent()
    # One reached for the broker and spared the others the wait; it took about a second.
    assert len(took) == 1
    assert took[0] < 60
    tasks.sweep()
    assert len(spool()) == 5


def test_a_connection_the_broker_has_closed_meanwhile_still_rings():
    outbox.ring(uuid.uuid4())
    producer = outbox.wires.producer(tasks.send.app)
    pool = producer.connection.default_channel.client.connection_pool
    with redis.Redis.from_url(tasks.send.app.conf.broker_url) as other:
        for connection in pool._available_connections:
            address, port = connection._sock.getsockname()[:2]
            assert other.client_kill(f"{address}:{port}")

    outbox.ring(uuid.uuid4())

    # A ring that fails makes the doorbell silent and cuts the connection.
    assert not outbox.doorbell.is_silent()
    assert outbox.wires.producer(tasks.send.app) is producer


def test_after_trouble_a_connection_is_made_anew():
    producer = outbox.wires.producer(tasks.send.app)
    outbox.wires.cut()

    assert outbox.wires.producer(tasks.send.app) is not producer


def test_erasing_a_thing_empties_its_messages_for_good(post, spool):
    post(about="request 7")
    sending.send_due()
    waiting = post(about="request 7", not_before=timezone.now() + timedelta(days=1))
    kept = post(about="request 8")
    assert outbox.erase(about="request 7") == 2
    waiting.refresh_from_db()
    kept.refresh_from_db()
    assert (waiting.state, waiting.to, waiting.context) == (MessageState.CANCELLED, "", {})
    assert kept.to == "ada@example.org"
    assert states() == [MessageState.SENT, MessageState.CANCELLED, MessageState.WAITING]


def test_bodies_are_removed_when_their_time_is_over(post, spool, settings, time_machine):
    settings.OUTBOX_BODY_DAYS = 30
    time_machine.move_to("2031-03-01T10:00:00Z", tick=False)
    sent = post()
    sending.send_due()
    waiting = post(not_before=timezone.now() + timedelta(days=90))
    time_machine.move_to("2031-03-31T09:59:00Z", tick=False)
    tasks.erase_bodies()
    sent.refresh_from_db()
    assert sent.to == "ada@example.org"
    time_machine.move_to("2031-04-01T00:01:00Z", tick=False)
    tasks.erase_bodies()
    sent.refresh_from_db()
    waiting.refresh_from_db()
    assert (sent.to, sent.context, sent.attachments) == ("", {}, [])
    assert sent.erased_at == timezone.now()
    assert waiting.to == "ada@example.org"


def test_a_job_is_done_once_a_period():
    with transaction.atomic():
        assert once("count", "2031-03-01")
    with transaction.atomic():
        assert not once("count", "2031-03-01")
        assert once("count", "2031-03-02")


def test_a_job_that_failed_may_be_done_again():
    with transaction.atomic():
        assert once("count", "2031-03-01")
        transaction.set_rollback(True)
    assert not JobRun.objects.exists()


def test_a_job_outside_a_transaction_is_refused():
    with pytest.raises(RuntimeError, match="transaction"):
        once("count", "2031-03-01")


def test_times_reach_the_template_as_times(post):
    message = post(
        context={"name": "Ada", "when": datetime(2031, 3, 1, 23, tzinfo=ZoneInfo("UTC")), "day": date(2031, 3, 1)}
    )
    message.refresh_from_db()
    message.zone = "Asia/Dubai"
    assert "2031-03-02 03:00 2031-03-01" in sending.build(message).body
