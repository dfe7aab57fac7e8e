"""Resumable uploads: the protocol tus 1.0, core with creation, expiration and termination (https://tus.io/protocols).

A file arrives in pieces over any number of connections. HEAD says how much has come, PATCH goes on from there, and a
piece that was sent twice is answered by 409. Each address belongs to the request of the patient's session.
"""

import base64
import binascii
import re
import uuid
from functools import cached_property
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.http import http_date
from django.utils.translation import gettext
from django.views.generic import View

from teleconsult import workflow
from teleconsult.enums import AccessLevel
from teleconsult.exceptions import FileTooLarge, NotAllowed, RequestError, TooManyFiles
from teleconsult.forms.uploads import UploadForm
from teleconsult.models import DocumentUpload, Request
from teleconsult.views.patients import SignedInPatientPage, session_of
from teleconsult.workflow.promises import protocol_for
from teleconsult.workflow.uploads import expires_at
from treatments.models import Protocol
from vault.incoming import IncomingFile, WrongOffset

VERSION = "1.0.0"
EXTENSIONS = "creation,expiration,termination"
PIECE_TYPE = "application/offset+octet-stream"
NUMBER = re.compile(r"[0-9]{1,15}")
LONGEST_METADATA = 4096
# Names a sender may give in Upload-Metadata; others are left alone.
KNOWN_METADATA = frozenset({"filename", "fingerprint", "key", "kind", "issued_on", "language", "requirement"})


