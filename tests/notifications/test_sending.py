"""A message leaves once, in the language of its reader, or someone sees that it did not."""

import logging
import stat
import threading
from datetime import timedelta
from io import StringIO

import pytest
from django.core.mail import EmailMessage, get_connection
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from notifications import outbox, sending, tasks
from notifications.enums import MessageState
from notifications.models import OutboxMessage
from tests.notifications.backends import Slow

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_mail_is_text_and_html_in_the_language_of_its_reader(post, spool):
    message = post(language="it", context={"name": "Ada <b>"})
    tasks.send(str(message.pk))
    [mail] = spool()
    text, html = mail.get_body(("plain",)).get_content(), mail.get_body(("html",)).get_content()
    assert mail["Subject"] == "Ada <b> [it]"
    assert mail["To"].addresses[0].addr_spec == "ada@example.org"
    assert mail["Message-ID"] == message.message_id
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Content-Language"] == "it"
    assert mail["Date"].datetime.utcoffset() is not None
    assert "Ada <b> (it)" in text
    assert '<html lang="it" dir="ltr">' in html
    assert "Ada &lt;b&gt;" in html
    message.refresh_from_db()
    assert (message.state, message.attempts, message.leased_until) == (MessageState.SENT, 1, None)
    assert message.sent_at is not None


def test_an_arabic_mail_runs_from_right_to_left(post, spool):
    post(language="ar", context={"name": "آدا"})
    sending.send_due()
    [mail] = spool()
    html = mail.get_body(("html",)).get_content()
    assert mail["Content-Language"] == "ar"
    assert mail["Subject"] == "آدا [ar]"
    assert '<html lang="ar" dir="rtl">' in html
    assert '<body dir="rtl"' in html


def test_what_somebody_typed_adds_no_header(post, spool):
    post(context={"name": "Ada\r\nBcc: eve@example.org\r\n\r\n<script>"})
    sending.send_due()
    [mail] = spool()
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Ada Bcc: eve@example.org <script> [en]"
    assert "<script>" not in mail.get_body(("html",)).get_content()


def test_attachments_travel_along(post, spool):
    calendar = outbox.Attachment("visit.ics", "text/calendar; method=REQUEST", "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")
    post(attachments=[calendar])
    sending.send_due()
    [mail] = spool()
    [part] = mail.iter_attachments()
    assert (part.get_filename(), part.get_content_type()) == ("visit.ics", "text/calendar")
    assert part["Content-Type"].params["method"] == "REQUEST"
    assert "BEGIN:VCALENDAR" in part.get_content()


def test_a_message_rung_twice_is_sent_once(post, spool, settings):
    settings.EMAIL_BACKEND = "tests.notifications.backends.Slow"
    Slow.handed.clear()
    message = post()
    tasks.send(str(message.pk))
    tasks.send(str(message.pk))
    tasks.sweep()
    assert Slow.handed == [message.message_id]


def send_with_many(count):
    """Let some senders sweep at the same moment."""
    barrier = threading.Barrier(count, timeout=120)

    def work():
        try:
            connection.ensure_connection()
            barrier.wait()
            sending.send_due()
        finally:
            connection.close()

    senders = [threading.Thread(target=work) for _number in range(count)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()


def test_senders_at_the_same_moment_share_the_work(post, spool, settings):
    settings.EMAIL_BACKEND = "tests.notifications.backends.Slow"
    Slow.handed.clear()
    ids = [post().message_id for _number in range(12)]
    send_with_many(4)
    assert sorted(Slow.handed) == sorted(ids)
    assert len(spool()) == 12


def test_without_the_claim_the_race_shows(post, spool, settings, monkeypatch):
    """The negative control of the test above: senders that only look send twice."""
    settings.EMAIL_BACKEND = "tests.notifications.backends.Slow"
    Slow.handed.clear()
    post()
    all_have_looked = threading.Barrier(4, timeout=120)

    def look(messages):
        found = messages.due(timezone.now()).first()
        if found:
            all_have_looked.wait()
        return found

    monkeypatch.setattr(sending, "claim", look)
    monkeypatch.setattr(
        sending, "_record", lambda message, **values: OutboxMessage.objects.filter(pk=message.pk).update(**values)
    )
    send_with_many(4)
    assert len(Slow.handed) > 1


def test_a_message_that_fails_is_tried_later_and_later_then_given_up(post, settings, time_machine, caplog):
    settings.EMAIL_BACKEND = "tests.notifications.backends.Broken"
    time_machine.move_to("2031-03-01T10:00:00Z", tick=False)
    message = post()
    waits = []
    for _try in range(sending.MAXIMUM_ATTEMPTS):
        assert message.state == MessageState.WAITING
        time_machine.move_to(message.not_before, tick=False)
        tasks.sweep()
        message.refresh_from_db()
        waits.append(message.not_before - timezone.now())
    assert waits[:-1] == [timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 480)]
    assert (message.state, message.last_error) == (MessageState.FAILED, "SMTPDataError 451")
    time_machine.shift(timedelta(days=9))
    tasks.sweep()
    message.refresh_from_db()
    assert message.attempts == sending.MAXIMUM_ATTEMPTS
    assert "given up" in caplog.text


