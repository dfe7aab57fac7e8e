"""Files of the patient: added, removed, and gone when their time is over."""

import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Sum
from django.db.models.functions import Coalesce

from teleconsult.enums import Action
from teleconsult.exceptions import TooManyFiles
from teleconsult.models import Document, Request
from teleconsult.permissions import Actor
from teleconsult.workflow.steps import Step, begin, finish
from treatments.enums import DocumentKind
from treatments.models import RequiredDocument
from vault.doorbell import judge_soon
from vault.files import StoredFile, Upload


@transaction.atomic
def add_document(
    *,
    request: Request,
    by: Actor,
    upload: Upload,
    kind: DocumentKind,
    issued_on: datetime.date | None = None,
    language: str = "",
    requirement: RequiredDocument | None = None,
) -> Document:
    """Seal and keep a file; a worker judges it. Sent twice, as a second press does, kept once. Raises TooManyFiles."""
    step = begin(request, Action.ADD_DOCUMENT, by)
    check_room(step.request, getattr(upload, "size", 0) or 0)
    file = StoredFile.objects.store(upload, data_key=step.request.data_key)
    return keep_file(step, file, said_about(kind, issued_on, language), requirement.pk if requirement else None)


def said_about(kind: DocumentKind, issued_on: datetime.date | None, language: str) -> dict[str, str]:
    """Return what a document keeps of what the patient says."""
    return {
        "kind": DocumentKind(kind).value,
        "issued_on": issued_on.isoformat() if issued_on else "",
        "language": language[:10],
    }


def keep_file(step: Step, file: StoredFile, said: dict[str, str], requirement: int | None) -> Document:
    """Make a document of a sealed file, or correct the one that holds the same file already."""
    if requirement is None and step.request.protocol_id:
        requirement = Document.NO_LINE
    twin = _twin(step.request, file, requirement)
    if twin is not None:
        file.delete()
        return _corrected(step, twin, said)
    document = Document.objects.create(
        request=step.request, file=file, requirement=requirement, role=step.role, added_at=step.now, **said
    )
    step.request.saved_at = step.now
    finish(step, about=document)
    judge_soon(file)
    return document


@transaction.atomic
def remove_document(*, document: Document, by: Actor) -> Request:
    """Remove a file from a draft, for good."""
    step = begin(document.request, Action.REMOVE_DOCUMENT, by)
    finish(step, about=document)
    document.delete()
    document.file.delete()
    return step.request


@transaction.atomic
def remove_old_documents(*, request: Request, by: Actor) -> Request:
    """Remove the files of a request that ended 12 months ago."""
    step = begin(request, Action.REMOVE_DOCUMENT, by)
    finish(step)
    delete_documents(step.request)
    return step.request


def delete_documents(request: Request) -> None:
    """Delete every file of a request, those that are still arriving as well."""
    for upload in request.uploads.on_the_way():
        upload.delete()
        upload.incoming.discard()
    for document in request.documents.select_related("file"):
        document.delete()
        document.file.delete()


def _twin(request: Request, file: StoredFile, answered: int | None) -> Document | None:
    """Return the same file, sent before for the same line of the checklist."""
    same_size = request.documents.filter(file__size=file.size).select_related("file")
    return next((row for row in same_size if row.file.sha256 == file.sha256 and row.requirement == answered), None)


def _corrected(step: Step, document: Document, said: dict[str, str]) -> Document:
    """Let what the patient now says about a file hold; the very same said again is no step."""
    if said == {name: getattr(document, name) for name in said}:
        return document
    for name, value in said.items():
        setattr(document, name, value)
    document.save()
    step.request.saved_at = step.now
    finish(step, about=document)
    return document


def check_room(request: Request, more_bytes: int) -> None:
    """Raise TooManyFiles where one more file of this size does not fit; what is still arriving counts as a whole."""
    held = request.documents.aggregate(files=Count("pk"), size=Coalesce(Sum("file__size"), 0))
    arriving = request.uploads.aggregate(files=Count("pk"), size=Coalesce(Sum("incoming__size"), 0))
    is_full = held["files"] + arriving["files"] >= settings.MAXIMUM_FILES_PER_REQUEST
    if is_full or held["size"] + arriving["size"] + more_bytes > settings.MAXIMUM_BYTES_PER_REQUEST:
        raise TooManyFiles
