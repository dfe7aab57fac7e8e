"""The search box with suggestions: by keyboard, by touch, from right to left, while Chinese is being composed."""

from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import pytest
from playwright.sync_api import Locator, Page, Request, expect

from tests.e2e.conftest import MakeReader
from tests.e2e.reader import DESKTOP, PHONE, Reader

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

SUGGEST = "/search/suggest/"
COMPOSE = """(input, [type, value, isComposing]) => {
    input.value = value;
    if (type !== "input") input.dispatchEvent(new CompositionEvent(type, { data: value, bubbles: true }));
    else input.dispatchEvent(new InputEvent("input", { data: value, isComposing, bubbles: true }));
}"""
ENTER_COMPOSING = """input => input.dispatchEvent(
    new KeyboardEvent("keydown", { key: "Enter", keyCode: 229, isComposing: true, bubbles: true, cancelable: true }))"""


def box(page: Page) -> Locator:
    return page.get_by_role("combobox").first


def options(page: Page) -> Locator:
    return page.get_by_role("listbox").get_by_role("option")


def open_list(reader: Reader, words: str, path: str = "") -> None:
    """Type into the search box until suggestions stand below it.

    At one go: letter by letter a slow machine sees those of the first letters, and they change later.
    """
    reader.visit(path)
    box(reader.page).fill(words)
    expect(options(reader.page).first).to_be_visible()


def active(page: Page) -> str:
    """Return the words of the suggestion that a screen reader is told about."""
    chosen = box(page).get_attribute("aria-activedescendant")
    return page.locator(f"[id='{chosen}'][aria-selected=true]").inner_text() if chosen else ""


def test_the_keyboard_moves_chooses_and_leaves(make_reader: MakeReader) -> None:
    reader = make_reader()
    page = reader.page
    open_list(reader, "heart att")
    address = page.url
    names = options(page).all_inner_texts()
    reader.look("suggestions")
    assert box(page).get_attribute("aria-expanded") == "true"
    assert active(page) == ""

    box(page).press("ArrowDown")
    first = active(page)
    reader.look("a chosen suggestion")
    box(page).press("ArrowUp")
    last = active(page)
    box(page).press("ArrowDown")
    again = active(page)
    box(page).press("Home")
    none = active(page)
    assert (first, last, again, none) == (names[0], names[-1], names[0], "")

    box(page).press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(box(page)).to_have_value("heart att")
    box(page).press("Escape")
    expect(box(page)).to_have_value("")

    box(page).press_sequentially("heart att")
    expect(options(page).first).to_be_visible()
    box(page).press("ArrowDown")
    box(page).press("Tab")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(page.get_by_role("button", name="Search", exact=True)).to_be_focused()
    assert page.url == address


def test_enter_follows_what_is_chosen_and_else_searches(make_reader: MakeReader) -> None:
    reader = make_reader()
    page = reader.page
    open_list(reader, "heart attack")
    target = options(page).first.get_attribute("href")

    box(page).press("ArrowDown")
    box(page).press("Enter")
    page.wait_for_url(f"**{target}")

    open_list(reader, "heart attack")
    box(page).press("Enter")
    page.wait_for_url("**/en/search/?q=heart+attack")


def test_it_is_told_how_many_there_are(make_reader: MakeReader) -> None:
    reader = make_reader()
    open_list(reader, "heart")

    number = options(reader.page).count()
    expect(reader.page.get_by_role("search").get_by_role("status")).to_contain_text(f"{number} suggestions.")
    groups = reader.page.get_by_role("listbox").get_by_role("group")
    assert groups.count() > 1
    assert all(group.get_attribute("aria-label") for group in groups.all())


def test_a_finger_in_arabic(make_reader: MakeReader) -> None:
    reader = make_reader("ar", viewport=PHONE, has_touch=True)
    page = reader.page
    open_list(reader, "سرطان")
    reader.look("suggestions")

    field, below = page.locator(".search__box").bounding_box(), page.get_by_role("listbox").bounding_box()
    assert all(option.bounding_box()["height"] >= 44 for option in options(page).all())
    assert abs(below["x"] - field["x"]) < 2
    assert abs(below["width"] - field["width"]) < 3
    name = options(page).first.locator(".suggestion__name").bounding_box()
    assert below["x"] + below["width"] - (name["x"] + name["width"]) < 30

    target = options(page).nth(1).get_attribute("href")
    options(page).nth(1).tap()
    page.wait_for_url(f"**{target}")


