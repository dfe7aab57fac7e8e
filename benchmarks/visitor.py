"""A patient's browser over plain HTTP, who presses again when no answer comes: whatever dies meanwhile."""

import http.client
import re
import threading
import time
import uuid
from dataclasses import dataclass, field
from html import unescape
from http.cookies import SimpleCookie
from itertools import count
from urllib.parse import urlencode, urlsplit

# A page that says "come back later" is no answer to a form.
LATER = 503
PAUSE = 0.5
_number = count(1)
_lock = threading.Lock()


class NoAnswer(Exception):
    """Nothing answered in time, however often it was asked."""


def new_address() -> str:
    """Return a loopback address of its own: tries are counted by network, and these are many people."""
    with _lock:
        number = next(_number)
    return f"127.{1 + number // 62_500 % 250}.{number // 250 % 250}.{1 + number % 250}"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    text: str
    location: str

    @property
    def hidden(self) -> dict[str, str]:
        """Return the hidden fields of the page's form."""
        main = self.text.partition("<main")[2].partition("</main>")[0]
        found = re.findall(r'<input type="hidden" name="([^"]+)"(?: value="([^"]*)")?', main)
        return {name: unescape(value) for name, value in found}


@dataclass
class Visitor:
    """One browser: its cookies, and what it met on its way.

    `loses` answers are thrown away on purpose, one in so many: the connection is cut before the answer is read.
    """

    port: int
    patience: float = 300.0
    loses: int = 0
    # Presses with a new key each time, as a form without one would: for the control of a drill.
    forgets_keys: bool = False
    cookies: dict[str, str] = field(default_factory=dict)
    presses: int = 0
    pressed_again: int = 0
    failures: list[str] = field(default_factory=list)
    source: str = field(default_factory=new_address)

    def open(self, path: str) -> Answer:
        """Read a page, however often it takes."""
        return self._insist("GET", path, None)

    def press(self, path: str, page: Answer, **values: object) -> Answer:
        """Send a form as it stands on a page; without an answer it is pressed again, unchanged."""
        typed = {**page.hidden, **{name: str(value) for name, value in values.items()}}
        self.presses += 1
        return self._insist("POST", path, typed)

    def _insist(self, method: str, path: str, values: dict[str, str] | None) -> Answer:
        end = time.monotonic() + self.patience
        is_lost = bool(self.loses) and values is not None and self.presses % self.loses == 0
        while time.monotonic() < end:
            try:
                answer = self._ask(method, path, values, is_cut=is_lost)
            except (OSError, http.client.HTTPException):
                answer = None
            is_lost = False
            if answer is not None and answer.status != LATER:
                if answer.status >= 500:
                    self.failures.append(f"{method} {path}: {answer.status}")
                else:
                    return answer
            if values is not None:
                self.pressed_again += 1
                if self.forgets_keys:
                    fresh = {name: str(uuid.uuid4()) for name in values if name.endswith("_key")}
                    values = values | fresh
            time.sleep(PAUSE)
        raise NoAnswer(f"{method} {path}")

    def _ask(self, method: str, path: str, values: dict[str, str] | None, *, is_cut: bool) -> Answer | None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15, source_address=(self.source, 0))
        headers = {"Host": f"localhost:{self.port}", "Cookie": "; ".join(f"{k}={v}" for k, v in self.cookies.items())}
        if values is not None:
            headers |= {
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": f"http://localhost:{self.port}",
            }
        try:
            connection.request(method, path, urlencode(values) if values is not None else None, headers)
            if is_cut:
                # The server has the form, and nobody reads its answer.
                time.sleep(0.2)
                return None
            answer = connection.getresponse()
            text = answer.read().decode()
            for line in answer.headers.get_all("Set-Cookie", []):
                for name, morsel in SimpleCookie(line).items():
                    self.cookies[name] = morsel.value
            location = urlsplit(answer.headers.get("Location", "")).path
            return Answer(answer.status, text, location)
        finally:
            connection.close()
