"""The map of the results: pins that stand for everything found, nearer views, provinces, airports."""

import math
import re
from collections.abc import Callable
from itertools import combinations
from urllib.parse import parse_qs, urlsplit

import pytest

from facilities.map import GAP, NEAREST, View, clusters_of, place_of, results_map
from facilities.models import Facility
from tests.treatments.factories import make_facility
from tests.treatments.pages import Page

Get = Callable[[str], Page]


def pins_on(page: Page) -> list[tuple[str, str, int]]:
    """Return address, name and number of each pin."""
    found = re.findall(
        r'class="map__pin[^"]*" href="([^"]+)" aria-label="([^"]+)".*?</g></a>', page.main.replace("&amp;", "&")
    )
    numbers = [re.search(r"<text y=.8.>(\d+)", pin) for pin in re.findall(r'<a class="map__pin.*?</a>', page.main)]
    return [(url, name, int(number[1]) if number else 1) for (url, name), number in zip(found, numbers, strict=True)]


def standing(latitude: float, longitude: float, slug: str = "a") -> Facility:
    return Facility(slug=slug, short_name=slug, city="Milano", latitude=latitude, longitude=longitude)


def test_every_result_is_in_one_pin_whatever_page_of_the_list_is_shown(get: Get) -> None:
    for number in range(40):
        make_facility(latitude=45.2 + number / 50, longitude=9 + number / 40)

    for page in (get("/en/facilities/"), get("/en/facilities/?page=2")):
        assert sum(number for _url, _name, number in pins_on(page)) == 40


def test_pins_stand_apart_in_every_view() -> None:
    facilities = [standing(45.3 + (n % 17) / 50, 9 + (n % 23) / 60, f"f{n}") for n in range(300)]

    for view in (View(), View(143, 344, 2), View(143, 344, NEAREST)):
        clusters = clusters_of(facilities, view)
        distances = [math.hypot(a.x - b.x, a.y - b.y) for a, b in combinations(clusters, 2)]
        assert min(distances, default=GAP) >= GAP * view.scale


def test_a_pin_of_one_leads_to_it_and_names_it_with_its_town(get: Get) -> None:
    make_facility("a", short_name="Esempio", city="Rho")

    assert pins_on(get("/en/facilities/")) == [("/en/facilities/a/", "Esempio, Rho", 1)]


def test_a_pin_of_several_leads_to_a_nearer_view_that_keeps_the_filters(get: Get) -> None:
    make_facility("a", latitude=45.46, longitude=9.19)
    make_facility("b", latitude=45.50, longitude=9.25)
    make_facility("c", province="PV", latitude=45.18, longitude=9.16)

    (pin,) = pins_on(get("/en/facilities/?province=MI"))
    nearer = get(pin[0].partition("#")[0])

    assert pin[1:] == ("2 hospitals near Milano: enlarge the map", 2)
    assert parse_qs(urlsplit(pin[0]).query)["province"] == ["MI"]
    assert urlsplit(pin[0]).fragment == "map"
    assert [url for url, _name, _number in pins_on(nearer)] == ["/en/facilities/a/", "/en/facilities/b/"]
    # The list does not change with the view.
    assert nearer.hits == [("facility", "a"), ("facility", "b")]
    assert "/en/facilities/?province=MI#map" in nearer.links


def test_nearer_views_end_with_a_pin_for_each_facility_even_in_one_house() -> None:
    facilities = [standing(45.46, 9.19, f"f{n}") for n in range(7)] + [standing(45.461, 9.191, "g")]
    view, steps = View(), 0

    while True:
        pins = results_map(facilities, view=view, provinces=[], address=lambda asked: asked).pins
        if all(pin.count == 1 for pin in pins):
            break
        view, steps = View.asked(pins[0].url), steps + 1
        assert view is not None
        assert steps <= NEAREST

    assert len(pins) == 8
    assert all(math.hypot(a.x - b.x, a.y - b.y) >= 0.98 * GAP * view.scale for a, b in combinations(pins[:7], 2))


def test_a_view_for_some_points_holds_all_of_them() -> None:
    points = [place_of(45.4, 9.0), place_of(45.55, 9.3), place_of(45.6, 9.1)]
    view = View.around(points, beyond=0)

    assert all(view.holds(x, y) for x, y in points)
    assert View.asked(view.address) == view


@pytest.mark.parametrize(
    "view", ["x", "1-1-0", "1-1-6", "601-1-1", "1-576-1", "-1-1-1", "1-1-1%00", "١-١-١", "9" * 10_000]
)
def test_a_view_that_does_not_exist_is_left_out_with_a_note(get: Get, view: str) -> None:
    make_facility("a")

    page = get(f"/en/facilities/?map={view}")

    assert page.status == 200
    assert "A part of this address does not exist here" in page.words
    assert 'viewBox="0.00 0.00 600.00 575.00"' in page.main


def test_provinces_on_the_map_keep_the_other_filters(get: Get) -> None:
    make_facility(ownership="private")
    make_facility(ownership="private", province="PV")

    page = get("/en/facilities/?ownership=private&province=PV")

    assert "/en/facilities/?province=MI&ownership=private#map" in page.links
    # The chosen one leads back to all.
    assert "/en/facilities/?ownership=private#map" in page.links
    assert 'aria-label="Milan: 1"' in page.main
    assert 'aria-label="Pavia: 1" aria-current="true"' in page.main


def test_airports_stand_on_the_map_and_never_under_a_pin(get: Get) -> None:
    make_facility(latitude=45.4452, longitude=9.2768)

    page = get("/en/facilities/")

    for code in ("MXP", "LIN", "BGY", "VBS"):
        assert f"({code})" in page.main
    (airport,) = [
        found
        for found in results_map(
            [standing(45.4452, 9.2768)], view=View(), provinces=[], address=lambda asked: asked
        ).airports
        if found.iata == "LIN"
    ]
    x, y = place_of(45.4452, 9.2768)
    assert math.hypot(airport.x - x, airport.y - y) > 28


def test_the_map_names_where_its_boundaries_are_from_and_works_in_arabic(get: Get) -> None:
    make_facility("a", short_name="Esempio", city="Rho")

    page = get("/ar/facilities/")

    assert "Openpolis" in page.words
    assert len(pins_on(page)) == 1


def test_only_the_hits_of_the_list_say_what_they_are(get: Get) -> None:
    make_facility("a")
    make_facility("b")

    assert get("/en/facilities/").main.count("data-kind=") == 2