def test_nothing_moves_when_the_list_opens_at_twice_the_size(make_reader: MakeReader) -> None:
    reader = make_reader(viewport={"width": 640, "height": 450})
    page = reader.page
    reader.visit("search/")
    before = page.locator("main").bounding_box()

    box(page).fill("heart")
    expect(options(page).first).to_be_visible()

    after = page.locator("main").bounding_box()
    assert (before["height"], before["width"]) == (after["height"], after["width"])
    reader.look("suggestions at twice the size")


def test_nothing_is_asked_or_sent_while_chinese_is_composed(make_reader: MakeReader) -> None:
    reader = make_reader("zh-hans")
    page = reader.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(unquote(request.url)) if SUGGEST in request.url else None)
    reader.visit("")
    box(page).focus()

    box(page).evaluate(COMPOSE, ["compositionstart", "", True])
    for half in ("xin", "xin'zang"):
        box(page).evaluate(COMPOSE, ["input", half, True])
    stopped = not box(page).evaluate(ENTER_COMPOSING)
    page.wait_for_timeout(400)
    assert stopped
    assert asked == []
    assert page.url.endswith("/zh-hans/")

    box(page).evaluate(COMPOSE, ["compositionend", "心脏", False])
    expect(options(page).first).to_be_visible()
    assert len(asked) == 1
    assert asked[0].endswith("?q=心脏")


def test_few_questions_are_asked_and_none_is_kept(make_reader: MakeReader) -> None:
    reader = make_reader()
    page = reader.page
    asked: list[Request] = []
    page.on("request", lambda request: asked.append(request) if SUGGEST in request.url else None)
    page.clock.install()
    reader.visit("search/?q=knee")
    page.context.add_cookies([{"name": "who", "value": "she", "url": page.url}])
    box(page).fill("")
    # The page's clock goes on only with the letters: a slow machine types as fast as any.
    page.clock.pause_at(datetime.now(UTC) + timedelta(hours=1))

    for letter in "diabetes":
        box(page).press_sequentially(letter)
        page.clock.run_for(100)
    page.clock.run_for(1000)
    expect(options(page).first).to_be_visible()

    # Asked of the finished page: a handler that asks is still waiting when the test goes on.
    (sent,) = (request.all_headers() for request in asked)
    assert not {"cookie", "referer"} & set(sent)
    assert unquote(asked[0].url).endswith("?q=diabetes")
    assert page.url.endswith("/en/search/?q=knee")
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_what_comes_late_or_not_at_all_does_no_harm(make_reader: MakeReader) -> None:
    reader = make_reader()
    page = reader.page
    reader.visit("")
    page.route(f"**{SUGGEST}**", lambda route: route.fulfill(status=200, content_type="text/html", body=""))

    box(page).press_sequentially("heart")
    page.wait_for_timeout(400)
    expect(page.get_by_role("listbox")).to_be_hidden()
    assert box(page).get_attribute("aria-expanded") == "false"

    page.unroute(f"**{SUGGEST}**")
    box(page).press_sequentially(" attack")
    page.get_by_role("heading", level=1).click()
    page.wait_for_timeout(400)
    expect(page.get_by_role("listbox")).to_be_hidden()


def test_without_script_it_is_a_plain_form(make_reader: MakeReader) -> None:
    reader = make_reader(java_script_enabled=False, viewport=DESKTOP)
    reader.visit("")

    field = reader.page.get_by_role("searchbox")
    field.press_sequentially("knee")
    field.press("Enter")

    reader.page.wait_for_url("**/en/search/?q=knee")
    assert reader.page.locator("main [data-kind]").count() > 0


@pytest.mark.parametrize("language", ["en", "ar", "zh-hans", "de"])
def test_home_on_a_phone_begins_with_the_promise_the_box_and_the_body(make_reader: MakeReader, language: str) -> None:
    reader = make_reader(language, viewport={"width": 360, "height": 640})
    reader.visit("")

    page = reader.page
    way = page.locator('main a[href="#body"]').bounding_box()
    following = page.locator("main section").first.bounding_box()
    assert way["y"] + way["height"] <= 640
    assert following["y"] >= 640


@pytest.mark.parametrize(("language", "viewport"), [("en", DESKTOP), ("ar", PHONE)])
def test_everyone_can_use_the_results(make_reader: MakeReader, language: str, viewport: dict[str, int]) -> None:
    reader = make_reader(language, viewport=viewport)

    for name, path in {
        "results with filters": "search/?q=heart&kind=treatment&specialty=cardiology",
        "filters that leave nothing": "search/?q=heart&kind=facility&district=skin&page=7",
        "nothing found": "search/?q=%E2%80%94%E2%80%94",
        "no words": "search/",
        "an emergency": "search/?q=suicide",
    }.items():
        reader.visit(path)
        reader.look(name)
