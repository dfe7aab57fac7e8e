"""The bookings of a drill: patients hold a time and confirm it through HTTP; what must be true afterwards."""

import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from itertools import combinations
from pathlib import Path

import psycopg
from icalendar import Calendar

from benchmarks.visitor import Answer, NoAnswer, Visitor
from tests.e2e.portal import COMMAND_SECONDS, Portal

CHOOSE = "/en/my-request/consultation/"
SLOTS = re.compile(r'name="slot" value="([^"]+)"')
DAYS = re.compile(r'href="(\?day=[0-9-]+)"')
# Somebody else was faster so often at most.
TRIES = 40
ROWS = """
    SELECT b.id::text, r.reference, b.status, lower(b.period), upper(b.period), b.specialist_id::text,
        i.user_id::text
    FROM teleconsult_booking b JOIN teleconsult_request r ON r.id = b.request_id
    LEFT JOIN teleconsult_interpreter i ON i.id = b.interpreter_id
    WHERE r.reference = ANY(%s)
"""


@dataclass
class Booker:
    """A patient who may book, and what she knows afterwards."""

    email: str
    reference: str
    token: str
    is_booked: bool = False
    pressed_again: int = 0
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Row:
    """A booking as the database has it; the people by their ids."""

    id: str
    reference: str
    status: str
    starts_at: datetime
    ends_at: datetime
    specialist: str
    interpreter: str | None = None

    @property
    def people(self) -> set[str]:
        """Return the staff who cannot be in another consultation meanwhile."""
        return {self.specialist, self.interpreter} - {None}  # type: ignore[return-value]

    def meets(self, other: "Row") -> bool:
        """Return whether somebody would have to be in both at once."""
        return bool(self.people & other.people) and self.starts_at < other.ends_at and other.starts_at < self.ends_at


@dataclass(frozen=True)
class Entry:
    """A calendar entry that was mailed: in which mail, to whom, of which booking."""

    message_id: str
    to: str
    booking: str
    method: str


def make_bookers(portal: Portal, number: int) -> "Bookings":
    """Make patients beside a running portal."""
    made = json.loads(
        portal.python("-m", "tests.teleconsult.bookers", str(number), seconds=COMMAND_SECONDS + 10 * number)
    )
    return Bookings([Booker(**each) for each in made["bookers"]], made["mailboxes"])


def book(portal: Portal, booker: Booker, number: int) -> Booker:
    """Choose a time, confirm it, and read whether it is booked; press again as long as it takes."""
    # One in three presses is never answered, though it arrived.
    visitor = Visitor(portal.port, loses=3, cookies={"request": booker.token}, presses=number)
    try:
        booker.is_booked = hold_and_confirm(visitor)
    except NoAnswer as error:
        booker.failures.append(f"no answer: {error}")
    booker.pressed_again = visitor.pressed_again
    booker.failures += visitor.failures
    return booker


def hold_and_confirm(visitor: Visitor) -> bool:
    """Return whether the page says in the end that the time is hers."""
    page = visitor.open(CHOOSE)
    for count in range(TRIES):
        offered = SLOTS.findall(page.text)
        if not offered:
            visitor.failures.append(f"no time is offered: {page.status} {page.location}")
            return False
        # Everybody wants the first time; who was too late takes any other.
        slot = offered[0] if count == 0 else random.choice(offered)
        answer = visitor.press(CHOOSE, page, slot=slot)
        if answer.location not in {CHOOSE, ""}:
            return confirm(visitor, answer)
        page = visitor.open(CHOOSE)
        page = visitor.open(CHOOSE + random.choice(DAYS.findall(page.text) or [""]))
    visitor.failures.append("no time could be held")
    return False


def confirm(visitor: Visitor, answer: Answer) -> bool:
    """Confirm the time that is held."""
    address = answer.location
    page = visitor.open(address)
    visitor.press(f"{address}confirm/", page)
    shown = visitor.open(address)
    return shown.status == 200 and f"{address}cancel/" in shown.text and f"{address}confirm/" not in shown.text


@dataclass
class Bookings:
    """The bookings of a drill and what was mailed about them."""

    booked: list[Booker] = field(default_factory=list)
    # Person of the staff → mailbox.
    mailboxes: dict[str, str] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)

    def look(self, connection: psycopg.Connection, mails: Path) -> None:
        """Read rows, and every entry that these patients and their staff were sent."""
        references = [booker.reference for booker in self.booked]
        self.rows = [Row(*row) for row in connection.execute(ROWS, [references]).fetchall()]
        people = {*self.mailboxes.values(), *(booker.email for booker in self.booked)}
        self.entries = [entry for entry in entries_in(mails) if entry.to in people]

    @property
    def confirmed(self) -> list[Row]:
        return [row for row in self.rows if row.status == "confirmed"]

    @property
    def failures(self) -> list[str]:
        """Return every answer that was an error, and every patient who did not come to the end."""
        unbooked = [f"{booker.email}: not booked" for booker in self.booked if not booker.is_booked]
        return [failure for booker in self.booked for failure in booker.failures] + unbooked

    @property
    def lost(self) -> list[str]:
        """Return the patients who read that a time is theirs, and it is not there."""
        there = {row.reference for row in self.confirmed}
        return [booker.email for booker in self.booked if booker.is_booked and booker.reference not in there]

    @property
    def doubled(self) -> list[str]:
        """Return the requests with two consultations, and the people with two at once."""
        several = [each for each, times in Counter(row.reference for row in self.confirmed).items() if times > 1]
        living = sorted(
            (row for row in self.rows if row.status in {"held", "confirmed"}), key=lambda row: row.starts_at
        )
        return several + [f"{one.id} meets {other.id}" for one, other in combinations(living, 2) if one.meets(other)]

    @property
    def mails_lost(self) -> list[str]:
        """Return who takes part in a consultation and was sent no entry for her calendar."""
        sent = self._sent
        return [f"{row.id} {to}" for row in self.confirmed for to in self._recipients(row) if not sent[row.id, to]]

    @property
    def mails_doubled(self) -> list[str]:
        """Return entries that came twice, and those of a consultation or to a person that is not there."""
        expected = {(row.id, to) for row in self.confirmed for to in self._recipients(row)}
        twice = [f"{booking} {to}" for (booking, to), times in self._sent.items() if times > 1]
        in_vain = [f"in vain: {booking} {to}" for booking, to in self._sent if (booking, to) not in expected]
        return twice + in_vain + [entry.booking for entry in self.entries if entry.method != "REQUEST"]

    @property
    def _sent(self) -> Counter[tuple[str, str]]:
        return Counter((entry.booking, entry.to) for entry in self.entries)

    def _recipients(self, row: Row) -> Iterator[str]:
        yield from (booker.email for booker in self.booked if booker.reference == row.reference)
        yield from (self.mailboxes[person] for person in row.people)


def entries_in(folder: Path) -> Iterator[Entry]:
    """Yield every calendar entry of the mails in a folder."""
    for file in folder.glob("*.eml"):
        mail = message_from_bytes(file.read_bytes(), policy=policy.default)
        for part in mail.walk():
            if part.get_content_type() != "text/calendar":
                continue
            calendar = Calendar.from_ical(part.get_content())
            for event in calendar.walk("VEVENT"):
                booking = str(event["UID"]).partition("@")[0]
                yield Entry(str(mail["Message-ID"]), str(mail["To"]), booking, str(calendar["METHOD"]))
