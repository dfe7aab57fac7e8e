"""Everything a request holds, for the patient to take away; the shape of the data is told in docs/export.md."""

import io
import json
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.template.loader import render_to_string
from django.utils import timezone, translation

from taxonomy.languages import BCP47, direction
from teleconsult import clock, opinion_paper, opinions, reading, studies
from teleconsult.enums import BookingStatus
from teleconsult.models import Addendum, Document, Opinion, Request
from teleconsult.reading import Opening
from teleconsult.timeline import history_of, timeline_of, turn_of

FORMAT, VERSION = "health-lombardy-request", 1
CHUNK_BYTES = 1024 * 1024
LONGEST_FILE_NAME = 100
# What some file systems do not allow in a name.
FORBIDDEN = frozenset('<>:"/\\|?*')


def data_of(request: Request) -> dict[str, Any]:
    """Return all that is stored about a request, as values of JSON; times in UTC, ISO 8601."""
    openings = reading.openings_of(request, every=True)
    return {
        "format": FORMAT,
        "version": VERSION,
        "made_at": _time(timezone.now()),
        **{name: section(request, openings) for name, section in SECTIONS.items()},
    }


def readable_context(request: Request) -> dict[str, Any]:
    """Return what the readable copy shows, in the words of the active language."""
    history = history_of(request)
    openings = reading.openings_of(request, every=True)
    return {
        "patient_request": request,
        "condition": request.condition,
        "treatment": request.treatment,
        "timeline": timeline_of(request, history, turn_of(request, history)),
        "messages_written": list(request.messages.select_related("facility")),
        "documents": [(row, openings.get(str(row.pk), [])) for row in request.papers.with_file()],
        "case_openings": openings.get(str(request.pk), []),
        "consents": list(request.consents.select_related("facility")),
        "opinions": [opinions.page_of(opinion) for opinion in opinions.delivered(request)],
        "consultations": [
            (row, clock.two_clocks(row.starts_at, request.zone))
            for row in request.bookings.exclude(status__in=[BookingStatus.HELD, BookingStatus.RELEASED])
        ],
        "zone_name": clock.place_of(request.zone),
        "made_at": timezone.now(),
    }


def stream(request: Request) -> Iterator[bytes]:
    """Yield a ZIP file in constant memory: the data, a page to read, opinions as PDF, and the original files."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        _write(archive, "request.json", json.dumps(data_of(request), ensure_ascii=False, indent=1))
        _write(archive, "request.html", readable_file(request))
        yield sink.take()
        for number, opinion in enumerate(opinions.delivered(request), 1):
            archive.writestr(opinion_name(number), opinion_paper.pdf(opinion))
            yield sink.take()
        for name, document in named_documents(request):
            entry = zipfile.ZipInfo(name, date_time=_moment(document.added_at))
            # Scans and pictures are packed already.
            entry.compress_type = zipfile.ZIP_STORED
            with archive.open(entry, "w", force_zip64=True) as target, document.file.open_stream() as source:
                while chunk := source.read(CHUNK_BYTES):
                    target.write(chunk)
                    yield sink.take()
            yield sink.take()
    yield sink.take()


def readable_file(request: Request) -> str:
    """Return the readable copy as one HTML file in the language of the request."""
    code = request.language
    with translation.override(code), timezone.override(request.zone):
        context = readable_context(request) | {"lang": BCP47[code], "dir": direction(code)}
        return render_to_string("teleconsult/copy_file.html", context)


def named_documents(request: Request) -> list[tuple[str, Document]]:
    """Return the readable papers with their names in the ZIP file."""
    return [(file_name(number, row), row) for number, row in enumerate(_documents(request), 1) if row.file.is_readable]


def opinion_name(number: int) -> str:
    """Return the name of an opinion's PDF in the ZIP file, the newest first."""
    return f"opinions/{number:02}.pdf"


def file_name(number: int, document: Document) -> str:
    """Return a name that no file system refuses and that leads into no other folder."""
    plain = (char for char in document.file.name if unicodedata.category(char)[0] != "C" and char not in FORBIDDEN)
    name = "".join(plain).strip(" .")[-LONGEST_FILE_NAME:].strip(" .") or "document"
    return f"documents/{number:02} {name}"


# --- the sections of the data ----------------------------------------------------------------------------------------

_Openings = dict[str, list[Opening]]


def _request(request: Request, openings: _Openings) -> dict[str, Any]:
    plain = ("reference", "kind", "status", "for_whom", "email", "patient_name", "asker_name", "relationship")
    more = ("organisation", "country", "language", "zone", "question", "age_years", "sex")
    protocol = request.protocol
    return {
        **{name: getattr(request, name) for name in (*plain, *more)},
        "condition": request.condition_slug,
        "treatment": request.treatment_slug,
        "facility_wished": request.facility.slug if request.facility else "",
        "protocol": {"slug": protocol.slug, "version": protocol.version} if protocol else None,
        "begun_at": _time(request.created_at),
        "authority_stated_at": _time(request.authority_stated_at),
        "sent_at": _time(request.submitted_at),
        "ended_at": _time(request.closed_at),
        "clock": {
            "started_at": _time(request.clock_started_at),
            "working_days": request.promised_days,
            "province": request.clock_province,
            "due_at": _time(request.due_at),
            "paused_since": _time(request.paused_since),
        },
        "opened": _opened(openings.get(str(request.pk), [])),
    }


