"""What patient and staff wrote, and apart from it the internal notes."""

from dataclasses import dataclass

from django.utils.translation import pgettext

from teleconsult.desk.words import time_words
from teleconsult.models import InternalNote, Message, Request
from teleconsult.permissions import may_read_notes_of
from teleconsult.querysets import Person


@dataclass(frozen=True)
class Line:
    """A message or a note, as the component `message` prints it."""

    kind: str
    author: str
    when: str
    text: str
    language: str = ""


def conversation_of(request: Request, reader: Person) -> list[Line]:
    """Return what patient and staff wrote, oldest first."""
    rows = request.messages.select_related("user", "facility")
    return [
        Line(
            "theirs" if row.user_id is None else "ours",
            _author(row, reader),
            time_words(row.sent_at),
            row.body,
            row.language,
        )
        for row in rows
    ]


def notes_of(request: Request, reader: Person) -> list[Line]:
    """Return the internal notes this person may read: the office's, or her facility's."""
    office, facilities = may_read_notes_of(reader, request)
    rows = request.internal_notes.select_related("user", "facility")
    return [
        Line("note", _author(row, reader), time_words(row.written_at), row.body)
        for row in rows
        if (office if row.facility_id is None else row.facility_id in facilities)
    ]


def _author(row: Message | InternalNote, reader: Person) -> str:
    if row.user_id == reader.pk:
        return pgettext("author of a message", "You")
    names = [str(row.user)] if row.user_id else []
    names.append(str(row.get_role_display()))
    if row.facility:
        names.append(row.facility.short_name)
    return ", ".join(names)
