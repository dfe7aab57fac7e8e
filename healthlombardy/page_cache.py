"""Keeps public pages in the memory of each process until something public changes, and answers If-None-Match.

It stands before every other middleware but the one that writes the log: what it keeps carries their headers already.
What is kept, under which key, and why an edit is seen within a second: docs/adr/0009-page-cache.md.
"""

import gzip
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from http import HTTPStatus

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.http.request import split_domain_port
from django.http.response import HttpResponseBase
from django.middleware.http import ConditionalGetMiddleware
from django.utils.http import parse_etags

from publishing.freshness import PublicVersion

GetResponse = Callable[[HttpRequest], HttpResponse]
# Scheme, host, path, query.
Key = tuple[str, str, str, str]

LONGEST_QUERY = 500
# Addresses with a query can be made up without end: they never push out those without.
QUERY_SHARE = 0.25
# One page may fill this part of its shelf at most.
LARGEST_SHARE = 1 / 8
# What a page costs beside its body and its headers: objects of Python, measured.
OVERHEAD = 1000
CONDITIONS = ("HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE")
# What belongs to one body, or to one answer, and not to the page.
NOT_KEPT = {"content-length", "content-encoding", "etag", "vary", "date", "x-request-id"}
ACCEPTS_GZIP = re.compile(r"(?<![\w-])gzip(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))(?![\w-])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Page:
    """A public page as it is sent."""

    version: str
    headers: tuple[tuple[str, str], ...]
    # One for both forms of the body, therefore weak.
    etag: str
    body: bytes
    is_compressed: bool
    size: int

    @classmethod
    def of(cls, response: HttpResponse, version: str) -> "Page":
        """Return the page of an answer."""
        body, is_compressed = response.content, response.get("Content-Encoding") == "gzip"
        etag = response.get("ETag", "").removeprefix("W/")
        if not etag:
            etag = f'"{blake2b(gzip.decompress(body) if is_compressed else body, digest_size=16).hexdigest()}"'
        if not is_compressed and len(smaller := gzip.compress(body, 6, mtime=0)) < len(body) * 0.9:
            body, is_compressed = smaller, True
        kept = [(name, value) for name, value in response.items() if name.lower() not in NOT_KEPT]
        headers = (*kept, ("ETag", f"W/{etag}"), ("Vary", "Accept-Encoding"))
        size = len(body) + sum(len(name) + len(value) for name, value in headers) + OVERHEAD
        return cls(version, headers, f"W/{etag}", body, is_compressed, size)

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Return the answer to one request: 304 to whoever has this page already."""
        wanted = request.META.get("HTTP_IF_NONE_MATCH", "")
        if wanted and self._is_among(wanted):
            response: HttpResponse = HttpResponseNotModified()
        elif self.is_compressed and ACCEPTS_GZIP.search(request.META.get("HTTP_ACCEPT_ENCODING", "")):
            response = HttpResponse(self.body)
            response.headers["Content-Encoding"] = "gzip"
        else:
            response = HttpResponse(gzip.decompress(self.body) if self.is_compressed else self.body)
        for name, value in self.headers:
            response.headers[name] = value
        if response.status_code == HTTPStatus.NOT_MODIFIED:
            del response.headers["Content-Type"]
        else:
            response.headers["Content-Length"] = str(len(response.content))
        return response

    def _is_among(self, wanted: str) -> bool:
        tags = parse_etags(wanted)
        return tags == ["*"] or self.etag in {tag if tag.startswith("W/") else f"W/{tag}" for tag in tags}


class Shelf:
    """Pages up to so many bytes; the one not asked for longest goes first."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.bytes = 0
        self._pages: OrderedDict[Key, Page] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._pages)

    def get(self, key: Key, version: str) -> Page | None:
        """Return the page if it is of this version; an older one is dropped."""
        with self._lock:
            page = self._pages.get(key)
            if page is None:
                return None
            if page.version == version:
                self._pages.move_to_end(key)
                return page
            self._drop(key)
            return None

    def put(self, key: Key, page: Page) -> None:
        """Keep a page, unless it is very large."""
        size = page.size + sum(map(len, key))
        if size > self.most_bytes * LARGEST_SHARE:
            return
        with self._lock:
            if key in self._pages:
                self._drop(key)
            self._pages[key] = page
            self.bytes += size
            while self.bytes > self.most_bytes:
                self._drop(next(iter(self._pages)))

    def _drop(self, key: Key) -> None:
        self.bytes -= self._pages.pop(key).size + sum(map(len, key))


class PageCacheMiddleware:
    """Answer public pages from memory."""

    def __init__(self, get_response: GetResponse) -> None:
        most_bytes = settings.PAGE_CACHE_BYTES
        if not most_bytes:
            raise MiddlewareNotUsed
        self.get_response = get_response
        self.conditional = ConditionalGetMiddleware(get_response)
        self.version = PublicVersion()
        self.plain = Shelf(round(most_bytes * (1 - QUERY_SHARE)))
        self.with_query = Shelf(round(most_bytes * QUERY_SHARE))
        self.prefixes = {code for code, _name in settings.LANGUAGES}

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        key = self.key_of(request)
        version = self.version.current() if key else None
        if key is None or version is None:
            return self.get_response(request)
        shelf = self.with_query if key[-1] else self.plain
        if page := shelf.get(key, version):
            return page.answer(request)
        response = self._made(request)
        if request.method == "GET" and may_be_kept(response):
            page = Page.of(response, version)
            shelf.put(key, page)
            return page.answer(request)
        return self.conditional.process_response(request, response)

    def key_of(self, request: HttpRequest) -> Key | None:
        """Return what tells one page from another; None for what is no public page for sure.

        Its language is in the path. The language of the thread is that of whoever asked before.
        """
        query = request.META.get("QUERY_STRING", "")
        # Pages name the portal's own address. Ports and capitals can be made up without end, like queries.
        host, _port = split_domain_port(request.META.get("HTTP_HOST", ""))
        if request.method not in {"GET", "HEAD"} or len(query) > LONGEST_QUERY or not host:
            return None
        if request.path_info[1:].partition("/")[0] not in self.prefixes:
            return None
        return request.scheme or "", host, request.path, query

    def _made(self, request: HttpRequest) -> HttpResponse:
        """Return the page whole, even to whoever may have it already: 304 could not be kept for the others."""
        conditions = {name: request.META.pop(name) for name in CONDITIONS if name in request.META}
        try:
            return self.get_response(request)
        finally:
            request.META.update(conditions)


def may_be_kept(response: HttpResponseBase) -> bool:
    """Return whether an answer is the same for everyone: it says so, sets no cookie, varies by nothing else."""
    directives = {part.strip().lower() for part in response.get("Cache-Control", "").split(",")}
    varies_by = {name.strip().lower() for name in response.get("Vary", "").split(",")} - {""}
    return (
        response.status_code == 200
        and not response.streaming
        and "public" in directives
        and directives.isdisjoint({"no-store", "private"})
        and not response.cookies
        and not response.has_header("Set-Cookie")
        and varies_by <= {"accept-encoding"}
        and response.get("Content-Encoding", "gzip") == "gzip"
    )
