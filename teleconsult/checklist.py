"""The personal checklist: what the facility asks for, what is there, what does not fit, in words."""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import get_language, ngettext, pgettext
from django.utils.translation import gettext as _

from publishing.templatetags.text import text_of
from taxonomy.languages import language_name
from teleconsult import studies
from teleconsult.models import Document, Request
from treatments.enums import ClockStart, DocumentKind
from treatments.models import Protocol, RequiredDocument
from vault.files import FileKind, FileState

# What holds no picture of a scan.
WRITTEN = frozenset({FileKind.PDF, FileKind.TEXT, FileKind.DOCUMENT, FileKind.SPREADSHEET})
SCANS = frozenset({FileKind.DICOM, FileKind.DICOM_ARCHIVE})
# Papers of these kinds are not the same at two hospitals.
SPECIAL = frozenset({DocumentKind.FORM, DocumentKind.OTHER})
DONE, WRONG, OPEN, OPTIONAL = "done", "wrong", "open", "optional"


@dataclass(frozen=True)
class Item:
    """One line: the paper asked for, the documents sent for it, what does not fit."""

    requirement: RequiredDocument
    documents: tuple[Document, ...]
    mismatches: tuple[str, ...]
    # Whether the case in which the paper is asked for is that of this request.
    is_needed: bool = False

    @property
    def state(self) -> str:
        """Return the state as the component `checklist_item` names it: done, wrong, open or optional."""
        if self.mismatches:
            return WRONG
        if self.documents:
            return DONE
        return OPEN if self.is_needed or not self.is_conditional else OPTIONAL

    @property
    def is_conditional(self) -> bool:
        """Return whether the paper is asked for in some cases only."""
        return has_condition(self.requirement) or self.requirement.kind == DocumentKind.AUTHORITY

    @property
    def reason(self) -> str:
        """Say why the paper is asked for, and how recent it has to be; the case it depends on stands beside it."""
        return " ".join([*self._why(), *self._how_recent()])

    def _why(self) -> Iterable[str]:
        if self.is_needed:
            yield _("The hospital asks for this because someone acts for the patient.")
        elif not self.is_conditional:
            yield _("The hospital always asks for this.")

    def _how_recent(self) -> Iterable[str]:
        days = self.requirement.maximum_age_days
        if days:
            words = ngettext(
                "It may be at most %(days)s day old on the day you send it.",
                "It may be at most %(days)s days old on the day you send it.",
                days,
            )
            yield words % {"days": days}


