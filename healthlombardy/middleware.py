"""What surrounds every request: its id, its language, the headers of its answer."""

import contextvars
import logging
import time
import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from django.middleware.locale import LocaleMiddleware
from django.template.loader import render_to_string
from django.utils import translation
from pythonjsonlogger.json import JsonFormatter

logger = logging.getLogger("healthlombardy.request")
request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="-")
GetResponse = Callable[[HttpRequest], HttpResponse]

# What Django answers by itself: whoever invents addresses writes no failures into the log.
EXPECTED = (Http404, PermissionDenied, SuspiciousOperation, BadRequest)
# Pages of these first parts know a person, or are made for one.
STAFF_AREAS = ("/admin/", "/desk/", "/accounts/", "/demo/")

# Part of a path → how many parts from it on may stand in a log: what follows is a secret.
SECRET_AFTER = {"my-request": 2, "enrol": 1, "sign-in": 1}


def public_path(path: str) -> str:
    """Return a path that may stand in a log: a secret after a reference is cut off."""
    parts = path.split("/")
    for name, kept in SECRET_AFTER.items():
        if name in parts:
            return "/".join(parts[: parts.index(name) + kept])
    return path


class RequestIdFilter(logging.Filter):
    """Give each log record the id of the request it belongs to."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        return True


class TerseJsonFormatter(JsonFormatter):
    """One line of JSON; of an error the kind and the places in our code, never the values."""

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """Leave out the request that Django adds where it refuses one: it prints as its whole address.

        And the words of the error that Celery adds to a task that failed, in its sentence and beside it.
        """
        super().add_fields(log_data, record, message_dict)
        log_data.pop("request", None)
        task = log_data.pop("data", None)
        if record.name.startswith("celery.") and record.levelno >= logging.WARNING:
            log_data["message"] = str(record.msg).partition("%")[0].strip() or "failed"
            if isinstance(task, dict):
                log_data["message"] = f"task {task.get('description', 'failed')}"
                log_data |= {"task": task.get("name"), "task_id": task.get("id")}

    def formatException(self, ei: Any) -> str:
        kind, _error, trace = ei
        places = []
        while trace:
            code = trace.tb_frame.f_code
            places.append(f"{code.co_filename.rsplit('/', 2)[-1]}:{trace.tb_lineno}:{code.co_name}")
            trace = trace.tb_next
        return f"{kind.__name__} at {' < '.join(reversed(places[-8:]))}"


class RequestContextMiddleware:
    """Give the request an id, and write one line about it without query, body or person."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = request_id.set(uuid.uuid4().hex)
        started = time.monotonic()
        try:
            response = self.get_response(request)
            response["X-Request-ID"] = request_id.get()
            logger.info(
                "answered",
                extra={
                    "method": request.method,
                    "path": public_path(request.path),
                    "status": response.status_code,
                    "milliseconds": round((time.monotonic() - started) * 1000),
                },
            )
            return response
        finally:
            request_id.reset(token)

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Record an error that no view expected."""
        if isinstance(exception, EXPECTED):
            return
        logger.error("failed", exc_info=exception, extra={"path": public_path(request.path)})


class HeadersMiddleware:
    """Set the headers that every answer carries; nothing but a public page may be stored."""

    permissions = ", ".join(
        f"{name}=()"
        for name in ("camera", "geolocation", "microphone", "payment", "usb", "interest-cohort", "browsing-topics")
    )

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.setdefault("Permissions-Policy", self.permissions)
        if not response.has_header("Cache-Control"):
            response["Cache-Control"] = "no-store"
        return response


class CompressPublicMiddleware(GZipMiddleware):
    """Compress public pages only: compressing what holds a secret beside what a stranger chose leaks it (BREACH)."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        is_compressed = response.get("Content-Type", "").startswith("image/")
        if is_compressed or "public" not in response.get("Cache-Control", ""):
            return response
        return super().process_response(request, response)


class DatabaseGoneMiddleware:
    """Answer 503 in the reader's language when the database is gone, without a trace."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Turn a lost connection into "come back later"; every other error goes its way."""
        if not isinstance(exception, OperationalError):
            return None
        return database_gone()


def database_gone() -> HttpResponse:
    """Return "come back later" in the active language; asks the database for nothing."""
    response = HttpResponse(render_to_string("503.html"), status=503)
    response["Retry-After"] = "30"
    return response


class LanguageMiddleware(LocaleMiddleware):
    """Take the language from the address; in staff areas from the person who signed in.

    Cookies never choose a language: a public page varies by its address only.
    """

    def process_request(self, request: HttpRequest) -> None:
        language = translation.get_language_from_path(request.path_info)
        if language is None and request.path_info.startswith(STAFF_AREAS):
            language = staff_language(request)
        if language is None:
            language = translation.get_language_from_request(request)
        translation.activate(language)
        request.LANGUAGE_CODE = language


def staff_language(request: HttpRequest) -> str:
    """Return the first language of the desk that the browser accepts; a signed-in person's choice follows later."""
    wanted = request.GET.get("lang", "") or translation.get_language_from_request(request)
    return wanted if wanted in settings.STAFF_LANGUAGES else settings.LANGUAGE_CODE
