"""Is anything lost when things die? Requests and bookings go through HTTP while parts of the portal are killed.

.venv/bin/python -m benchmarks.drills                   1,000 second opinions and 1,000 consultations
.venv/bin/python -m benchmarks.drills --submissions 60 --bookings 60   fewer
.venv/bin/python -m benchmarks.drills --control keys    each press with a new key: the drill must find doubles
.venv/bin/python -m benchmarks.drills --control sweep   without the clock's sweep: the drill must miss mails

Worker, web, broker and database are killed with SIGKILL in turn, and the database's connections are cut; some answers
are thrown away unread and the button is pressed again. Afterwards every request that was answered is there exactly
once, and each of its mails was sent exactly once. Nobody has two consultations at once; everybody who takes part in one
has exactly one mail with one entry for her calendar, and nobody has one of a consultation that is not there. A portal
of its own is started; the one that is served is not touched.
"""

import argparse
import contextlib
import copy
import json
import os
import re
import signal
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email import message_from_bytes, policy

import psycopg

from benchmarks.drill_bookings import Bookings, book, make_bookers
from benchmarks.measuring import conditions, table
from benchmarks.visitor import Answer, NoAnswer, Visitor
from tests.e2e.portal import Portal, wait_for

CLIENTS = 4
START = "/en/second-opinion/start/"
# Each request is told of twice: where the draft is, and that it has arrived.
MAILS_EACH = 2
REFERENCE = re.compile(r"HL-[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]")
# The lease of a sender that was killed ends by itself after minutes; a drill of small size does not wait for it.
SETTLE_SECONDS = 600
# So long a part may take to be there again: it waits half a minute after a few deaths, and a busy machine is slow.
RETURN_SECONDS = 240


# --- what dies ------------------------------------------------------------------------------------------------------


def kill(portal: Portal, name: str) -> None:
    """End a part of the portal with its children as a lack of memory does, and wait until it is there again."""
    pid = wait_for(lambda: portal.pid_of(name), seconds=RETURN_SECONDS, why=f"there is no {name}")
    with contextlib.suppress(ProcessLookupError):
        os.killpg(os.getpgid(pid), signal.SIGKILL)
    wait_for(lambda: portal.pid_of(name) not in {0, pid}, seconds=RETURN_SECONDS, why=f"{name} was not started again")


def cut_connections(portal: Portal) -> None:
    """End every connection of the portal to its database, in the middle of whatever it does."""
    with connected(portal, "DATABASE_URL") as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND datname = current_database() AND usename = current_user"
        )


DEATHS: dict[str, Callable[[Portal], None]] = {
    "worker": lambda portal: kill(portal, "worker"),
    "web": lambda portal: kill(portal, "web"),
    "broker": lambda portal: kill(portal, "valkey"),
    "database": lambda portal: kill(portal, "postgres"),
    "connections": cut_connections,
}


@contextlib.contextmanager
def connected(portal: Portal, url: str = "DATABASE_OWNER_URL") -> Iterator[psycopg.Connection]:
    """Yield a connection of the database's owner, or as `url` names; a database that mends itself is waited for."""
    made = json.loads((portal.data_dir / "environment.json").read_text(encoding="utf-8"))

    def connect() -> psycopg.Connection | None:
        with contextlib.suppress(psycopg.OperationalError):
            return psycopg.connect(made[url], autocommit=True, connect_timeout=5)
        return None

    with wait_for(connect, seconds=RETURN_SECONDS, why="the database does not answer") as connection:
        yield connection


