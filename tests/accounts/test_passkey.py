"""A passkey in a real browser, with a virtual authenticator: set up while enrolling, then used to sign in."""

from collections.abc import Iterator

import pytest
from django.db import connection, connections
from django.urls import reverse
from playwright.sync_api import Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from accounts import enrolment
from accounts.models import User
from healthlombardy.local.browser import find_chromium
from tests.accounts.factories import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """A page of a browser that owns a passkey; an error on its console, such as a blocked script, fails the test."""
    # Playwright runs a loop of its own in this thread, so Django takes every query for a mistake.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    # The server's threads close their connections, so that the database of the tests can be removed.
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        opened = browser.new_page()
        # Only an upper limit: a busy machine takes its time.
        opened.set_default_timeout(120_000)
        opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        device = opened.context.new_cdp_session(opened)
        device.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        device.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        yield opened
        browser.close()
        # While that loop runs, Django opens a second connection for this thread.
        connections.close_all()
    assert errors == []


def test_enrol_with_a_passkey_and_sign_in_with_it(page: Page, live_server: LiveServer) -> None:
    invited = enrolment.invite(email="ada@example.org", by=None, roles=["editor"])
    token = invited.address.rstrip("/").rsplit("/", 1)[-1]

    page.goto(live_server.url + reverse("account_enrol", args=[token]))
    page.get_by_label("Your name").fill("Ada Example")
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_label("The same password again").fill(PASSWORD)
    page.get_by_role("button", name="Next").click()
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_role("heading", name="Keep your recovery codes").wait_for()
    page.get_by_role("link", name="I have kept them").click()
    page.wait_for_url("**/admin/")

    user = User.objects.with_email("ada@example.org")
    assert [factor.type for factor in user.authenticator_set.all()].count("webauthn") == 1
    user.end_sessions()

    page.goto(live_server.url + "/admin/")
    page.get_by_label("E-mail address").fill("ada@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/admin/")
