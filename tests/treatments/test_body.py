"""The body: the drawing of an adult and of a child, the way to each part, and what the page of a part leads to."""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml
from django.conf import settings
from django.utils import translation
from pytest_django import DjangoAssertNumQueries

from taxonomy.models import BodyDistrict
from tests.test_home import make_institution
from tests.treatments.factories import (
    make_condition,
    make_district,
    make_facility,
    make_offer,
    make_specialty,
    make_treatment,
)
from tests.treatments.pages import Page
from treatments.plate import BACK, FRONT, Figure

Get = Callable[[str], Page]
DATA = Path(settings.BASE_DIR) / "taxonomy" / "data"
DISTRICTS = [row["slug"] for row in yaml.safe_load((DATA / "body_districts.yaml").read_text())["body_districts"]]
LANGUAGES = [code for code, _name in settings.LANGUAGES]
FIGURES = ["", "?figure=child"]
LEFT_OUT = "A part of this address does not exist here"


def names_in(language: str) -> dict[str, str]:
    """Return the name of each part of the body, as the catalogue's texts have it."""
    texts = yaml.safe_load((DATA / "texts" / f"{language}.yaml").read_text())["body_districts"]
    return {slug: texts[slug]["name"] for slug in DISTRICTS}


def drawings(page: Page) -> list[str]:
    """Return the drawings of the plate: front, back."""
    plate = page.main.partition('class="plate"')[2]
    return re.findall(r"<svg viewBox.*?</svg>", plate.partition("<ol")[0], re.DOTALL)


def links_of(drawing: str) -> dict[str, str]:
    """Return part → address of the links in a drawing."""
    found = re.findall(r'<a href="([^"]+)" class="plate__link" data-district="([^"]+)"', drawing)
    return {slug: address for address, slug in found}


def organ_of(drawing: str, slug: str) -> str:
    """Return what the link to a part draws."""
    return drawing.partition(f'data-district="{slug}" aria-label')[2].partition("</a>")[0]


@pytest.fixture
def all_districts(db: None) -> list[BodyDistrict]:
    """Make every part of the body of the catalogue, named in each language."""
    names = {f"name_{code.replace('-', '_')}": names_in(code) for code in LANGUAGES}
    return [make_district(slug, **{column: by[slug] for column, by in names.items()}) for slug in DISTRICTS]


def test_every_part_of_the_catalogue_has_its_place_on_the_drawing() -> None:
    assert [*FRONT, *BACK] == DISTRICTS


@pytest.mark.parametrize("figure", FIGURES)
@pytest.mark.parametrize("path", ["/en/body/", "/en/"])
@pytest.mark.usefixtures("all_districts")
def test_each_figure_has_both_sides_and_a_link_to_each_part(get: Get, path: str, figure: str) -> None:
    page = get(path + figure)

    front, back = drawings(page)
    assert links_of(front) == {slug: f"/en/body/{slug}/{figure}" for slug in FRONT}
    assert links_of(back) == {slug: f"/en/body/{slug}/{figure}" for slug in BACK}
    for drawing, side in ((front, FRONT), (back, BACK)):
        for slug in side:
            organ = organ_of(drawing, slug)
            assert "<path" in organ or "<use" in organ
            assert 'class="plate__leader"' in organ
            assert re.search(rf">{DISTRICTS.index(slug) + 1}</text>", organ)


@pytest.mark.usefixtures("all_districts")
def test_only_the_chosen_figure_is_sent(get: Get) -> None:
    adult, child = get("/en/body/").main, get("/en/body/?figure=child").main

    assert "The body from the front" in adult
    assert "A child’s body from the back" not in adult
    assert "A child’s body from the back" in child
    assert "The body from the front" not in child


@pytest.mark.parametrize("figure", FIGURES)
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.usefixtures("all_districts")
def test_every_part_is_named_on_the_drawing_and_beside_it(get: Get, language: str, figure: str) -> None:
    page = get(f"/{language}/body/{figure}")

    for name in names_in(language).values():
        assert f'aria-label="{name}"' in page.main
        assert f"<span>{name}</span>" in page.main
    assert [slug for _kind, slug in page.hits] == DISTRICTS


@pytest.mark.usefixtures("all_districts")
def test_the_drawing_is_the_same_in_arabic(get: Get) -> None:
    english, arabic = get("/en/body/"), get("/ar/body/")

    def lines(page: Page) -> list[str]:
        return re.findall(r' (?:d|x|cx|transform)="[^"]+"', "".join(drawings(page)))

    assert lines(arabic) == lines(english)
    sheet = (Path(settings.BASE_DIR) / "static" / "css" / "components" / "plate.css").read_text()
    assert re.search(r"\.plate \{[^}]*direction: ltr", sheet)
    assert "--flip" not in sheet


