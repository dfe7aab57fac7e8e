"""The documents of a case, and what the patient allowed."""

from dataclasses import dataclass

from babel.dates import format_date
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from taxonomy.dates import with_first
from taxonomy.languages import language_name, locale
from teleconsult import studies
from teleconsult.desk.case import Side
from teleconsult.desk.words import active_language, size_words, time_words
from teleconsult.enums import ConsentPurpose
from teleconsult.models import Consent, Document, Request
from teleconsult.querysets import Person
from treatments.enums import DocumentKind
from vault.files import FileState, StoredFile

FILE_STATES = {
    FileState.RECEIVED: "sky",
    FileState.JUDGED: "sky",
    FileState.CLEAN: "leaf",
    FileState.UNSCANNED: "amber",
    FileState.REFUSED: "brick",
}


def file_words(file: StoredFile) -> str:
    """Return the state of a file in words; of a refused one also why."""
    words = {
        FileState.RECEIVED: _("Received, not yet checked"),
        FileState.JUDGED: _("Waiting for the virus scanner"),
        FileState.CLEAN: _("Checked, no virus found"),
        FileState.UNSCANNED: _("Checked, but not for viruses"),
    }
    if file.state == FileState.REFUSED:
        return _("Not accepted: %(reason)s") % {"reason": file.get_refusal_display()}
    return words[FileState(file.state)]


@dataclass(frozen=True)
class Paper:
    """A document of the case, as the component `document` prints it."""

    row: Document
    request: Request

    @property
    def name(self) -> str:
        """Return what the patient says it is, with the name of the file."""
        return _("%(kind)s: %(name)s") % {"kind": self.row.kind_label, "name": self.row.file.name}

    @property
    def meta(self) -> str:
        """Return date, language, pages and size, as far as they are known."""
        file, day = self.row.file, self.row.issued_date
        dated = with_first(format_date(day, "long", locale=locale(active_language()))) if day else ""
        parts = [
            _("dated %(day)s") % {"day": dated} if dated else "",
            language_name(self.row.language, active_language()) if self.row.language else "",
            ngettext("%(pages)s page", "%(pages)s pages", file.pages) % {"pages": file.pages} if file.pages else "",
            size_words(file.size),
            _("added %(moment)s") % {"moment": time_words(self.row.added_at)},
            _("of the first request") if self.row.request_id != self.request.pk else "",
        ]
        return ", ".join(part for part in parts if part)

    @property
    def is_images(self) -> bool:
        return self.row.kind == DocumentKind.IMAGING

    @property
    def state(self) -> str:
        return FILE_STATES[FileState(self.row.file.state)]

    @property
    def state_text(self) -> str:
        return file_words(self.row.file)

    @property
    def pictures(self) -> int:
        """Return how many small pictures there are."""
        look = studies.look_at(self.row)
        return len(look.previews.all()) if look else 0

    @property
    def can_open(self) -> bool:
        return self.row.file.is_readable


def papers_of(request: Request, reader: Person) -> list[Paper]:
    """Return the documents, oldest first."""
    return [Paper(row, request) for row in request.papers.visible_to(reader).with_looks()]


@dataclass(frozen=True)
class ConsentLine:
    """One decision of the patient."""

    row: Consent
    is_live: bool

    @property
    def about(self) -> str:
        if self.row.purpose == ConsentPurpose.COORDINATION:
            return _("The coordination office reads the case")
        return _("%(facility)s reads the case") % {"facility": self.row.facility.short_name}

    @property
    def state(self) -> str:
        return "leaf" if self.is_live else "plain"

    @property
    def words(self) -> str:
        """Return what was decided and when."""
        if self.row.decision == "revoke":
            return _("Revoked on %(moment)s") % {"moment": time_words(self.row.at)}
        if self.is_live:
            return _("Given on %(moment)s") % {"moment": time_words(self.row.at)}
        return _("Given on %(moment)s, no longer valid") % {"moment": time_words(self.row.at)}


def consents_of(request: Request, seen_from: Side) -> list[ConsentLine]:
    """Return the decisions of the patient, newest first; a facility sees those about itself and the office."""
    live = set(request.consents.live().values_list("pk", flat=True))
    rows = request.consents.select_related("facility").order_by("-number")
    return [ConsentLine(row, row.pk in live) for row in rows if seen_from.may_know_of(row.facility_id)]
