"""A patient's browser in the tests of the pages."""

import re
from dataclasses import dataclass, field
from html import unescape
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client

from teleconsult import access
from teleconsult.enums import AccessLevel
from teleconsult.models import Request

START = "/{language}/second-opinion/start/"
WHO = {
    "for_whom": "self",
    "email": "patient@example.org",
    "country": "AE",
    "zone": "Asia/Dubai",
    "language": "en",
}


@dataclass
class Browser:
    """A browser that reads pages as text and sends forms as a person does: hidden fields go along."""

    language: str = "en"
    client: Client = field(default_factory=Client)

    def sign_in(self, request: Request, *, level: AccessLevel = AccessLevel.FULL, secret: str = "") -> "Browser":
        """Come in as the patient of a request."""
        token = access.start_session(request, level=level, secret=secret)
        self.client.cookies[settings.PATIENT_COOKIE_NAME] = token
        return self

    def address(self, page: str) -> str:
        """Return the address of a page in this browser's language."""
        return page if page.startswith(f"/{self.language}/") else f"/{self.language}/{page}"

    def open(self, page: str) -> "Page":
        """Read a page, following redirects."""
        return Page(self, self.client.get(self.address(page), follow=True))

    def post(self, page: str, **values: Any) -> "Page":
        """Send a form as it stands here, without having opened its page."""
        return Page(self, self.client.post(self.address(page), values, follow=True))


@dataclass(frozen=True)
class Page:
    """An answer, read as text."""

    browser: Browser
    response: HttpResponse

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def html(self) -> str:
        return self.response.content.decode()

    @property
    def main(self) -> str:
        return self.html.partition("<main")[2].partition("</main>")[0]

    @property
    def words(self) -> str:
        """Return what is read in <main>, with single blanks."""
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", self.main)).split())

    @property
    def path(self) -> str:
        """Return the path of the page at the end of all redirects."""
        return self.response.request["PATH_INFO"]

    @property
    def hidden(self) -> dict[str, str]:
        """Return the hidden fields of the page."""
        fields = re.findall(r'<input type="hidden" name="([^"]+)"(?: value="([^"]*)")?', self.main)
        return {name: unescape(value) for name, value in fields if name != "csrfmiddlewaretoken"}

    def send(self, **values: Any) -> "Page":
        """Fill in the form of this page and press its button."""
        address = self.path
        query = self.response.request.get("QUERY_STRING", "")
        target = f"{address}?{query}" if query else address
        return Page(self.browser, self.browser.client.post(target, self.hidden | values, follow=True))


def paper(name: str = "report.pdf", content: bytes = b"%PDF-1.4 example") -> SimpleUploadedFile:
    """Return a file to choose."""
    return SimpleUploadedFile(name, content)


def paper_answers(**values: Any) -> dict[str, Any]:
    """Return what is said beside a file."""
    return {"kind": "report", "issued_on": "", "language": "en", "requirement": ""} | values
