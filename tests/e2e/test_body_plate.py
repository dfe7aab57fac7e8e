"""The body in a browser: every part is reached by pointer, by keyboard and by name, on an adult and on a child."""

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import MakeReader
from tests.e2e.reader import DESKTOP, PHONE
from treatments.plate import BACK, FRONT

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

FIGURES = ["", "?figure=child"]
MET_AT_MARK = """link => {
    const box = link.querySelector(".plate__mark").getBoundingClientRect();
    const met = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    return met.closest("a")?.dataset.district;
}"""


def style(page: Page, selector: str, name: str) -> str:
    """Return a computed style of the first element that fits."""
    return page.locator(selector).first.evaluate("(element, name) => getComputedStyle(element)[name]", name)


@pytest.mark.parametrize("figure", FIGURES)
@pytest.mark.parametrize(("language", "viewport"), [("en", DESKTOP), ("ar", PHONE)])
def test_everyone_can_use_both_figures(
    make_reader: MakeReader, language: str, viewport: dict[str, int], figure: str
) -> None:
    reader = make_reader(language, viewport=viewport)

    for path in ("body/", "", "body/heart-vessels/"):
        reader.visit(path + figure)
        reader.look(path or "home")


@pytest.mark.parametrize("figure", FIGURES)
def test_the_keyboard_walks_the_parts_in_the_order_of_their_numbers(make_reader: MakeReader, figure: str) -> None:
    reader = make_reader()
    reader.visit("body/" + figure)
    page = reader.page
    page.locator(".switch a").last.focus()

    walked = []
    for _part in (*FRONT, *BACK):
        page.keyboard.press("Tab")
        walked.append(page.evaluate("document.activeElement.dataset.district"))
        assert style(page, ".plate__link:focus .plate__mark", "strokeWidth") == "5px"
    page.keyboard.press("Tab")

    assert walked == [*FRONT, *BACK]
    assert page.evaluate("document.activeElement.closest('li') !== null")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{reader.portal.address}/en/body/{FRONT[0]}/{figure}")


@pytest.mark.parametrize("figure", FIGURES)
def test_a_finger_meets_each_number_on_a_phone(make_reader: MakeReader, figure: str) -> None:
    reader = make_reader("de", viewport={"width": 360, "height": 1200})
    reader.visit("body/" + figure)

    for link in reader.page.locator(".plate__link").all():
        slug = link.get_attribute("data-district")
        assert link.evaluate(MET_AT_MARK) == slug
        target = link.locator("rect.plate__hit").bounding_box()
        assert target is not None
        assert target["width"] >= 40
        assert target["height"] >= 33
    for row in reader.page.locator(".plate__names a").all():
        assert row.evaluate("row => row.getBoundingClientRect().height") >= 44


def test_organ_and_name_light_up_together(make_reader: MakeReader) -> None:
    reader = make_reader()
    reader.visit("body/?figure=child")
    page = reader.page
    mark, name = ".plate__link[data-district=skin] .plate__mark", ".plate__names [data-district=skin] span"
    at_rest = style(page, mark, "fill")

    page.locator(".plate__names [data-district=skin]").hover()
    assert style(page, mark, "fill") != at_rest

    page.locator("h1").hover()
    assert style(page, name, "textDecorationLine") == "none"
    page.locator(mark).hover()
    assert style(page, name, "textDecorationLine") == "underline"


def test_two_taps_lead_from_the_body_to_a_condition(make_reader: MakeReader) -> None:
    reader = make_reader(viewport=PHONE)
    reader.visit("?figure=child#body")

    reader.page.locator(".plate__names [data-district=eyes]").click()
    expect(reader.page.get_by_role("link", name="Child", exact=True)).to_have_attribute("aria-current", "true")
    reader.follow("/conditions/cataract/")

    expect(reader.page.locator("h1")).to_have_text("Cataract")


def test_the_drawing_does_not_mirror(make_reader: MakeReader) -> None:
    places = {}
    for language in ("en", "ar"):
        reader = make_reader(language)
        reader.visit("body/?figure=child")
        places[language] = [
            round(link.bounding_box()["x"])  # type: ignore[index]
            for link in reader.page.locator(".plate__mark").all()
        ]

    assert places["ar"] == places["en"]