def test_a_retry_is_not_sent_early(post, spool, settings):
    good = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "tests.notifications.backends.Broken"
    post()
    tasks.sweep()
    settings.EMAIL_BACKEND = good
    tasks.sweep()
    assert spool() == []


def test_a_mailbox_that_does_not_exist_is_given_up_at_once(post, settings):
    settings.EMAIL_BACKEND = "tests.notifications.backends.Refusing"
    message = post()
    tasks.sweep()
    message.refresh_from_db()
    assert (message.state, message.last_error) == (MessageState.FAILED, "SMTPRecipientsRefused 550")


def test_without_a_mail_server_messages_wait_and_lose_no_try(post, spool, settings):
    good = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "tests.notifications.backends.Away"
    message = post()
    for _sweep in range(10):
        tasks.sweep()
    message.refresh_from_db()
    assert (message.state, message.attempts) == (MessageState.WAITING, 0)
    settings.EMAIL_BACKEND = good
    tasks.sweep()
    assert len(spool()) == 1


def test_one_bad_message_does_not_hold_up_the_others(post, spool):
    bad = post()
    OutboxMessage.objects.filter(pk=bad.pk).update(kind="probe/mail/gone")
    post(to="office@example.org")
    tasks.sweep()
    bad.refresh_from_db()
    assert [mail["To"] for mail in spool()] == ["office@example.org"]
    assert (bad.state, bad.last_error) == (MessageState.WAITING, "TemplateDoesNotExist")


def test_a_lease_is_respected_until_it_ends(post, spool):
    post()
    assert sending.claim(OutboxMessage.objects.all()) is not None
    tasks.sweep()
    assert spool() == []
    OutboxMessage.objects.update(leased_until=timezone.now())
    tasks.sweep()
    assert len(spool()) == 1


def test_a_sender_that_comes_back_too_late_records_nothing(post, spool):
    post()
    late = sending.claim(OutboxMessage.objects.all())
    OutboxMessage.objects.update(leased_until=timezone.now())
    tasks.sweep()
    sent_at = OutboxMessage.objects.get().sent_at
    assert sending.deliver(late, get_connection())
    message = OutboxMessage.objects.get()
    assert (message.sent_at, message.attempts) == (sent_at, 2)
    assert len(spool()) == 1


def test_what_is_erased_while_a_sender_holds_it_is_not_sent_again(post, spool):
    post(about="request 7")
    held = sending.claim(OutboxMessage.objects.all())
    assert outbox.erase(about="request 7") == 1
    sending.deliver(held, get_connection())
    OutboxMessage.objects.update(leased_until=timezone.now())
    tasks.sweep()
    message = OutboxMessage.objects.get()
    assert (message.state, message.to, message.attempts) == (MessageState.CANCELLED, "", 1)
    assert len(spool()) == 1


def test_a_message_that_kills_its_senders_is_given_up(post, spool):
    message = post()
    OutboxMessage.objects.update(
        state=MessageState.SENDING, attempts=sending.MAXIMUM_ATTEMPTS, leased_until=timezone.now()
    )
    post(to="office@example.org")
    tasks.sweep()
    message.refresh_from_db()
    assert (message.state, message.last_error) == (MessageState.FAILED, "SenderLost")
    assert len(spool()) == 1


@pytest.mark.parametrize("backend", ["Broken", "Refusing", ""])
def test_logs_hold_no_address(post, spool, settings, caplog, backend):
    if backend:
        settings.EMAIL_BACKEND = f"tests.notifications.backends.{backend}"
    caplog.set_level(logging.INFO)
    message = post()
    tasks.sweep()
    message.refresh_from_db()
    records = [record for record in caplog.records if record.name.startswith("notifications")]
    assert records
    assert "ada@example.org" not in message.last_error
    assert all("example.org" not in str({**vars(record), "exc_info": None, "exc_text": None}) for record in records)


def test_the_spool_knows_a_second_copy_and_keeps_files_private(post, spool, settings):
    message = post()
    for _copy in range(2):
        get_connection().send_messages([sending.build(message)])
    [file] = settings.MAIL_SPOOL.iterdir()
    assert file.name == message.message_id.strip("<>") + ".eml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.MAIL_SPOOL.stat().st_mode) == 0o700


def test_a_message_id_never_becomes_a_path(spool, settings):
    get_connection().send_messages(
        [EmailMessage("a", "b", to=["c@example.org"], headers={"Message-ID": "<../../x@y>"})]
    )
    [file] = settings.MAIL_SPOOL.iterdir()
    assert file.parent == settings.MAIL_SPOOL


def test_operators_can_send_without_a_worker(post, spool):
    post()
    out = StringIO()
    call_command("send_waiting", "--dry-run", stdout=out)
    assert out.getvalue() == "1 due, 0 given up.\n"
    assert spool() == []
    call_command("send_waiting", stdout=out)
    assert out.getvalue().endswith("1 sent.\n0 due, 0 given up.\n")
    assert len(spool()) == 1
