"""Files that arrive in chunks: begun, received, kept once they are whole, and forgotten where nobody goes on."""

import datetime
import logging
import uuid
from functools import partial
from pathlib import PurePath

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from notifications.jobs import alone
from teleconsult import permissions, transitions
from teleconsult.enums import Action
from teleconsult.exceptions import FileTooLarge, IllegalStep, NotAllowed, RequestError
from teleconsult.models import Document, DocumentUpload, Request
from teleconsult.permissions import Actor
from teleconsult.workflow.documents import check_room, keep_file, said_about
from teleconsult.workflow.steps import begin
from treatments.enums import DocumentKind
from treatments.models import RequiredDocument
from vault.doorbell import tasks_of
from vault.files import NAME_LENGTH, StoredFile
from vault.incoming import Body, IncomingFile, NotAScan, receive
from vault.keys import KeyErased, SealBroken

log = logging.getLogger(__name__)

# Names of which the end promises a scan, or promises nothing: files on a CD are called IM0001.
SCAN_ENDINGS = frozenset({".zip", ".dcm", ".dicom", ".ima"})
# Longer ends of names are no ends, as in "Thorax 12.03.2024".
LONGEST_ENDING = 5


@transaction.atomic
def begin_upload(
    *,
    request: Request,
    by: Actor,
    name: str,
    size: int,
    kind: DocumentKind,
    idempotency_key: uuid.UUID,
    issued_on: datetime.date | None = None,
    language: str = "",
    requirement: RequiredDocument | None = None,
    fingerprint: str = "",
    metadata: str = "",
) -> DocumentUpload:
    """Make room for a file of `size` bytes; begun twice with one key, one upload.

    Raises FileTooLarge and TooManyFiles.
    """
    step = begin(request, Action.ADD_DOCUMENT, by)
    begun = step.request.uploads.filter(idempotency_key=idempotency_key).select_related("incoming").first()
    if begun is not None:
        return begun
    if size > limit_of(name):
        raise FileTooLarge(limit_of(name))
    check_room(step.request, size)
    data_key = step.request.data_key
    incoming = IncomingFile(data_key=data_key, name=name[:NAME_LENGTH], size=size)
    incoming.save(force_insert=True)
    said = said_about(kind, issued_on, language)
    asked = {"requirement": requirement.pk if requirement else None, "fingerprint": fingerprint}
    step.request.saved_at = step.now
    step.request.save(update_fields=["saved_at"])
    return DocumentUpload.objects.create(
        request=step.request,
        incoming=incoming,
        said=said | asked,
        metadata=metadata,
        idempotency_key=idempotency_key,
    )


def receive_upload(*, upload: DocumentUpload, by: Actor, offset: int, body: Body) -> IncomingFile:
    """Seal and keep what a body brings; when the file is whole a worker makes a document of it.

    Raises WrongOffset, FileTooLarge (large, and no scan: the upload is gone then) and IncomingFile.DoesNotExist.
    """
    _check_may_add(upload.request, by)
    try:
        file = receive(upload.incoming, body, offset=offset, plain_limit=settings.MAXIMUM_FILE_BYTES)
    except NotAScan:
        remove_upload(upload=upload, by=by)
        raise FileTooLarge(settings.MAXIMUM_FILE_BYTES) from None
    if file.is_whole:
        transaction.on_commit(partial(_ring, upload.pk), robust=True)
    return file


@transaction.atomic
def remove_upload(*, upload: DocumentUpload, by: Actor) -> None:
    """Forget a file that is not kept yet; one that is being put together at this moment waits for that."""
    _check_may_add(upload.request, by)
    row = _lock(upload.pk)
    if row is not None:
        row.delete()
        row.incoming.discard()


def keep_upload(*, upload_id: uuid.UUID) -> Document | None:
    """Make a document of a file that has arrived whole; None when there is nothing to do, or no longer.

    Safe to call any number of times and from any number of workers. A chunk that cannot be read is forgotten, and
    its sender asked for it again.
    """
    incoming_id = DocumentUpload.objects.filter(pk=upload_id).values_list("incoming", flat=True).first()
    incoming = IncomingFile.objects.claim(incoming_id) if incoming_id else None
    if incoming is None:
        return None
    try:
        return _keep(upload_id, incoming)
    except KeyErased:
        return None
    except RequestError:
        # The request has ended, or the patient took it back meanwhile.
        _drop(upload_id)
        return None
    except (SealBroken, FileNotFoundError):
        log.error("A chunk of upload %s cannot be read; it is asked for again.", upload_id)
        with transaction.atomic():
            incoming.go_back()
        return None


def old_uploads(now: datetime.datetime) -> QuerySet[DocumentUpload]:
    """Return the uploads nobody went on with for `UPLOAD_DAYS`."""
    before = now - datetime.timedelta(days=settings.UPLOAD_DAYS)
    return DocumentUpload.objects.filter(incoming__in=IncomingFile.objects.unfinished().filter(touched_at__lt=before))


def remove_old_uploads(*, now: datetime.datetime) -> int:
    """Forget the uploads nobody went on with for `UPLOAD_DAYS`, and return how many there were."""
    keys = list(old_uploads(now).values_list("pk", flat=True))
    return sum(alone(partial(_drop, key)) for key in keys)


def limit_of(name: str) -> int:
    """Return how many bytes a file of this name may have; what it really is comes out when it is judged."""
    ending = PurePath(name).suffix.casefold()
    is_plain = 1 < len(ending) <= LONGEST_ENDING and not ending[1:].isdecimal() and ending not in SCAN_ENDINGS
    return settings.MAXIMUM_FILE_BYTES if is_plain else settings.MAXIMUM_SCAN_BYTES


def expires_at(file: IncomingFile) -> datetime.datetime:
    """Return until when an upload can be gone on with if nothing more of it arrives."""
    return file.touched_at + datetime.timedelta(days=settings.UPLOAD_DAYS)


def _check_may_add(request: Request, by: Actor) -> None:
    """Raise what `begin` would, without a lock: bytes may take minutes to arrive."""
    role = permissions.role_for(Action.ADD_DOCUMENT, by, request)
    if role is None:
        raise NotAllowed
    if transitions.find(Action.ADD_DOCUMENT, request.status, role) is None:
        raise IllegalStep


@transaction.atomic
def _keep(upload_id: uuid.UUID, incoming: IncomingFile) -> Document | None:
    request = Request.objects.get(uploads=upload_id)
    by = Actor.author(request)
    _check_may_add(request, by)
    # Sealing comes first: the request is locked for the last moment only.
    file = StoredFile.objects.store(incoming, data_key=incoming.data_key)
    step = begin(request, Action.ADD_DOCUMENT, by)
    upload = _lock(upload_id)
    if upload is None:
        file.delete()
        return None
    details, requirement = upload.details(), upload.said["requirement"]
    upload.delete()
    upload.incoming.discard()
    return keep_file(step, file, details, requirement)


@transaction.atomic
def _drop(upload_id: uuid.UUID) -> None:
    upload = _lock(upload_id)
    if upload is not None:
        upload.delete()
        upload.incoming.discard()


def _lock(upload_id: uuid.UUID) -> DocumentUpload | None:
    rows = DocumentUpload.objects.select_for_update(of=("self", "incoming")).select_related("incoming", "request")
    return rows.filter(pk=upload_id).first()


def _ring(upload_id: uuid.UUID) -> None:
    tasks_of("teleconsult").keep_upload.delay(str(upload_id))