@dataclass(frozen=True)
class Checklist:
    """All that a protocol asks of one request."""

    protocol: Protocol | None
    items: tuple[Item, ...]
    # About the patient, not about a paper: age, exclusions are read by people.
    remarks: tuple[str, ...]
    # What is good to know before sending, and nothing has to be mended for.
    notes: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Return whether everything that is always asked for is there and fits."""
        return not self.remarks and all(item.state in {DONE, OPTIONAL} for item in self.items)

    @property
    def missing(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.state == OPEN)


def has_condition(requirement: RequiredDocument) -> bool:
    """Return whether words say when the paper is asked for; they may not be translated yet."""
    return bool(text_of(requirement, "only_when").value)


def of_protocol(protocol: Protocol) -> Checklist:
    """Return the checklist before anything is sent."""
    return Checklist(protocol, tuple(Item(row, (), ()) for row in protocol.required_documents.all()), ())


def of_request(request: Request) -> Checklist:
    """Return the checklist of a request against the version it was checked with; empty without one."""
    protocol = request.protocol
    if protocol is None:
        return Checklist(None, (), ())
    items = []
    for requirement, mine in _answering(request, protocol):
        # A paper of the wrong age is no harm where a fitting one was sent as well.
        found = [list(mismatches(row, protocol, requirement, on=sent_on(row, request))) for row in mine]
        wrong = () if not all(found) else tuple(dict.fromkeys(text for texts in found for text in texts))
        is_authority = requirement.kind == DocumentKind.AUTHORITY
        items.append(Item(requirement, tuple(mine), wrong, is_needed=is_authority))
    remarks, notes = tuple(_remarks(request, protocol)), tuple(_notes(request, protocol))
    return Checklist(protocol, tuple(items), remarks, notes)


def sent_on(document: Document, request: Request) -> datetime.date:
    """Return the day for which the age of a paper counts: the one on which it was sent; of a draft today."""
    if request.submitted_at is None:
        return timezone.localdate()
    return timezone.localdate(max(document.added_at, request.submitted_at))


def _answering(request: Request, protocol: Protocol) -> list[tuple[RequiredDocument, list[Document]]]:
    """Return each line of a protocol with its documents: those sent for it, else one of its kind that knew no line.

    The list may have been another one when a paper was sent: of another hospital, of an earlier version, or none.
    """
    lines = [
        row
        for row in protocol.required_documents.all()
        if row.kind != DocumentKind.AUTHORITY or request.needs_authority
    ]
    documents = list(request.papers.with_looks())
    own = {row.pk: [document for document in documents if document.requirement == row.pk] for row in lines}
    strays = [row for row in documents if row.requirement not in own and _knew_no_line(row, request, protocol)]
    # What is always asked for comes first.
    for line in sorted(lines, key=has_condition):
        found = next((row for row in strays if row.kind == line.kind and line.kind not in SPECIAL), None)
        if found is not None and not own[line.pk]:
            own[line.pk] = [found]
            strays.remove(found)
    return [(line, own[line.pk]) for line in lines]


def _knew_no_line(document: Document, request: Request, protocol: Protocol) -> bool:
    """Return whether these lines were not there to choose from when the document was sent."""
    is_other_list = document.request_id != request.pk or request.facility_id != protocol.facility_id
    return document.requirement != Document.NO_LINE or is_other_list


def lacks_authority(request: Request, protocol: Protocol) -> bool:
    """Return whether the protocol asks for proof of the authority to act for the patient, and none was sent."""
    if not protocol.required_documents.filter(kind=DocumentKind.AUTHORITY).exists():
        return False
    sent = (row for row in request.papers.with_file() if row.file.state != FileState.REFUSED)
    return not any(row.kind == DocumentKind.AUTHORITY for row in sent)


def mismatches(
    document: Document,
    protocol: Protocol,
    requirement: RequiredDocument | None = None,
    *,
    on: datetime.date | None = None,
) -> Iterable[str]:
    """Yield in words what does not fit: the file itself, its kind, its language, its age."""
    day = on or timezone.localdate()
    if document.file.state == FileState.REFUSED:
        yield document.file.get_refusal_display()
    # Scans are scans, whatever they were sent as.
    kind = DocumentKind.IMAGING if document.file.kind in SCANS else DocumentKind(document.kind)
    if requirement is not None and kind != requirement.kind:
        yield _("The hospital asks for “%(asked)s” here; this was sent as “%(sent)s”.") % {
            "asked": requirement.get_kind_display(),
            "sent": kind.label,
        }
    if requirement is not None and requirement.kind == DocumentKind.IMAGING and document.file.kind in WRITTEN:
        yield _("The hospital asks for the images themselves here; this is a written document.")
    if document.language and protocol.document_languages and document.language not in protocol.document_languages:
        yield _("This document is in %(language)s. The hospital reads documents in: %(accepted)s.") % {
            "language": _language(document.language),
            "accepted": ", ".join(_language(code) for code in protocol.document_languages),
        }
    yield from _age_mismatch(document, requirement, day)


def _age_mismatch(document: Document, requirement: RequiredDocument | None, day: datetime.date) -> Iterable[str]:
    limit = requirement.maximum_age_days if requirement else None
    # What the scans say counts where the patient said nothing.
    issued = document.issued_date or studies.taken_on(document)
    if issued is None:
        if limit:
            yield ngettext(
                "We need the date on the document: it may not be older than %(days)s day.",
                "We need the date on the document: it may not be older than %(days)s days.",
                limit,
            ) % {"days": limit}
        return
    age = (day - issued).days
    if age < 0:
        yield _("The date on the document is in the future. Check it.")
    elif limit and age > limit:
        yield ngettext(
            "This document is %(age)s day old. The hospital accepts documents up to %(days)s days old.",
            "This document is %(age)s days old. The hospital accepts documents up to %(days)s days old.",
            age,
        ) % {"age": age, "days": limit}


def _remarks(request: Request, protocol: Protocol) -> Iterable[str]:
    age = request.age_years
    if age is None:
        return
    if protocol.minimum_age is not None and age < protocol.minimum_age:
        yield _("The hospital gives this second opinion from the age of %(age)s.") % {"age": protocol.minimum_age}
    if protocol.maximum_age is not None and age > protocol.maximum_age:
        yield _("The hospital gives this second opinion up to the age of %(age)s.") % {"age": protocol.maximum_age}


def _notes(request: Request, protocol: Protocol) -> Iterable[str]:
    written = protocol.report_languages
    if written and request.language not in written:
        yield _("The hospital writes its answer in: %(languages)s. Your language is %(yours)s.") % {
            "languages": pgettext("between the items of a list", ", ").join(_language(code) for code in written),
            "yours": _language(request.language),
        }
    if protocol.promised_working_days and protocol.clock_starts == ClockStart.FEE_SETTLED:
        yield ClockStart.FEE_SETTLED.label


def _language(code: str) -> str:
    return language_name(code, get_language() or "en")
