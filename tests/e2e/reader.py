"""A reader with a browser, who finds things by their visible words in her own language."""

import io
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

import pikepdf
from axe_playwright_python.sync_playwright import Axe
from django.utils import translation
from django.utils.translation import gettext, pgettext
from playwright.sync_api import ConsoleMessage, Locator, Page, expect

from tests.e2e.portal import PATIENCE, Portal, wait_for

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 780}
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]},
    "resultTypes": ["violations"],
    # Axe would read the style sheets again by inline styles, which our policy rightly forbids.
    "preload": False,
}
CODE = re.compile(r"^([2-9A-Z]{8})\s*$", re.MULTILINE)


@dataclass
class Reader:
    """Someone in front of the portal."""

    portal: Portal
    page: Page
    language: str = "en"
    complaints: list[str] = field(default_factory=list)
    # Axe looks at a page once: the same page again has nothing new to say.
    looked_at: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{self.page.url}: {message.text}")

    def words(self, english: str, context: str = "", **values: Any) -> str:
        """Return a sentence of the portal in the reader's language."""
        with translation.override(self.language):
            text = pgettext(context, english) if context else gettext(english)
        return text % values if values else text

    def visit(self, path: str) -> None:
        """Open an address of the reader's language."""
        self.page.goto(f"{self.portal.address}/{self.language}/{path}")

    def follow(self, part: str) -> None:
        """Follow the first link whose address holds a part."""
        self.page.locator("main").locator(f'a[href*="{part}"]:visible').first.click()

    def press(self, english: str, context: str = "") -> None:
        """Press a button."""
        self.page.get_by_role("button", name=self.words(english, context), exact=True).first.click()

    def open_link(self, english: str, context: str = "") -> None:
        """Follow a link by its words."""
        self.page.get_by_role("link", name=self.words(english, context), exact=True).first.click()

    def field(self, english: str, context: str = "") -> Locator:
        """Return a field by its label."""
        return self.page.get_by_label(self.words(english, context)).first

    def choose(self, english: str) -> None:
        """Choose one of several by its words."""
        self.page.get_by_role("radio", name=self.words(english)).first.check()

    def tick(self, english: str) -> None:
        """Tick a box by its words."""
        self.page.get_by_role("checkbox", name=english).check()

    def sees(self, english: str, context: str = "", **values: Any) -> None:
        """Wait until something can be read in the page."""
        words = self.words(english, context, **values)
        expect(self.page.get_by_text(words).first).to_be_visible(timeout=PATIENCE * 1000)

    def look(self, name: str) -> None:
        """Look at the page as those do who hear it, or cannot see colours; a part of `name` has been seen before."""
        # A press comes back once the answer begins: the page is whole, with its styles and scripts, only later.
        self.page.wait_for_load_state()
        if name in self.looked_at:
            return
        self.looked_at.add(name)
        result = Axe().run(self.page, options=RULES)
        assert result.violations_count == 0, f"{name} ({self.language}): {result.generate_report()}"
        overflow = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, f"{name} ({self.language}): {overflow} px wider than the screen"

    def reload_until(self, english: str) -> None:
        """Read the page again until it says something; a worker has to do its part first."""
        end = time.monotonic() + PATIENCE
        while not self.page.get_by_text(self.words(english)).first.is_visible():
            assert time.monotonic() < end, f"the page never says {english!r}"
            time.sleep(0.3)
            self.page.reload()


def codes_of(mails: Iterable[EmailMessage]) -> list[str]:
    """Return the one-time codes of mails."""
    texts = [mail.get_body(("plain",)).get_content() for mail in mails]
    return [found[1] for text in texts if (found := CODE.search(text))]


def ask_for_code(reader: Reader, email: str) -> None:
    """Press the button that mails a code, and type the code; mails about something else may come meanwhile."""
    known = codes_of(reader.portal.mails(email))
    reader.press("Send me a code")
    fresh = wait_for(
        lambda: [code for code in codes_of(reader.portal.mails(email)) if code not in known],
        why=f"no new code is mailed to {email}",
    )
    reader.field("The code from the mail").fill(fresh[0])


def pdf() -> bytes:
    """Return a PDF of one empty page."""
    made, target = pikepdf.new(), io.BytesIO()
    made.add_blank_page()
    made.save(target)
    return target.getvalue()