@pytest.mark.parametrize("figure", ["adult", "child"])
def test_the_heart_stands_on_its_side_of_the_body(figure: str) -> None:
    template = (Path(settings.BASE_DIR) / "templates" / "components" / f"body_plate_{figure}.html").read_text()
    start = float(re.search(r'"heart-vessels" %}.*?<path d="M([\d.]+)', template, re.DOTALL)[1])  # type: ignore[index]
    apex = re.search(r'"heart-vessels" %}.*?<path d="M[^c]+((?:c[^c]+){6})', template, re.DOTALL)[1]  # type: ignore[index]
    steps = [re.findall(r"-?[\d.]+", part) for part in apex.split("c")[1:]]

    # The middle of the figure is at 156; the heart's point lies towards the reader's right.
    assert start + sum(float(step[4]) for step in steps) > 156 + 15


@pytest.mark.parametrize("figure", ["adult", "child"])
def test_a_number_is_a_target_a_finger_meets_on_a_phone(figure: str) -> None:
    template = (Path(settings.BASE_DIR) / "templates" / "components" / f"body_plate_{figure}.html").read_text()
    width = float(re.search(r'viewBox="0 0 (\d+)', template)[1])  # type: ignore[index]
    targets = re.findall(r'class="plate__hit" x="\d+" y="(\d+)" width="(\d+)" height="(\d+)"', template)

    # Two figures side by side take the 360 px of a small phone.
    scale = 180 / width
    assert len(targets) == len(DISTRICTS)
    assert all(float(wide) * scale >= 40 and float(high) * scale >= 33 for _y, wide, high in targets)
    for first, side in ((0, FRONT), (len(FRONT), BACK)):
        rows = [(float(y), float(high)) for y, _wide, high in targets[first : first + len(side)]]
        assert all(y + high <= below for (y, high), (below, _high) in zip(rows, rows[1:], strict=False))


def test_the_choice_of_a_figure_is_two_links(get: Get) -> None:
    make_district("eyes")

    adult, child = get("/en/body/").main, get("/en/body/?figure=child").main

    assert '<a href="/en/body/" aria-current="true">Adult</a><a href="/en/body/?figure=child">Child</a>' in adult
    assert '<a href="/en/body/">Adult</a><a href="/en/body/?figure=child" aria-current="true">Child</a>' in child


def test_home_keeps_country_and_figure_together(get: Get) -> None:
    make_district("eyes")
    make_institution("AE")

    page = get("/en/?country=ae&figure=child")

    assert "/en/body/eyes/?country=ae&figure=child" in page.links
    assert "/en/?country=ae#body" in page.links
    assert "/en/?country=ae&figure=child#body" in page.links


@pytest.mark.parametrize("path", ["/en/", "/en/body/", "/en/body/eyes/"])
@pytest.mark.parametrize("bad", ["robot", "%00", "CHILD", "child%00", "x" * 10_000])
def test_a_figure_there_is_not_is_left_out_with_a_note(get: Get, path: str, bad: str) -> None:
    make_district("eyes")

    page = get(f"{path}?figure={bad}")

    assert page.status == 200
    assert LEFT_OUT in page.words
    assert not any("figure=" in link and not link.partition("#")[0].endswith("figure=child") for link in page.links)


@pytest.mark.parametrize("path", ["/en/", "/en/body/", "/en/body/eyes/"])
@pytest.mark.parametrize("figure", ["", "?figure=", "?figure=adult", "?figure=child"])
def test_a_figure_there_is_needs_no_note(get: Get, path: str, figure: str) -> None:
    make_district("eyes")

    assert LEFT_OUT not in get(path + figure).words


def test_a_part_without_drawing_stands_in_the_list(get: Get) -> None:
    make_treatment(districts=(make_district("third-arm", name_en="Third arm"),))

    page = get("/en/body/")

    assert page.hits == [("body_district", "third-arm")]
    assert "Third arm 1 treatment" in page.words


def test_the_names_say_how_much_is_listed(get: Get) -> None:
    eyes = make_district("eyes", name_en="Eyes")
    make_treatment(districts=(eyes,))
    make_treatment(districts=(eyes,))
    make_treatment(districts=(eyes,), is_published=False)

    assert "Eyes 2 treatments" in get("/en/body/").words


def test_for_an_adult_everything_of_the_part_stands_together(get: Get) -> None:
    eyes = make_district("eyes", name_en="Eyes")
    make_treatment("lens", districts=(eyes,))
    make_treatment("paediatric-lens", districts=(eyes,))
    make_specialty("paediatrics")

    page = get("/en/body/eyes/")

    assert {"/en/treatments/lens/", "/en/treatments/paediatric-lens/"} <= set(page.links)
    assert "/en/specialties/paediatrics/" not in page.links
    assert "Named for children" not in page.words


