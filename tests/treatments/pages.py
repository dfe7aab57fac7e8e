"""What a test may ask of a page."""

import json
import re
from dataclasses import dataclass
from html import unescape
from typing import Any

from django.http import HttpResponse

SCRIPT = re.compile(r'<script type="application/ld\+json">(.*?)</script>', re.DOTALL)


@dataclass(frozen=True)
class Page:
    """An answer, read as text."""

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
    def hits(self) -> list[tuple[str, str]]:
        """Return kind and slug of each hit in order."""
        return re.findall(r'data-kind="([^"]+)" data-slug="([^"]+)"', self.main)

    @property
    def links(self) -> list[str]:
        return [unescape(link) for link in re.findall(r'href="([^"]+)"', self.main)]

    @property
    def structured_data(self) -> list[dict[str, Any]]:
        """Return the things of the JSON-LD graph."""
        found = SCRIPT.search(self.html)
        assert found, "the page has no structured data"
        return json.loads(found[1])["@graph"]
