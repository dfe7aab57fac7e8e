"""A receipt is lost: with the mailbox alone nobody takes anything from the holder; a person of the office decides."""

import uuid
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import MakeReader
from tests.e2e.portal import Portal
from tests.e2e.reader import DESKTOP, PHONE, Reader, ask_for_code
from tests.e2e.test_second_opinion import open_step

pytestmark = [pytest.mark.e2e, pytest.mark.browser]


def ask_the_office(reader: Reader, email: str) -> tuple[str, str]:
    """Send a question; return its reference and the private link of the receipt."""
    reader.visit("contact/")
    reader.field("What would you like to ask?").fill("Where do I begin?")
    reader.field("Your e-mail address").fill(email)
    reader.page.get_by_role("checkbox").check()
    reader.press("Send question")
    reader.sees("Your question has arrived.")
    link = link_of(reader)
    return link.rstrip("/").split("/")[-2], link


def link_of(reader: Reader) -> str:
    return reader.page.locator(".receipt__link").inner_text()


def come_in(reader: Reader, email: str, *, link: str = "", reference: str = "") -> None:
    """Ask for a code by the link, or by the reference alone, and enter it."""
    if link:
        reader.page.goto(link)
    else:
        reader.visit("my-request/")
        reader.field("Number of your request").fill(reference)
    ask_for_code(reader, email)
    reader.press("Open my request")


@pytest.mark.parametrize(("language", "viewport"), [("en", DESKTOP), ("ar", PHONE)])
def test_the_lost_receipt_ends_when_the_office_knows_who_asks(
    portal: Portal,
    make_reader: MakeReader,
    sign_in_as: Callable[[str], Reader],
    language: str,
    viewport: dict[str, int],
) -> None:
    email = f"lost-{uuid.uuid4().hex[:8]}@example.org"
    holder, other = (make_reader(language, viewport=viewport) for _number in range(2))
    reference, old_link = ask_the_office(holder, email)
    holder.press("I have kept my receipt")

    come_in(other, email, reference=reference)
    other.look("status alone")
    other.press("Make a new receipt")
    new_link = link_of(other)
    other.look("status alone, with a receipt that waits")
    holder.reload_until("Somebody asked for a new receipt")
    holder.look("my request, another receipt waits")

    coordinator = sign_in_as("coordinator")
    coordinator.page.goto(f"{portal.address}/desk/{reference}/")
    coordinator.press("Take this request")
    open_step(coordinator, "Confirm who is asking")
    expect(coordinator.page.get_by_text("The old one was used after that.")).to_be_visible()
    coordinator.look("desk, who is asking")
    coordinator.tick("I know that it is the patient")
    coordinator.press("Confirm")
    expect(coordinator.page.get_by_text("Confirmed. The new receipt opens everything.")).to_be_visible()

    holder.visit("my-request/")
    expect(holder.page.get_by_text(reference)).to_have_count(0)
    # The question, the code, the receipt asked for, taken by the office, the receipt confirmed.
    told = portal.wait_for_mails(email, 5)
    assert other.words("Your new receipt opens your request") in {mail["Subject"].strip() for mail in told}
    # The lost link looks as ever, and sends nobody a code.
    known = len(portal.mails(email))
    holder.page.goto(old_link)
    holder.press("Send me a code")
    come_in(other, email, link=new_link)
    other.sees("Your papers stay yours")
    assert len(portal.mails(email)) == known + 1


def test_the_holder_ends_what_somebody_else_asked_for(portal: Portal, make_reader: MakeReader) -> None:
    email = f"kept-{uuid.uuid4().hex[:8]}@example.org"
    holder, other = make_reader("de", viewport=PHONE), make_reader("de", viewport=PHONE)
    reference, _link = ask_the_office(holder, email)
    holder.press("I have kept my receipt")
    come_in(other, email, reference=reference)
    other.press("Make a new receipt")
    # The question, the code, and that a receipt was asked for: whichever of them came last.
    told = [mail.get_body(("plain",)).get_content() for mail in portal.wait_for_mails(email, 3)]
    assert any("Passwort Ihres Postfachs" in text for text in told)

    holder.reload_until("Somebody asked for a new receipt")
    holder.press("Make a new receipt")
    newest = make_reader("de", viewport=PHONE)
    come_in(newest, email, link=link_of(holder))

    newest.sees("Your papers stay yours")
    expect(newest.page.get_by_text(newest.words("Somebody asked for a new receipt"))).to_have_count(0)