def test_for_a_child_what_is_named_for_children_comes_first(get: Get) -> None:
    eyes, body = make_district("eyes", name_en="Eyes"), make_district("whole-body")
    paediatrics = make_specialty("paediatrics", name_en="Paediatrics")
    eye_care = make_specialty("ophthalmology", name_en="Eye care")
    eye_care.body_districts.set([eyes])
    make_treatment("adult-lens", name_en="A lens", districts=(eyes,), specialty=eye_care)
    make_treatment("paediatric-lens", name_en="Z lens", districts=(eyes,), specialty=eye_care)
    make_treatment("growth", name_en="Growth", districts=(body,), specialty=paediatrics)
    make_treatment("paediatric-heart", name_en="Heart", districts=(make_district("heart-vessels"),))

    page = get("/en/body/eyes/?figure=child")

    words = page.words[page.words.index("Named for children") :]
    others = words.index("All others")
    assert words.index("Growth") < others < words.index("A lens")
    assert words.index("Z lens") < others
    assert "/en/treatments/paediatric-heart/" not in page.links
    assert words.index("Paediatrics") < words.index("Eye care")
    assert "does not say from which age" in words


def test_where_nothing_is_named_for_children_the_page_says_so(get: Get) -> None:
    make_treatment(districts=(make_district("eyes"),))

    assert "lists nothing here that is named for children" in get("/en/body/eyes/?figure=child").words


@pytest.mark.parametrize(
    ("figure", "words"), [("", "Eyes & lids"), ("?figure=child", "Eyes & lids, for a child")], ids=["adult", "child"]
)
def test_what_was_chosen_goes_along_to_the_coordinator(get: Get, figure: str, words: str) -> None:
    make_district("eyes", name_en="Eyes & lids")

    links = get(f"/en/body/eyes/{figure}").links

    assert links.count(f"/en/contact/?words={quote(words)}") == 2


def test_the_body_tells_the_coordinator_that_it_is_for_a_child(get: Get) -> None:
    assert "/en/contact/" in get("/en/body/").links
    assert "/en/contact/?words=For%20a%20child" in get("/en/body/?figure=child").links


def test_a_part_has_a_search_of_its_own(get: Get) -> None:
    make_district("eyes")

    form = get("/en/body/eyes/").main.partition('<form class="search"')[2].partition("</form>")[0]

    assert 'action="/en/search/" method="get"' in form
    assert '<input type="hidden" name="district" value="eyes">' in form
    assert 'name="q"' in form


def test_a_part_says_how_many_hospitals_are_named_each_once(get: Get) -> None:
    eyes = make_district("eyes")
    house = make_facility()
    for treatment in (make_treatment(districts=(eyes,)), make_treatment(districts=(eyes,))):
        make_offer(treatment, house)
        make_offer(treatment, make_facility(is_published=False))
    make_offer(make_treatment(), make_facility())

    assert "1 hospital is named for at least one treatment or test here" in get("/en/body/eyes/").words


def test_the_steps_lead_to_what_is_there(get: Get) -> None:
    eyes = make_district("eyes")
    make_condition(districts=(eyes,))

    page = get("/en/body/eyes/")

    assert "An illness with a name 1 condition to choose from" in page.words
    assert "A treatment or a test" not in page.words
    assert 'id="conditions"' in page.main
    assert "#treatments" not in page.links


def test_a_part_of_the_body_speaks_to_machines(get: Get) -> None:
    eyes = make_district("eyes", name_en="Eyes")
    make_condition("cataract", districts=(eyes,))
    make_treatment("lens", districts=(eyes,))

    data = {thing["@type"]: thing for thing in get("/en/body/eyes/").structured_data}

    assert data["AnatomicalStructure"]["name"] == "Eyes"
    assert [step["name"] for step in data["BreadcrumbList"]["itemListElement"]] == ["Parts of the body", "Eyes"]
    listed = [item["url"].partition("/en/")[2] for item in data["ItemList"]["itemListElement"]]
    assert listed == ["conditions/cataract/", "treatments/lens/"]


@pytest.mark.parametrize("figure", FIGURES)
@pytest.mark.parametrize("rows", [1, 5])
def test_a_part_of_the_body_asks_the_database_six_times(
    get: Get, django_assert_num_queries: DjangoAssertNumQueries, rows: int, figure: str
) -> None:
    eyes = make_district("eyes", name_ar="العينان")
    for _round in range(rows):
        specialty = make_specialty()
        specialty.body_districts.set([eyes])
        condition = make_condition(districts=(eyes,), specialty=specialty)
        make_offer(make_treatment(districts=(eyes,), conditions=(condition,), specialty=specialty))

    with django_assert_num_queries(6):
        page = get(f"/ar/body/eyes/{figure}")

    assert "العينان" in page.words
    assert page.response["Cache-Control"].startswith("public")
    assert not page.response.cookies


def test_a_figure_keeps_only_what_it_knows() -> None:
    with translation.override("en"):
        figure = Figure("child", "/en/", {"country": "ae"})

    assert figure.adult_url == "/en/?country=ae"
    assert figure.child_url == "/en/?country=ae&figure=child"
    assert Figure("robot", "/en/body/").query == ""