@contextlib.contextmanager
def asleep(portal: Portal, name: str) -> Iterator[None]:
    """Let a process stand still, as if it were not there."""
    group = os.getpgid(wait_for(lambda: portal.pid_of(name), seconds=RETURN_SECONDS, why=f"there is no {name}"))
    os.killpg(group, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(group, signal.SIGCONT)


@contextlib.contextmanager
def dead(portal: Portal, name: str) -> Iterator[None]:
    """Let a part of the portal be dead until the block ends: who would start it again sleeps."""
    pid = wait_for(lambda: portal.pid_of(name), seconds=RETURN_SECONDS, why=f"there is no {name}")
    os.kill(portal.pid, signal.SIGSTOP)
    try:
        os.killpg(os.getpgid(pid), signal.SIGKILL)
        yield
    finally:
        os.kill(portal.pid, signal.SIGCONT)
    wait_for(lambda: portal.pid_of(name) not in {0, pid}, seconds=RETURN_SECONDS, why=f"{name} was not started again")


# --- what is sent ---------------------------------------------------------------------------------------------------


@dataclass
class Sent:
    """A request as its patient knows it."""

    email: str
    is_answered: bool = False
    pressed_again: int = 0
    failures: list[str] = field(default_factory=list)


def send_second_opinion(visitor: Visitor, email: str) -> bool:
    """Answer one question a screen, consent and send; return whether the portal says that it has arrived."""
    steps: tuple[tuple[str, dict[str, object]], ...] = (
        ("", {"for_whom": "self", "email": email, "country": "AE", "zone": "Asia/Dubai", "language": "en"}),
        ("patient/", {"patient_name": "Ada Example", "age_years": 52, "sex": ""}),
        ("question/", {"question": "Is the operation needed?"}),
        ("hospital/", {"facility": ""}),
        ("review/", {"coordination": "on"}),
    )
    answer = Answer(0, "", "")
    for step, values in steps:
        page = visitor.open(START + step)
        answer = visitor.press(START + step, page, **values)
        if answer.status != 302:
            visitor.failures.append(f"{step or 'who'}: {answer.status}")
            return False
    return answer.location == "/en/my-request/" and "request" in visitor.cookies


def send_one(portal: Portal, number: int, *, forgets_keys: bool = False) -> Sent:
    """Send one request, pressing again as long as it takes."""
    sent = Sent(f"drill-{number}-{uuid.uuid4().hex[:8]}@example.org")
    # One in five presses is never answered, though it arrived.
    visitor = Visitor(portal.port, loses=5, forgets_keys=forgets_keys, presses=number)
    try:
        sent.is_answered = send_second_opinion(visitor, sent.email)
    except NoAnswer as error:
        sent.failures.append(f"no answer: {error}")
    sent.pressed_again = visitor.pressed_again
    sent.failures += visitor.failures
    return sent


# --- the drill ------------------------------------------------------------------------------------------------------


@dataclass
class Drill:
    """What was sent, what died, and what is there afterwards."""

    portal: Portal
    sent: list[Sent] = field(default_factory=list)
    bookings: Bookings = field(default_factory=Bookings)
    deaths: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    # Reference → how often it was sent; mailbox → its mails by subject, and by what they refer to.
    rows: dict[str, int] = field(default_factory=dict)
    mails: dict[str, Counter[str]] = field(default_factory=dict)
    message_ids: Counter[str] = field(default_factory=Counter)
    references: dict[str, set[str]] = field(default_factory=dict)
    _known: set[str] = field(default_factory=set)

    def run(
        self,
        submissions: int,
        bookings: int = 0,
        *,
        deaths: tuple[str, ...] = tuple(DEATHS),
        forgets_keys: bool = False,
    ) -> None:
        """Send and book so many while parts die in turn, each at least once."""
        if bookings:
            self.bookings = make_bookers(self.portal, bookings)
        self._known = set(self._rows())
        began = time.monotonic()
        is_over = threading.Event()
        with ThreadPoolExecutor(CLIENTS + 1) as pool:
            killer = pool.submit(self._kill_in_turn, deaths, is_over)
            jobs = [
                pool.submit(send_one, self.portal, number, forgets_keys=forgets_keys)
                for number in range(1, submissions + 1)
            ]
            visits = [
                pool.submit(book, self.portal, booker, number) for number, booker in enumerate(self.bookings.booked)
            ]
            try:
                for visit in visits:
                    visit.result()
                self.sent = [job.result() for job in jobs]
            finally:
                is_over.set()
            killer.result()
        self.seconds = time.monotonic() - began

    def settle(self, seconds: float = SETTLE_SECONDS) -> None:
        """Wait until no message waits, or so long; then look at what is there."""
        end = time.monotonic() + seconds
        while self._waiting() and time.monotonic() < end:
            time.sleep(1)
        self.look()

    def look(self) -> None:
        """Count rows and mails of each patient."""
        self.rows = {reference: times for reference, times in self._rows().items() if reference not in self._known}
        self.mails, self.message_ids, self.references = {}, Counter(), {}
        known = {sent.email for sent in self.sent}
        for file in (self.portal.data_dir / "mail").glob("*.eml"):
            mail = message_from_bytes(file.read_bytes(), policy=policy.default)
            to = str(mail["To"])
            if to in known:
                words = mail.get_body(("plain",)).get_content()
                self.mails.setdefault(to, Counter())[REFERENCE.sub("", str(mail["Subject"]))] += 1
                self.references.setdefault(to, set()).update(REFERENCE.findall(words))
                self.message_ids[str(mail["Message-ID"])] += 1
        if self.bookings.booked:
            with connected(self.portal) as connection:
                self.bookings.look(connection, self.portal.data_dir / "mail")

    @property
    def lost(self) -> list[str]:
        """Return the requests that were answered and are not there, or were not sent."""
        return [sent.email for sent in self.sent if not any(self.rows.get(each) for each in self._of(sent))]

    @property
    def doubled(self) -> list[str]:
        """Return the requests that are there more than once, with those that no patient knows of."""
        several = [sent.email for sent in self.sent if len(self._of(sent)) > 1]
        claimed = {reference for found in self.references.values() for reference in found}
        return several + sorted(self.rows.keys() - claimed) + [each for each, times in self.rows.items() if times > 1]

    @property
    def mails_lost(self) -> list[str]:
        """Return the mailboxes that miss a mail."""
        return [sent.email for sent in self.sent if len(self.mails.get(sent.email, ())) < MAILS_EACH]

    @property
    def mails_doubled(self) -> list[str]:
        """Return what was sent twice: by its Message-ID, or the same news to the same mailbox."""
        twice = [to for to, found in self.mails.items() if found.total() > MAILS_EACH or max(found.values()) > 1]
        return twice + [message_id for message_id, times in self.message_ids.items() if times > 1]

    @property
    def failures(self) -> list[str]:
        """Return every answer that was an error, and every patient who was never answered."""
        unanswered = [f"{sent.email}: not answered" for sent in self.sent if not sent.is_answered]
        return [failure for sent in self.sent for failure in sent.failures] + unanswered

    @property
    def faults(self) -> list[list[str]]:
        """Return everything that must be empty."""
        return [
            getattr(part, name)
            for part in (self, self.bookings)
            for name in ("failures", "lost", "doubled", "mails_lost", "mails_doubled")
        ]

    def report(self) -> None:
        """Print what was found."""
        table(
            ("what", "figure"),
            (
                ("second opinions sent through HTTP", len(self.sent)),
                ("minutes", self.seconds / 60),
                *((f"deaths: {name}", self.deaths[name]) for name in DEATHS),
                ("forms pressed again", sum(sent.pressed_again for sent in self.sent)),
                ("answers that were errors", len(self.failures)),
                ("requests lost", len(self.lost)),
                ("requests doubled", len(self.doubled)),
                ("mails lost", len(self.mails_lost)),
                ("mails doubled", len(self.mails_doubled)),
                ("consultations booked through HTTP", len(self.bookings.confirmed)),
                ("their forms pressed again", sum(booker.pressed_again for booker in self.bookings.booked)),
                ("their answers that were errors", len(self.bookings.failures)),
                ("consultations lost", len(self.bookings.lost)),
                ("consultations doubled or at once", len(self.bookings.doubled)),
                ("their calendar entries sent", len(self.bookings.entries)),
                ("their calendar entries lost", len(self.bookings.mails_lost)),
                ("their calendar entries doubled or in vain", len(self.bookings.mails_doubled)),
            ),
        )

    def _of(self, sent: Sent) -> set[str]:
        return self.references.get(sent.email, set())

    def _kill_in_turn(self, deaths: tuple[str, ...], is_over: threading.Event) -> None:
        turn = 0
        while deaths and (turn < len(deaths) or not is_over.is_set()):
            is_over.wait(1.5)
            name = deaths[turn % len(deaths)]
            DEATHS[name](self.portal)
            self.deaths[name] += 1
            turn += 1

    def _rows(self) -> dict[str, int]:
        """Return every request with how often it was sent."""
        with connected(self.portal) as connection:
            return dict(
                connection.execute(
                    "SELECT reference, (SELECT count(*) FROM teleconsult_event e WHERE e.request_id = r.id "
                    "AND e.action = 'submit') FROM teleconsult_request r"
                ).fetchall()
            )

    def _waiting(self) -> int:
        """Return how many messages are not out; the lease of a sender that was killed half a minute ago is ended."""
        with connected(self.portal) as connection:
            connection.execute(
                "UPDATE notifications_outboxmessage SET leased_until = now() "
                "WHERE state = 'sending' AND leased_until < now() + interval '330 seconds'"
            )
            row = connection.execute(
                "SELECT count(*) FROM notifications_outboxmessage WHERE state IN ('waiting', 'sending') "
                "AND not_before < now() + interval '10 minutes'"
            ).fetchone()
        return int(row[0]) if row else 0


def drill_without_keys(portal: Portal, submissions: int) -> Drill:
    """Do the same with a new key at each press: the drill must find doubles, else it proves nothing."""
    drill = Drill(portal)
    drill.run(submissions, deaths=(), forgets_keys=True)
    drill.settle()
    return drill


def drill_without_sweep(portal: Portal, submissions: int, bookings: int = 0) -> tuple[Drill, Drill]:
    """Do the same with the sweep asleep and the broker dead: mails must be missing, and come when it wakes."""
    drill = Drill(portal)
    with asleep(portal, "beat"):
        with dead(portal, "valkey"):
            drill.run(submissions, bookings, deaths=())
        time.sleep(10)
        drill.look()
        missing = copy.deepcopy(drill)
    drill.settle()
    return missing, drill


def main() -> int:
    """Run a drill on a portal of its own and print what was found; return 1 when it is not what it should be."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--submissions", type=int, default=1000)
    parser.add_argument("--bookings", type=int, default=1000)
    parser.add_argument("--control", choices=["keys", "sweep"])
    asked = parser.parse_args()
    print(conditions(), end="\n\n", flush=True)
    portal = Portal.start()
    try:
        if asked.control == "keys":
            drill = drill_without_keys(portal, asked.submissions)
            drill.report()
            return 0 if drill.doubled else 1
        if asked.control == "sweep":
            missing, drill = drill_without_sweep(portal, asked.submissions, asked.bookings)
            missing.report()
            drill.report()
            is_noticed = missing.mails_lost and (missing.bookings.mails_lost or not asked.bookings)
            return 0 if is_noticed and not drill.mails_lost and not drill.bookings.mails_lost else 1
        drill = Drill(portal)
        drill.run(asked.submissions, asked.bookings)
        drill.settle(SETTLE_SECONDS + (asked.submissions + asked.bookings) / 2)
        drill.report()
        faults = drill.faults
        for fault in faults:
            print("\n".join(fault[:20]))
        return 1 if any(faults) else 0
    finally:
        portal.stop()


if __name__ == "__main__":
    sys.exit(main())
