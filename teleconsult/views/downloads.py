"""Sending a patient's file: the trail is written before the first byte, and no browser runs what it holds."""

from typing import TypeVar

from csp.constants import HEADER as POLICY
from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase

from teleconsult import opinion_paper, reading
from teleconsult.models import Document, Opinion, Request
from teleconsult.permissions import Actor
from vault.previews import Preview

Answer = TypeVar("Answer", bound=HttpResponseBase)
# Even a browser that opened the answer as a page could do nothing with it.
SANDBOX = "default-src 'none'; sandbox"


def document_response(document: Document, by: Actor, request: Request | None = None) -> FileResponse:
    """Return the original as an attachment of fixed type. Raises NotAllowed and FileNotReady."""
    file = reading.open_document(document=document, by=by, request=request)
    response = FileResponse(
        file.open_stream(), as_attachment=True, filename=file.name, content_type="application/octet-stream"
    )
    response["Content-Length"] = file.size
    return guarded(response)


def preview_response(preview: Preview, document: Document, by: Actor, request: Request | None = None) -> HttpResponse:
    """Return a small picture of our own making, to be shown in a page. Raises NotAllowed and FileNotReady."""
    shown = reading.view_preview(preview=preview, document=document, by=by, request=request)
    return guarded(HttpResponse(shown.content, content_type="image/jpeg"))


def guarded(response: Answer) -> Answer:
    """Let no cache keep what a patient's file holds, and no browser guess its type or run it."""
    response["Cache-Control"] = "no-store"
    response["X-Content-Type-Options"] = "nosniff"
    response[POLICY] = SANDBOX
    return response


def opinion_response(opinion: Opinion, by: Actor) -> HttpResponse:
    """Return the opinion as a PDF, set for this answer and kept nowhere; its name says the reference and no more."""
    reading.view_opinion(opinion=opinion, by=by, as_file=True)
    response = HttpResponse(opinion_paper.pdf(opinion), content_type="application/pdf")
    response["Content-Disposition"] = f'attachment; filename="{opinion.request.reference}.pdf"'
    return guarded(response)
