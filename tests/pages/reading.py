"""What a test sees of a page: its elements, its links, its headers."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from django.conf import settings
from django.http import HttpResponse

from taxonomy.languages import BCP47, direction

CODES = [code for code, _name in settings.LANGUAGES]
CSP = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}
# What every answer carries, whoever asks and whatever is answered.
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), interest-cohort=(), "
    "browsing-topics=()",
}
# Signs of a value that was never meant to be read.
RAW = re.compile(r"\{\{|\{%|\[object|<[A-Za-z]+ object|\bundefined\b|\bNaN\b|%\(\w+\)[sd]|\bNone(?!:)\b")
SCHEMES = ("mailto:", "tel:")


@dataclass
class Elements(HTMLParser):
    """The elements of a page that have a rule, in order."""

    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    inline_code: list[str] = field(default_factory=list)
    _within: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element."""
        values = {name: value or "" for name, value in attrs}
        self.tags.append((tag, values))
        is_data = values.get("type") == "application/ld+json"
        self._within = tag if tag in {"script", "style"} and not is_data else ""

    def handle_endtag(self, tag: str) -> None:
        """Leave a script or a style."""
        self._within = ""

    def handle_data(self, data: str) -> None:
        """Keep what is read, and what is run."""
        if not data.strip():
            return
        (self.inline_code if self._within else self.words).append(data.strip())


@dataclass(frozen=True)
class Walked:
    """One page that was opened, with all that can be wrong with it."""

    path: str
    language: str
    response: HttpResponse

    @property
    def elements(self) -> Elements:
        found = Elements()
        found.feed(self.response.content.decode())
        return found

    def links(self, elements: Elements) -> set[str]:
        """Return the addresses on this host that the page leads to, without what stands behind `#`."""
        found = set()
        for tag, values in elements.tags:
            href = values.get("href", "") if tag == "a" else values.get("action", "") if tag == "form" else ""
            address = urlsplit(urljoin(self.path, href))
            if href and not address.netloc and not href.startswith((*SCHEMES, "#")):
                found.add(address.path + (f"?{address.query}" if address.query else ""))
        return found

    def files(self, elements: Elements) -> set[str]:
        """Return the addresses of style sheets, scripts, pictures and fonts."""
        return {
            values.get("src") or values.get("href", "")
            for tag, values in elements.tags
            if tag in {"script", "img"} or (tag == "link" and values.get("rel") in {"stylesheet", "icon", "preload"})
        } - {""}

    def faults(self, elements: Elements) -> list[str]:
        """Return everything that no page may have, in words."""
        if self.response.status_code != 200:
            return [f"answers {self.response.status_code}"]
        return [
            *header_faults(self.response),
            *self._language_faults(elements),
            *code_faults(elements),
            *(f"prints {text[:60]!r}" for text in readable(elements) if RAW.search(text)),
            *(f"misses the element {tag}" for tag in ("main", "h1", "title") if tag not in dict(elements.tags)),
        ]

    def public_faults(self, elements: Elements) -> list[str]:
        """Return what a page that anyone may keep must not have, or lacks."""
        answer = self.response
        vary = {name.strip().lower() for name in answer.get("Vary", "").split(",")}
        rules = {
            "sets a cookie": not answer.cookies,
            "varies by cookie or language": vary.isdisjoint({"cookie", "accept-language", "*"}),
            "may not be kept": answer.get("Cache-Control", "").startswith("public, max-age="),
            "holds a token": "csrfmiddlewaretoken" not in answer.content.decode(),
            "asks not to be found": ("meta", {"name": "robots", "content": "noindex"}) not in elements.tags,
        }
        return [*(words for words, holds in rules.items() if not holds), *self._address_faults(elements)]

    def private_faults(self, elements: Elements) -> list[str]:
        """Return what a page made for a person must not have, or lacks."""
        rules = {
            "may be kept": self.response.get("Cache-Control") == "no-store",
            "may be found": ("meta", {"name": "robots", "content": "noindex"}) in elements.tags,
            "has a canonical address": not [1 for _tag, values in elements.tags if values.get("rel") == "canonical"],
        }
        return [words for words, holds in rules.items() if not holds]

    def _language_faults(self, elements: Elements) -> list[str]:
        html = next(values for tag, values in elements.tags if tag == "html")
        wanted = {"lang": BCP47[self.language], "dir": direction(self.language)}
        return [] if html == wanted else [f"is declared as {html}"]

    def _address_faults(self, elements: Elements) -> list[str]:
        links = [values for tag, values in elements.tags if tag == "link"]
        canonical = [values["href"] for values in links if values.get("rel") == "canonical"]
        others = {values["hreflang"]: values["href"] for values in links if values.get("rel") == "alternate"}
        wanted = {BCP47[code]: settings.PUBLIC_URL + self.in_language(code) for code in CODES}
        wanted["x-default"] = wanted["en"]
        switch = {
            values["hreflang"]: values["href"] for tag, values in elements.tags if tag == "a" and "hreflang" in values
        }
        faults = [] if canonical == [settings.PUBLIC_URL + self.path] else [f"has the canonical address {canonical}"]
        if others != wanted:
            faults.append(f"names as its other languages {others}")
        if switch != {BCP47[code]: self.in_language(code) for code in CODES}:
            faults.append(f"switches language to {switch}")
        return faults

    def in_language(self, code: str) -> str:
        """Return the address of this page in another language."""
        return self.path.replace(f"/{self.language}/", f"/{code}/", 1)


def header_faults(response: HttpResponse) -> list[str]:
    """Return the headers that are missing or odd, whatever the answer is."""
    faults = [f"sends {name}: {response.get(name)}" for name, value in ALWAYS.items() if response.get(name) != value]
    policy = response.get("Content-Security-Policy", "")
    # The directives have no order of their own.
    return faults if set(policy.split("; ")) == CSP else [*faults, f"sends the policy {policy}"]


def code_faults(elements: Elements) -> list[str]:
    """Return script and style that stand in the page, and what comes from another host."""
    faults = [f"holds inline code {code[:60]!r}" for code in elements.inline_code]
    for tag, values in elements.tags:
        faults += [f"has <{tag} {name}>" for name in values if name == "style" or name.startswith("on")]
        loaded = values.get("src", "") if tag != "a" else ""
        if loaded.startswith(("http:", "https:", "//")) or values.get("href", "").startswith("javascript:"):
            faults.append(f"loads {loaded or values['href']}")
    return faults


def readable(elements: Elements) -> list[str]:
    """Return what a reader sees or hears."""
    said = ("alt", "aria-label", "title", "placeholder", "content")
    return elements.words + [values[name] for _tag, values in elements.tags for name in said if name in values]


def in_words(faults: dict[str, list[str]]) -> str:
    """Return one line for each page that has faults; empty when none has."""
    return "\n".join(f"{path} {', '.join(found)}" for path, found in faults.items() if found)
