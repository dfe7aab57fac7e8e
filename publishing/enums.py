from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class FactState(TextChoices):
    """How sure a fact is; the words a reader sees stand in templates/components/provenance.html."""

    VERIFIED = "verified", _("Confirmed")
    INDICATIVE = "indicative", _("Not yet confirmed by the hospital")
    UNVERIFIED = "unverified", _("Not published: waiting for an editor")


class SourceKind(TextChoices):
    """What kind of page a fact was read on; only the first five are shown as links."""

    FACILITY = "facility", _("the hospital's own page")
    AUTHORITY = "authority", _("an authority's page")
    REGISTER = "register", _("a public register")
    NEWSPAPER = "newspaper", _("a newspaper")
    RESEARCH = "research", _("a scientific publication")
    SECONDARY = "secondary", _("a secondary source")
    PUBLIC_KNOWLEDGE = "public_knowledge", _("general knowledge, no page was read")
    EDITOR = "editor", _("entered by an editor")


LINKED_SOURCES = {
    SourceKind.FACILITY,
    SourceKind.AUTHORITY,
    SourceKind.REGISTER,
    SourceKind.NEWSPAPER,
    SourceKind.RESEARCH,
}


class TextStatus(TextChoices):
    """Who stands behind a text in one language."""

    ORIGINAL = "original", _("Original")
    MACHINE = "machine", _("Written by a machine, not yet read by a person")
    TRANSLATED = "translated", _("Translated by a person")
    REVIEWED = "reviewed", _("Reviewed")
    OUTDATED = "outdated", _("Out of date")
    MISSING = "missing", _("Missing")


class ChangeState(TextChoices):
    """The life of a proposed change."""

    DRAFT = "draft", _("Draft")
    SUBMITTED = "submitted", _("Waiting for an editor")
    RETURNED = "returned", _("Sent back")
    PUBLISHED = "published", _("Published")
    DISCARDED = "discarded", _("Discarded")


OPEN_STATES = [ChangeState.DRAFT, ChangeState.SUBMITTED, ChangeState.RETURNED]


class ChangeAction(TextChoices):
    """What a change does with a row."""

    EDIT = "edit", pgettext_lazy("kind of change", "Edit")
    ADD = "add", pgettext_lazy("kind of change", "Add")
    REMOVE = "remove", pgettext_lazy("kind of change", "Remove")


class ReportKind(TextChoices):
    """What a reader found wrong on a page."""

    WRONG = "wrong", _("Something is not true")
    OUTDATED = "outdated", _("Something has changed since")
    MISSING = "missing", _("Something is missing")
    WORDS = "words", _("A word or a translation is wrong")
    OTHER = "other", pgettext_lazy("kind of error", "Something else")


class ReportState(TextChoices):
    """What became of an error report."""

    OPEN = "open", pgettext_lazy("error report", "Waiting")
    CORRECTED = "corrected", pgettext_lazy("error report", "Corrected")
    UNFOUNDED = "unfounded", pgettext_lazy("error report", "Nothing to correct")
