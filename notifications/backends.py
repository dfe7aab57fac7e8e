"""A mail server that is a folder: one .eml file a message, for the demo and for tests."""

import hashlib
import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

SUFFIX = ".eml"


def file_name(message_id: str) -> str:
    """Return the name of the file that holds a Message-ID: never a path, always the same."""
    plain = message_id.strip().strip("<>")
    if re.fullmatch(r"[A-Za-z0-9_.@-]{1,150}", plain) and not plain.startswith("."):
        return plain + SUFFIX
    return hashlib.sha256(plain.encode()).hexdigest() + SUFFIX


class SpoolBackend(BaseEmailBackend):
    """Writes each message as real MIME into settings.MAIL_SPOOL; a Message-ID that is there is not written again."""

    def __init__(self, *args: Any, folder: Path | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.folder = Path(folder or settings.MAIL_SPOOL)

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write the messages; return how many were handed over."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for message in email_messages:
            self._write(message)
        return len(email_messages)

    def _write(self, message: EmailMessage) -> None:
        mime = message.message()
        target = self.folder / file_name(mime["Message-ID"])
        # mkstemp makes the file 0600; linking it under its name is atomic and fails if the name is taken.
        descriptor, name = tempfile.mkstemp(dir=self.folder, prefix=".")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(mime.as_bytes(linesep="\r\n"))  # type: ignore[call-arg]  # Django's messages take it
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(name, target)
            except FileExistsError:
                return
        finally:
            Path(name).unlink()