class BadHeader(Exception):
    """A header that the protocol asks for is missing or odd; the first argument is the status of the answer."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(status, sentence)
        self.status, self.sentence = status, sentence


class UploadPage(SignedInPatientPage, View):
    """What both addresses share: the version of the protocol, who may, and answers in words."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Refuse strangers and other versions; nobody is led to another page, for a script reads the answer."""
        # Only of POST, which has shown its token: a GET never becomes something else.
        override = request.headers.get("X-HTTP-Method-Override", "").upper()
        if request.method == "POST" and override in {"PATCH", "DELETE", "HEAD"}:
            request.method = override
        response = self._answer(request, *args, **kwargs)
        response["Tus-Resumable"] = VERSION
        response["Cache-Control"] = "no-store"
        return response

    def _answer(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        session = session_of(request)
        if session is None:
            sentence = gettext("You are signed out. Sign in and choose the file again: what has arrived is kept.")
            return words(403, sentence)
        if session.level != AccessLevel.FULL:
            raise Http404
        self.session = session
        if request.method in {"POST", "PATCH", "HEAD", "DELETE"} and not self._speaks_our_version(request):
            response = words(412, gettext("Your program speaks another version of the upload protocol."))
            response["Tus-Version"] = VERSION
            return response
        try:
            return View.dispatch(self, request, *args, **kwargs)
        except BadHeader as error:
            return words(error.status, error.sentence)
        except NotAllowed:
            raise Http404 from None
        except (FileTooLarge, TooManyFiles) as error:
            return words(413, str(error.sentence))
        except RequestError as error:
            return words(403, str(error.sentence))

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Say what is spoken here."""
        response = HttpResponse(status=204)
        response["Tus-Version"], response["Tus-Extension"] = VERSION, EXTENSIONS
        response["Tus-Max-Size"] = settings.MAXIMUM_SCAN_BYTES
        return response

    @staticmethod
    def _speaks_our_version(request: HttpRequest) -> bool:
        return request.headers.get("Tus-Resumable") == VERSION


class UploadsView(UploadPage):
    """Begin an upload."""

    http_method_names = ["post", "options"]

    @cached_property
    def protocol(self) -> Protocol | None:
        """Return the rules whose papers can be named."""
        asked: Request = self.patient_request
        return protocol_for(asked, asked.facility) if asked.is_draft else asked.protocol

    def post(self, request: HttpRequest) -> HttpResponse:
        """Make room for a file and say where its bytes go."""
        size = self._size()
        metadata = request.headers.get("Upload-Metadata", "")
        form = UploadForm(parse_metadata(metadata), protocol=self.protocol)
        if not form.is_valid():
            raise BadHeader(400, " ".join(dict.fromkeys(word for errors in form.errors.values() for word in errors)))
        upload = workflow.begin_upload(
            request=self.patient_request, by=self.actor, size=size, metadata=metadata, **form.details()
        )
        response = HttpResponse(status=201)
        response["Location"] = reverse("teleconsult:upload", args=[upload.pk])
        response["Upload-Offset"] = upload.incoming.received
        response["Upload-Expires"] = http_date(expires_at(upload.incoming).timestamp())
        return response

    def _size(self) -> int:
        given = self.request.headers.get("Upload-Length", "")
        if not NUMBER.fullmatch(given):
            raise BadHeader(400, gettext("The size of the file is missing or is not a number."))
        if int(given) == 0:
            raise BadHeader(400, gettext("This file is empty. Choose another one."))
        return int(given)


class UploadView(UploadPage):
    """One upload: how far it is, its next bytes, its end."""

    http_method_names = ["head", "patch", "delete", "options"]

    @cached_property
    def upload(self) -> DocumentUpload:
        """Return the upload of this request's patient; a stranger's is not there."""
        rows = self.patient_request.uploads.select_related("incoming__data_key", "request")
        upload = rows.filter(pk=self.kwargs["upload"]).first()
        if upload is None:
            raise Http404
        return upload

    def head(self, request: HttpRequest, upload: uuid.UUID) -> HttpResponse:
        """Say how much has arrived."""
        response = HttpResponse(status=200)
        response["Upload-Length"] = self.upload.incoming.size
        if self.upload.metadata:
            response["Upload-Metadata"] = self.upload.metadata
        return self._with_offset(response, self.upload.incoming)

    def patch(self, request: HttpRequest, upload: uuid.UUID) -> HttpResponse:
        """Take the bytes that come next."""
        if request.content_type != PIECE_TYPE:
            raise BadHeader(415, gettext("The type of what was sent must be %(type)s.") % {"type": PIECE_TYPE})
        offset, length = self._number("Upload-Offset"), self._number("Content-Length", 411)
        incoming = self.upload.incoming
        if offset == incoming.received and length > incoming.size - offset:
            raise BadHeader(413, gettext("More was sent than the file was said to have."))
        try:
            incoming = workflow.receive_upload(upload=self.upload, by=self.actor, offset=offset, body=request)
        except WrongOffset:
            return self._with_offset(words(409, gettext("The upload stands at another place.")), self._fresh())
        except IncomingFile.DoesNotExist:
            raise Http404 from None
        return self._with_offset(HttpResponse(status=204), incoming)

    def delete(self, request: HttpRequest, upload: uuid.UUID) -> HttpResponse:
        """Forget what has arrived."""
        workflow.remove_upload(upload=self.upload, by=self.actor)
        return HttpResponse(status=204)

    def _fresh(self) -> IncomingFile:
        self.upload.incoming.refresh_from_db()
        return self.upload.incoming

    def _number(self, header: str, missing: int = 400) -> int:
        given = self.request.headers.get(header, "")
        if not NUMBER.fullmatch(given):
            raise BadHeader(
                missing, gettext("The header %(header)s is missing or is not a number.") % {"header": header}
            )
        return int(given)

    @staticmethod
    def _with_offset(response: HttpResponse, incoming: IncomingFile) -> HttpResponse:
        response["Upload-Offset"] = incoming.received
        if not incoming.is_whole:
            response["Upload-Expires"] = http_date(expires_at(incoming).timestamp())
        return response


class RemoveUploadView(SignedInPatientPage, View):
    """Forget an upload from the page, without script."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, upload: uuid.UUID) -> HttpResponse:
        """Forget it; pressed twice, kept meanwhile, or another patient's, nothing happens and nothing is said."""
        row = self.patient_request.uploads.select_related("incoming", "request").filter(pk=upload).first()
        if row is not None:
            self._remove(row)
        # The screen of a draft, too, is reached by this page.
        page = "answer" if self.patient_request.waiting_for else "paper"
        return HttpResponseRedirect(reverse(f"teleconsult:{page}"))

    def _remove(self, row: DocumentUpload) -> None:
        try:
            workflow.remove_upload(upload=row, by=self.actor)
        except RequestError as error:
            self.say(error)


def words(status: int, sentence: str) -> HttpResponse:
    """Return an answer that a script shows as it is."""
    return HttpResponse(sentence, status=status, content_type="text/plain; charset=utf-8")


def parse_metadata(header: str) -> dict[str, str]:
    """Return names and values of Upload-Metadata (`name base64, name base64`); raises BadHeader."""
    odd = BadHeader(400, gettext("What was said about the file cannot be read."))
    if len(header) > LONGEST_METADATA:
        raise odd
    found: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in header.split(","))):
        name, _blank, encoded = pair.partition(" ")
        if name in found:
            raise odd
        try:
            found[name] = base64.b64decode(encoded.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise odd from None
    return {name: value for name, value in found.items() if name in KNOWN_METADATA}
