"""The filters of the list of treatments by who offers them."""

import re
from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.treatments.factories import make_district, make_facility, make_offer, make_specialty, make_treatment
from tests.treatments.pages import Page

Get = Callable[[str], Page]


def counts(page: Page, name: str) -> dict[str, int]:
    """Return value → number of the choices of one filter."""
    found = re.findall(rf'name="{name}" value="([^"]+)"[^>]*><span>[^<]*</span><small>(\d+)</small>', page.main)
    return {value: int(count) for value, count in found}


def test_filter_by_the_province_where_it_is_offered_counts_each_treatment_once(get: Get) -> None:
    here = make_treatment("here")
    for _turn in range(2):
        make_offer(here, make_facility(province="PV"))
    make_offer(make_treatment("there"), make_facility())
    make_offer(make_treatment("hidden"), make_facility(province="PV", is_published=False))

    page = get("/en/treatments/?province=PV")

    assert page.hits == [("treatment", "here")]
    assert counts(page, "province") == {"PV": 1, "MI": 1}
    assert "Remove this filter: Offered in: Pavia" in page.words


def test_filter_by_what_a_hospital_has_confirmed(get: Get) -> None:
    make_offer(make_treatment("confirmed"))
    make_offer(make_treatment("known"), is_confirmed=False)
    make_treatment("nowhere")

    page = get("/en/treatments/?confirmed=yes")

    assert page.hits == [("treatment", "confirmed")]
    assert counts(get("/en/treatments/"), "confirmed") == {"yes": 1}


def test_a_filter_of_which_nothing_is_known_is_not_shown(get: Get) -> None:
    make_treatment()

    words = get("/en/treatments/").words

    assert "Province where it is offered" not in words
    assert "Confirmed by at least one hospital" not in words


def test_all_filters_together(get: Get) -> None:
    district, specialty = make_district("heart"), make_specialty("cardiology")
    make_offer(make_treatment("a", districts=(district,), specialty=specialty))
    make_treatment("b", specialty=specialty)

    query = "district=heart&specialty=cardiology&kind=surgery&province=MI&confirmed=yes"
    page = get(f"/ar/treatments/?{query}")

    assert page.hits == [("treatment", "a")]
    assert page.main.count('class="chip chip--active"') == 5


def test_what_is_left_over_unfolds_and_what_is_ticked_stands_in_sight(get: Get) -> None:
    for number in range(15):
        make_treatment(specialty=make_specialty(f"specialty-{number:02}"))

    page = get("/en/treatments/?specialty=specialty-14")

    folded = page.main.partition('class="facet__more"')[2].partition("</details>")[0]
    assert "6 more" in folded
    assert "specialty-13" in folded
    assert "specialty-14" not in folded


@pytest.mark.parametrize("query", ["", "district=heart&specialty=cardiology&kind=surgery&province=MI&confirmed=yes"])
def test_queries_do_not_grow_with_rows(get: Get, query: str) -> None:
    district, specialty = make_district("heart"), make_specialty("cardiology")
    asked = []
    for _turn in range(2):
        for _row in range(26):
            make_offer(make_treatment(districts=(district,), specialty=specialty))
        with CaptureQueriesContext(connection) as queries:
            assert len(get(f"/en/treatments/?{query}").hits) == 24
        asked.append(len(queries))

    assert asked[0] == asked[1] <= 8
