"""Facilities side by side."""

import datetime
import re
from collections.abc import Callable
from html import unescape

import pytest
from pytest_django import DjangoAssertNumQueries

from tests.treatments.factories import (
    make_accreditation,
    make_facility,
    make_offer,
    make_protocol,
    make_ranking,
    make_specialty,
    make_treatment,
)
from tests.treatments.pages import Page

Get = Callable[[str], Page]


def rows(page: Page) -> dict[str, list[str]]:
    """Return label → cells of the table; a marked row's label ends in `differs`."""
    found = {}
    for row in re.findall(r"<tr.*?</tr>", page.main.partition("<tbody>")[2], re.DOTALL):
        label, *cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
        found[strip(label)] = [strip(cell) for cell in cells]
    return found


def strip(markup: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def test_without_a_choice_the_page_asks_for_one(get: Get) -> None:
    make_facility("alpha", short_name="Alpha")

    page = get("/en/compare/")

    assert "No hospital chosen yet" in page.words
    assert page.main.count('value="alpha"') == 4


def test_facilities_stand_in_the_order_of_the_address(get: Get) -> None:
    make_facility("alpha", short_name="Alpha")
    make_facility("beta", short_name="Beta")

    page = get("/en/compare/?facility=beta&facility=alpha")

    head = page.main.partition("<thead>")[2].partition("</thead>")[0]
    assert head.index("Beta") < head.index("Alpha")
    assert "/en/compare/?facility=alpha" in page.links


def test_known_differences_are_marked(get: Get) -> None:
    make_facility("alpha", ownership="public", province="CO", city="Erba")
    make_facility("beta", ownership="private_accredited", province="CO", city="Erba")

    table = rows(get("/en/compare/?facility=alpha&facility=beta"))

    assert table["Ownership differs"] == ["Public", "Private, accredited by the regional health service"]
    assert table["Place"] == ["Erba (Como)", "Erba (Como)"]


def test_what_is_not_known_is_no_difference(get: Get) -> None:
    make_protocol(make_facility("alpha"), promised_working_days=5)
    make_facility("beta")

    table = rows(get("/en/compare/?facility=alpha&facility=beta"))

    assert table["Second opinion: answer within"] == ["5 working days", "not stated yet"]


def test_a_row_nobody_knows_anything_about_is_left_out(get: Get) -> None:
    make_facility("alpha")

    table = rows(get("/en/compare/?facility=alpha"))

    assert set(table) == {"Kind", "Ownership", "Place"}


def test_the_treatment_adds_how_sure_each_offer_is(get: Get) -> None:
    treatment = make_treatment("cure", name_en="Cure")
    make_offer(treatment, make_facility("sure"))
    make_offer(treatment, make_facility("unsure"), is_confirmed=False)
    make_facility("silent")

    page = get("/en/compare/?facility=sure&facility=unsure&facility=silent&treatment=cure")

    cells = ["Named in a source", "Not yet confirmed by the hospital", "not stated yet"]
    assert rows(page)["Offers this treatment differs"] == cells
    assert "Compare hospitals: Cure" in page.words


def test_a_protocol_of_the_treatment_wins_over_a_general_one(get: Get) -> None:
    facility, treatment = make_facility("alpha"), make_treatment("cure")
    make_protocol(facility, slug="a", promised_working_days=5, fee=500, document_languages=["en"])
    make_protocol(facility, slug="b", promised_working_days=10, is_promise_approximate=True, treatments=(treatment,))

    general = rows(get("/en/compare/?facility=alpha"))
    named = rows(get("/en/compare/?facility=alpha&treatment=cure"))

    assert general["Second opinion: answer within"] == ["5 working days"]
    assert general["Second opinion: fee"] == ["€500"]
    assert general["Second opinion: languages of your papers"] == ["English"]
    assert general["Second opinion: papers"] == ["Medical report Scans and X-rays"]
    assert named["Second opinion: answer within"] == ["about 10 working days"]
    assert named["Second opinion: fee"] == ["On request"]


def test_accreditations_say_what_is_known_of_their_validity(get: Get) -> None:
    facility = make_facility("alpha")
    make_accreditation(facility, body="A", valid_until=datetime.date(2999, 1, 1))
    make_accreditation(facility, body="B", valid_until=datetime.date(2001, 1, 1))
    make_accreditation(facility, body="C", last_known_year=2018)
    make_accreditation(facility, body="D", state="unverified")

    (cell,) = rows(get("/en/compare/?facility=alpha"))["Accreditations"]

    assert "A, Hospital: in date until 1 January 2999" in cell
    assert "B, Hospital: ended on 1 January 2001" in cell
    assert "C, Hospital: last renewal known to us 2018, validity not confirmed" in cell
    assert "D, Hospital" not in cell


def test_rankings_carry_their_year_and_only_the_newest_edition(get: Get) -> None:
    facility = make_facility("alpha")
    make_ranking(facility, edition=2024, world_rank=52)
    make_ranking(facility, edition=2026, world_rank=43)
    make_ranking(facility, edition=2026, category="oncology", world_rank=68, world_rank_to=78)

    (cell,) = rows(get("/en/compare/?facility=alpha"))["Rankings: place in the world"]

    assert cell == "Example List 2026: Oncology 68–78, All specialties 43"


def test_an_invented_hospital_is_told_from_a_real_one(get: Get) -> None:
    make_facility("real")
    make_facility("invented", is_demo=True)

    table = rows(get("/en/compare/?facility=real&facility=invented"))

    assert table["Listing differs"] == ["A real hospital", "Invented for the demo"]


def test_specialties_in_common_are_said_once(get: Get) -> None:
    heart, skin = make_specialty(name_en="Heart medicine"), make_specialty(name_en="Skin medicine")
    make_facility("alpha").specialties.set([heart, skin])
    make_facility("beta").specialties.set([heart])
    make_facility("silent")

    page = get("/en/compare/?facility=alpha&facility=beta&facility=silent")

    assert "Specialties they have in common: Heart medicine" in page.words
    # An open list proves no difference: the row is not marked.
    assert rows(page)["Other specialties"] == ["Skin medicine", "not stated yet", "not stated yet"]


def test_only_four_fit(get: Get) -> None:
    slugs = [f"house-{number}" for number in range(5)]
    for slug in slugs:
        make_facility(slug)

    page = get("/en/compare/?" + "&".join(f"facility={slug}" for slug in slugs))

    assert "We show the first 4." in page.words
    assert page.main.count('scope="col"') == 4


@pytest.mark.parametrize("query", ["facility=nowhere", "facility=%00", "treatment=nothing"])
def test_what_does_not_exist_is_left_out_with_a_note(get: Get, query: str) -> None:
    make_facility("alpha")
    make_facility("hidden", is_published=False)

    page = get(f"/en/compare/?facility=alpha&{query}")

    assert page.status == 200
    assert "A part of this address does not exist here" in page.words
    assert page.main.count('scope="col"') == 1


def test_free_places_of_the_form_and_repetitions_are_no_mistake(get: Get) -> None:
    make_facility("alpha")

    page = get("/en/compare/?facility=alpha&facility=&facility=alpha&facility=&treatment=")

    assert "does not exist here" not in page.words
    assert page.main.count('scope="col"') == 1


def test_it_works_in_arabic_with_few_queries(get: Get, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    treatment = make_treatment("cure", name_ar="علاج")
    slugs = [f"house-{number}" for number in range(4)]
    for slug in slugs:
        facility = make_facility(slug)
        make_offer(treatment, facility)
        make_protocol(facility)
        make_ranking(facility)
        make_accreditation(facility, last_known_year=2018)
        facility.specialties.set([make_specialty(name_ar="القلب")])

    with django_assert_max_num_queries(8):
        page = get("/ar/compare/?treatment=cure&" + "&".join(f"facility={slug}" for slug in slugs))

    assert page.status == 200
    assert "علاج" in page.words
    assert page.response["Cache-Control"].startswith("public")
