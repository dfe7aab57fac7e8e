"""Can two people take one time? 200 patients at once want 100 times, over HTTP, from the server as it is shipped.

.venv/bin/python -m benchmarks.booking                 200 patients, 100 times
.venv/bin/python -m benchmarks.booking --patients 40 --times 20

Then once more with the lock of the calendars and the constraints of the database taken away: the race must show, else
the first run proves nothing.
"""

import argparse
import http.client
import random
import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit

import psycopg

from benchmarks.measuring import free_port, running
from benchmarks.servers import make_empty, servers, url_of, use
from healthlombardy.local.processes import web

DATABASE = "bench_booking"
CHOOSE = "/en/my-request/consultation/"
KEYS = re.compile(r'name="slot" value="([^"]+)"')
DAYS = re.compile(r'href="(\?day=[0-9-]+)"')
FIELD = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
CONSTRAINTS = ("booking_specialist_once", "booking_interpreter_once")
UNLOCKED = "benchmarks.booking_unlocked:application"
NOBODY_LEFT = "No time is free at the moment"
LONGEST_SECONDS = 300


@dataclass
class Patient:
    """A patient's browser: no script, one connection, the cookies she is given."""

    address: str
    cookies: dict[str, str]
    answers: Counter[int] = field(default_factory=Counter)
    result: str = "gave up"

    def __post_init__(self) -> None:
        place = urlsplit(self.address)
        self.connection = http.client.HTTPConnection(place.hostname or "localhost", place.port, timeout=LONGEST_SECONDS)

    def get(self, path: str) -> str:
        return self._ask("GET", path)[1]

    def post(self, path: str, page: str, **values: str) -> tuple[str, str]:
        """Send the first form of a page with a value; return where it led, and what stands there."""
        place, text = self._ask("POST", path, urlencode(dict(FIELD.findall(page)) | values))
        return (place, self.get(place)) if place else (path, text)

    def _ask(self, method: str, path: str, body: str = "") -> tuple[str, str]:
        head = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if body:
            head["Content-Type"] = "application/x-www-form-urlencoded"
        self.connection.request(method, path, body or None, head)
        response = self.connection.getresponse()
        text = response.read().decode()
        self.answers[response.status] += 1
        for line in response.headers.get_all("Set-Cookie") or []:
            name, _equals, rest = line.partition("=")
            self.cookies[name] = rest.partition(";")[0]
        return response.headers.get("Location") or "", text

    def book(self, first: int, together: threading.Barrier) -> None:
        """Take the wished time, else any that is still offered, until one is hers or none is left."""
        page = self.get(CHOOSE)
        days = [CHOOSE, *(CHOOSE + day for day in DAYS.findall(page))]
        pages = [self.get(day) for day in dict.fromkeys(days)]
        offered = [(text, key) for text in pages for key in KEYS.findall(text)]
        offered = list({key: (text, key) for text, key in offered}.values())
        together.wait()
        if not offered:
            self.result = "saw no time"
            return
        wished = offered[first % len(offered)]
        end = time.monotonic() + LONGEST_SECONDS
        while time.monotonic() < end:
            place, text = self.post(CHOOSE, wished[0], slot=wished[1])
            if place != CHOOSE:
                _place, text = self.post(f"{place}confirm/", text)
                self.result = "booked" if "Your consultation is booked" in text else "not confirmed"
                return
            if NOBODY_LEFT in text:
                self.result = "none left"
                return
            day = random.choice(DAYS.findall(text) or [""])
            text = self.get(CHOOSE + day)
            keys = KEYS.findall(text)
            wished = (text, random.choice(keys)) if keys else wished


def crowd(address: str, tokens: Sequence[str], times: int, cookie: str) -> list[Patient]:
    """Let all patients book at once; several wish each time."""
    patients = [Patient(address, {cookie: token}) for token in tokens]
    together = threading.Barrier(len(patients), timeout=LONGEST_SECONDS)
    with ThreadPoolExecutor(len(patients)) as pool:
        list(pool.map(lambda pair: pair[1].book(pair[0] % times, together), enumerate(patients)))
    for patient in patients:
        patient.connection.close()
    return patients


def seed(patients: int, times: int) -> list[str]:
    """Make one specialist with so many times and the patients' requests; return the tokens of their sessions."""
    # Django is set up only now.
    from tests.teleconsult.crowding import make_crowd  # noqa: PLC0415

    return make_crowd(patients, times)


def count(environment: dict[str, str], question: str) -> int:
    with psycopg.connect(url_of(environment, DATABASE)) as connection:
        row = connection.execute(question).fetchone()  # type: ignore[call-overload]
        return int(row[0]) if row else 0


def doubled(environment: dict[str, str]) -> int:
    """Return how many bookings share their time with another of the same specialist."""
    return count(
        environment,
        "SELECT count(*) FROM teleconsult_booking a WHERE a.status IN ('held', 'confirmed') AND EXISTS (SELECT 1 FROM "
        "teleconsult_booking b WHERE b.id <> a.id AND b.status IN ('held', 'confirmed') AND b.period && a.period "
        "AND b.specialist_id = a.specialist_id)",
    )


def measure(environment: dict[str, str], tokens: Sequence[str], times: int, *, is_locked: bool) -> list[str]:
    """Run the crowd once and return a line of the table."""
    port = free_port()
    address = f"http://localhost:{port}"
    argv = web(host="127.0.0.1", port=port)
    if not is_locked:
        argv[-1] = UNLOCKED
    settings = environment | {"DATABASE_URL": url_of(environment, DATABASE), "DEMO": "1", "PUBLIC_URL": address}
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    before = count(environment, deadlocks)
    with running(argv, settings, port=port):
        began = time.monotonic()
        patients = crowd(address, tokens, times, "request")
        seconds = time.monotonic() - began
    answers: Counter[int] = sum((patient.answers for patient in patients), Counter())
    results = Counter(patient.result for patient in patients)
    confirmed = count(environment, "SELECT count(*) FROM teleconsult_booking WHERE status = 'confirmed'")
    return [
        "as shipped" if is_locked else "control: no lock, no constraint",
        ", ".join(f"{number} {name}" for name, number in sorted(results.items())),
        f"{confirmed} confirmed",
        f"{doubled(environment)} share a time",
        f"{sum(number for status, number in answers.items() if status >= 500)} answers of 500",
        f"{count(environment, deadlocks) - before} deadlocks",
        f"{sum(answers.values())} answers in {seconds:.0f} s",
    ]


def main() -> int:
    """Measure both and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=200)
    parser.add_argument("--times", type=int, default=100)
    asked = parser.parse_args()
    with servers() as environment:
        make_empty(environment, DATABASE)
        use(environment, DATABASE)
        from django.core.management import call_command  # noqa: PLC0415

        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        tokens = seed(asked.patients, asked.times)
        lines = [measure(environment, tokens, asked.times, is_locked=True)]
        with psycopg.connect(url_of(environment, DATABASE), autocommit=True) as connection:
            connection.execute("DELETE FROM teleconsult_booking")
            for name in CONSTRAINTS:
                connection.execute(f"ALTER TABLE teleconsult_booking DROP CONSTRAINT {name}")  # type: ignore[call-overload]
        lines.append(measure(environment, tokens, asked.times, is_locked=False))
    for line in lines:
        sys.stdout.write(f"| {' | '.join(line)} |\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
