"""Mail servers that misbehave."""

import os
import smtplib
import time
from collections.abc import Sequence
from pathlib import Path

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from notifications.backends import SpoolBackend


class Broken(BaseEmailBackend):
    """Takes the connection and refuses each mail for now."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        raise smtplib.SMTPDataError(451, b"secret words about ada@example.org")


class Refusing(BaseEmailBackend):
    """Knows no such mailbox."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        raise smtplib.SMTPRecipientsRefused({"ada@example.org": (550, b"no such user ada@example.org")})


class Away(BaseEmailBackend):
    """Does not answer at all."""

    def open(self) -> bool:
        raise ConnectionRefusedError

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        raise AssertionError("nothing may be sent without a connection")


class Slow(SpoolBackend):
    """Takes its time, so that two senders overlap; notes each mail it is handed."""

    handed: list[str] = []

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        self.handed.extend(message.extra_headers["Message-ID"] for message in email_messages)
        time.sleep(0.05)
        return super().send_messages(email_messages)


class Hanging(SpoolBackend):
    """Hangs for good before or after handing over, while the file named by HANG is there."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        if os.environ["HANG"] == "after sending":
            super().send_messages(email_messages)
        Path(os.environ["HANGS_NOW"]).touch()
        time.sleep(600)
        return 0