def _events(request: Request, openings: _Openings) -> list[dict[str, Any]]:
    return [
        {
            "number": event.number,
            "at": _time(event.at),
            "step": event.action,
            "from": event.from_status,
            "to": event.to_status,
            "by": event.role,
            "facility": event.facility.slug if event.facility else "",
            "reason": event.reason,
            "note": event.note,
        }
        for event in request.events.select_related("facility")
        if event.action not in _OF_THE_OFFICE
    ]


def _messages(request: Request, openings: _Openings) -> list[dict[str, Any]]:
    return [
        {
            "sent_at": _time(message.sent_at),
            "direction": message.direction,
            "by": message.role,
            "facility": message.facility.slug if message.facility else "",
            "language": message.language,
            "text": message.body,
        }
        for message in request.messages.select_related("facility")
    ]


def _consents(request: Request, openings: _Openings) -> list[dict[str, Any]]:
    return [
        {
            "number": row.number,
            "at": _time(row.at),
            "purpose": row.purpose,
            "facility": row.facility.slug if row.facility else "",
            "decision": row.decision,
            "text_version": row.text_version,
            "text_language": row.text_language,
            "text_sha256": row.text_hash,
        }
        for row in request.consents.select_related("facility")
    ]


def _papers(request: Request, openings: _Openings) -> list[dict[str, Any]]:
    names = {row.pk: name for name, row in named_documents(request)}
    return [
        {
            "file": names.get(row.pk, ""),
            "name": row.file.name,
            "kind": row.kind,
            "dated": row.issued_on,
            "language": row.language,
            "bytes": row.file.size,
            "sha256": row.file.sha256,
            "state": row.file.state,
            "added_at": _time(row.added_at),
            "added_by": row.role,
            "scans": _scans(row),
            "opened": _opened(openings.get(str(row.pk), [])),
        }
        for row in _documents(request)
    ]


def _alternatives(request: Request, openings: _Openings) -> list[str]:
    return [row.facility.slug for row in request.alternatives.select_related("facility")]


def _scans(document: Document) -> list[dict[str, Any]]:
    look = studies.look_at(document)
    return [study.facts for study in look.studies.all()] if look else []


def _opinions(request: Request, openings: _Openings) -> list[dict[str, Any]]:
    return [
        {
            "file": opinion_name(number),
            "facility": row.facility.slug,
            **_signed(row),
            "plain_words": row.plain_words,
            "answers": row.answers,
            "options": row.options,
            "letter": row.letter,
            "addenda": [{"text": added.text, **_signed(added)} for added in row.addenda.all() if added.is_signed],
            "questions": [
                {
                    "asked_at": _time(asked.asked_at),
                    "language": asked.language,
                    "question": asked.question,
                    "answered_at": _time(asked.answered_at),
                    "answer_language": asked.answer_language,
                    "answer": asked.answer,
                }
                for asked in row.follow_up_questions.all()
            ],
            "opened": _opened(openings.get(str(row.pk), [])),
        }
        for number, row in enumerate(opinions.delivered(request), 1)
    ]


def _signed(text: Opinion | Addendum) -> dict[str, Any]:
    return {
        "language": text.language,
        "translated_from": text.translated_from,
        "signed_at": _time(text.signed_at),
        "signed_by": text.signer["name"] if text.signer else "",
        "sha256": text.digest,
    }


def _consultations(request: Request, openings: _Openings) -> list[dict[str, Any]]:
    return [
        {
            "status": row.status,
            "starts_at": _time(row.starts_at),
            "ends_at": _time(row.ends_at),
            "zone": row.zone,
            "mode": row.mode,
            "city": row.city,
            "country": row.country,
            "facility": row.facility.slug,
            "languages": [row.patient_language, row.visit_language],
            "has_interpreter": row.interpreter_id is not None,
            "cancelled_by": row.cancelled_by,
        }
        for row in request.bookings.select_related("facility")
    ]


# What the data holds, in this order; a new noun of a request adds its section.
SECTIONS: dict[str, Callable[[Request, _Openings], Any]] = {
    "request": _request,
    "events": _events,
    "messages": _messages,
    "consents": _consents,
    "documents": _papers,
    "opinions": _opinions,
    "consultations": _consultations,
    "alternatives": _alternatives,
}
# Steps of the staff among themselves; internal notes are no part of the copy either.
_OF_THE_OFFICE = frozenset({"write_note", "set_urgency", "take_over", "hand_over", "write_opinion", "write_addendum"})


def _documents(request: Request) -> Iterable[Document]:
    return request.papers.with_looks()


def _opened(openings: Iterable[Opening]) -> list[dict[str, str]]:
    return [
        {"at": _time(row.at) or "", "by": row.role, "facility": row.facility.slug if row.facility else ""}
        for row in openings
    ]


def _time(moment: Any) -> str | None:
    return moment.astimezone(timezone.get_fixed_timezone(0)).isoformat(timespec="seconds") if moment else None


def _moment(moment: Any) -> tuple[int, int, int, int, int, int]:
    return moment.astimezone(timezone.get_fixed_timezone(0)).timetuple()[:6]


def _write(archive: zipfile.ZipFile, name: str, text: str) -> None:
    entry = zipfile.ZipInfo(name, date_time=_moment(timezone.now()))
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, text)


class _Sink(io.RawIOBase):
    """Where the ZIP file is written: what has come since the last look is handed on, and nothing is kept."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        """Hold some bytes until they are taken."""
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """Return the bytes since the last time."""
        taken, self._parts = b"".join(self._parts), []
        return taken
