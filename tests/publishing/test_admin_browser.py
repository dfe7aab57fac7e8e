"""The administration in a real browser: under the policy of every page, without an error on the console."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, connections
from django.urls import reverse
from playwright.sync_api import Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from healthlombardy.local.browser import find_chromium
from publishing import workflow
from publishing.models import Change
from tests.accounts.factories import make_user
from tests.publishing.factories import address, client_of, make_facility_editor
from tests.treatments.factories import make_accreditation, make_facility, make_offer, make_treatment

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# Seconds that a test waits before it fails.
PATIENCE = 180
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """A page of a browser; an error on its console, such as a blocked style, fails the test."""
    # Playwright runs a loop of its own in this thread, so Django takes every query for a mistake.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    # The server's threads close their connections, so that the database of the tests can be removed.
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS, timeout=PATIENCE * 1000)
        opened = browser.new_page(viewport={"width": 1280, "height": 900})
        opened.set_default_timeout(PATIENCE * 1000)
        opened.on(
            "console", lambda message: errors.append(message.text) if message.type in {"error", "warning"} else None
        )
        opened.on("pageerror", lambda error: errors.append(str(error)))
        # Typing on cancels a look-up under way; that is no failure.
        aborted = "net::ERR_ABORTED"
        opened.on("requestfailed", lambda lost: errors.append(lost.url) if lost.failure != aborted else None)
        opened.on("response", lambda answer: errors.append(answer.url) if answer.status >= 400 else None)
        yield opened
        browser.close()
        # While that loop runs, Django opens a second connection for this thread.
        connections.close_all()
    assert errors == []


def sign_in(page: Page, live_server: LiveServer, user: User) -> None:
    """Give the browser the session of a person who signed in with two factors."""
    cookie = client_of(user).cookies[settings.SESSION_COOKIE_NAME]
    page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])


def picture(page: Page, folder: Path, name: str) -> None:
    """Keep a picture of the page, to be looked at."""
    page.screenshot(path=folder / f"{name}.png", full_page=True)


def test_a_facility_editor_proposes_and_an_editor_publishes(
    page: Page, live_server: LiveServer, tmp_path: Path
) -> None:
    facility = make_facility("own", usual_name_en="Own Hospital", summary_en="A hospital.", address="Via Esempio 1")
    treatment = make_treatment("hip-replacement", name_en="<b>Hip</b> replacement")
    offer = make_offer(make_treatment(), facility, is_confirmed=False)
    accreditation = make_accreditation(facility)
    sign_in(page, live_server, make_facility_editor(facility))

    page.goto(live_server.url + "/admin/")
    picture(page, tmp_path, "index")
    for edited in (facility, offer, accreditation):
        page.goto(live_server.url + address("changelist", edited, is_list=True))
        picture(page, tmp_path, f"list-{edited._meta.model_name}")
        page.goto(live_server.url + address("change", edited))
        picture(page, tmp_path, f"form-{edited._meta.model_name}")
    for other in ("history", "delete"):
        page.goto(live_server.url + address(other, offer))

    page.goto(live_server.url + address("change", facility))
    page.get_by_text("Deutsch", exact=True).click()
    page.locator("[name=summary_de]").fill("Ein Krankenhaus.")
    page.get_by_role("button", name="Save for review").click()
    page.get_by_text("Your change waits for an editor").wait_for()
    picture(page, tmp_path, "saved")

    page.goto(live_server.url + reverse("admin:treatments_offer_add"))
    page.locator(".select2-selection").click()
    page.locator(".select2-search__field").fill("hip")
    page.get_by_role("option", name="<b>Hip</b> replacement").click()
    picture(page, tmp_path, "add-offer")
    page.get_by_role("button", name="Save for review").click()
    page.get_by_text("Your change waits for an editor").wait_for()
    assert Change.objects.get(action="add").after()["treatment"] == treatment.pk

    page.context.clear_cookies()
    sign_in(page, live_server, make_user(roles=("editor",), name="Ed Example"))
    page.goto(live_server.url + "/admin/")
    page.get_by_role("link", name=str(facility), exact=True).first.click()
    picture(page, tmp_path, "review")
    page.get_by_role("button", name="Publish").click()
    page.get_by_text("Everybody reads it now").wait_for()

    facility.refresh_from_db()
    assert facility.summary_de == "Ein Krankenhaus."


def test_every_table_of_an_editor_opens_without_an_error(page: Page, live_server: LiveServer, tmp_path: Path) -> None:
    facility = make_facility()
    treatment = make_treatment(name_en="Hip replacement")
    make_offer(treatment, facility)
    editor = make_user(roles=("editor",), language="it")
    workflow.propose_edit(edited=facility, after={"group": "G"}, by=editor)
    sign_in(page, live_server, editor)

    page.goto(live_server.url + "/admin/")
    lists = [link.get_attribute("href") for link in page.locator("th[scope=row] a").all()]
    assert len(lists) > 10
    for path in lists:
        page.goto(live_server.url + str(path))
        first = page.locator("#result_list tbody th a").first
        if first.count():
            first.click()
            picture(page, tmp_path, str(path).strip("/").replace("/", "-"))


def test_it_fits_a_phone(page: Page, live_server: LiveServer, tmp_path: Path) -> None:
    facility = make_facility()
    sign_in(page, live_server, make_facility_editor(facility))
    page.set_viewport_size({"width": 360, "height": 780})

    for name, path in (("index", "/admin/"), ("form", address("change", facility))):
        page.goto(live_server.url + path)
        picture(page, tmp_path, name)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
