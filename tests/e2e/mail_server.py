"""A mail server that takes every mail and keeps it; it can be stopped and started."""

import socketserver
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage

from tests.e2e.portal import free_port


class Conversation(socketserver.StreamRequestHandler):
    """One sender, as RFC 5321 has it."""

    def handle(self) -> None:
        self.say("220 ready")
        while line := self.rfile.readline():
            word = line[:4].upper().strip()
            if word == b"DATA":
                self.say("354 go on")
                self.server.keep(self.body())
                self.say("250 kept")
            elif word == b"QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def body(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line[1:] if line.startswith(b"..") else line)
        return b"".join(lines)

    def say(self, words: str) -> None:
        self.wfile.write(words.encode() + b"\r\n")


class Listener(socketserver.ThreadingTCPServer):
    """Listens on the same port each time it is started."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, owner: "MailServer") -> None:
        super().__init__(("127.0.0.1", owner.port), Conversation)
        self.keep = owner.keep


class MailServer:
    """Where mails of a portal arrive."""

    def __init__(self) -> None:
        self.port = free_port()
        self.mails: list[EmailMessage] = []
        self._listener: Listener | None = None

    def keep(self, content: bytes) -> None:
        self.mails.append(message_from_bytes(content, policy=policy.default))

    def start(self) -> None:
        self._listener = Listener(self)
        threading.Thread(target=self._listener.serve_forever, daemon=True).start()

    def stop(self) -> None:
        if self._listener is not None:
            self._listener.shutdown()
            self._listener.server_close()
            self._listener = None

    def to(self, address: str) -> list[EmailMessage]:
        return [mail for mail in self.mails if address in str(mail["To"])]
