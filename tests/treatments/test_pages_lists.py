"""The lists: treatments, conditions, specialties, the body."""

import re
from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.treatments.factories import (
    make_condition,
    make_district,
    make_facility,
    make_offer,
    make_specialty,
    make_treatment,
)
from tests.treatments.pages import Page

Get = Callable[[str], Page]
LEFT_OUT = "A part of this address does not exist here"
LISTS = ["/en/treatments/", "/en/conditions/", "/en/specialties/", "/en/body/"]


def facet_counts(page: Page) -> dict[str, int]:
    """Return value → count of every choice beside the list."""
    found = re.findall(r'value="([^"]+)"[^>]*><span>[^<]*</span><small>(\d+)</small>', page.main)
    return {value: int(count) for value, count in found}


def test_treatments_stand_in_the_order_of_their_names(get: Get) -> None:
    make_treatment("b-cure", name_en="Beta")
    make_treatment("a-cure", name_en="Alpha")
    make_treatment("hidden", is_published=False)

    page = get("/en/treatments/")

    assert page.hits == [("treatment", "a-cure"), ("treatment", "b-cure")]
    assert "2 treatments" in page.words


def test_a_treatment_says_how_many_hospitals_and_how_many_a_source_names(get: Get) -> None:
    treatment = make_treatment()
    make_offer(treatment)
    make_offer(treatment, is_confirmed=False)
    make_offer(treatment, make_facility(is_published=False))

    page = get("/en/treatments/")

    assert "2 hospitals" in page.words
    assert "1 named in a source" in page.words


def test_a_treatment_that_only_general_knowledge_supports_says_so(get: Get) -> None:
    make_offer(make_treatment(), is_confirmed=False)

    assert "Not yet confirmed by the hospital" in get("/en/treatments/").words


def test_a_list_shows_the_first_sentence_only(get: Get) -> None:
    make_treatment(summary_en="It heals in 2.5 days. It has risks.")

    page = get("/en/treatments/")

    assert "It heals in 2.5 days." in page.words
    assert "It has risks" not in page.words


def test_filters_combine(get: Get) -> None:
    heart, skin = make_district("heart"), make_district("skin")
    make_treatment("heart-operation", districts=(heart,), kind="surgery")
    make_treatment("heart-test", districts=(heart,), kind="diagnostic")
    make_treatment("skin-operation", districts=(skin,), kind="surgery")

    page = get("/en/treatments/?district=heart&kind=surgery")

    assert page.hits == [("treatment", "heart-operation")]


def test_two_values_of_one_filter_widen_it_and_count_each_row_once(get: Get) -> None:
    heart, skin, eyes = make_district("heart"), make_district("skin"), make_district("eyes")
    make_treatment("both", districts=(heart, skin))
    make_treatment("other", districts=(eyes,))

    page = get("/en/treatments/?district=heart&district=skin")

    assert page.hits == [("treatment", "both")]
    assert "1 treatment" in page.words


def test_counts_beside_the_list_respect_the_other_filters(get: Get) -> None:
    heart, skin = make_district("heart"), make_district("skin")
    make_treatment(districts=(heart,), kind="surgery")
    make_treatment(districts=(heart,), kind="diagnostic")
    make_treatment(districts=(skin,), kind="surgery")

    counts = facet_counts(get("/en/treatments/?district=heart"))

    assert (counts["surgery"], counts["diagnostic"]) == (1, 1)
    # The facet's own choice does not narrow it: the reader sees what another tick would add.
    assert (counts["heart"], counts["skin"]) == (2, 1)
    assert "transplant" not in counts


def test_a_chip_takes_its_filter_away_and_keeps_the_others(get: Get) -> None:
    make_treatment(districts=(make_district("heart", name_en="Heart"),), kind="surgery")

    page = get("/en/treatments/?district=heart&kind=surgery&page=1")

    assert "/en/treatments/?kind=surgery" in page.links
    assert "/en/treatments/?district=heart" in page.links
    assert "/en/treatments/" in page.links


@pytest.mark.parametrize("query", ["kind=bogus", "specialty=%00", "district=nowhere", "page=-1", "page=999", "page=x"])
def test_what_does_not_exist_is_left_out_with_a_note(get: Get, query: str) -> None:
    make_treatment("only")

    page = get(f"/en/treatments/?{query}")

    assert page.status == 200
    assert page.hits == [("treatment", "only")]
    assert LEFT_OUT in page.words


def test_a_good_address_has_no_note(get: Get) -> None:
    make_treatment(kind="surgery")

    assert LEFT_OUT not in get("/en/treatments/?kind=surgery&page=1&utm_source=mail").words


def test_long_lists_have_pages_that_keep_the_filters(get: Get) -> None:
    specialty = make_specialty()
    for number in range(25):
        make_treatment(f"cure-{number:02}", specialty=specialty, kind="surgery")

    first, second = get("/en/treatments/?kind=surgery"), get("/en/treatments/?kind=surgery&page=2")

    assert len(first.hits) == 24
    assert second.hits == [("treatment", "cure-24")]
    assert any("kind=surgery" in link and "page=2" in link for link in first.links)


def test_filters_that_leave_nothing_lead_back_to_the_whole_list(get: Get) -> None:
    make_treatment(districts=(make_district("heart"),), kind="surgery")
    make_treatment(kind="diagnostic")

    page = get("/en/treatments/?district=heart&kind=diagnostic")

    assert page.hits == []
    assert "Nothing has all these filters" in page.words


def test_conditions_have_filters_and_the_number_of_treatments(get: Get) -> None:
    heart = make_district("heart")
    condition = make_condition("angina", districts=(heart,))
    make_condition("other")
    make_treatment(conditions=(condition,))
    make_treatment(conditions=(condition,), is_published=False)

    page = get("/en/conditions/?district=heart")

    assert page.hits == [("condition", "angina")]
    assert "1 treatment" in page.words


def test_specialties_say_how_many_published_hospitals_list_them(get: Get) -> None:
    specialty = make_specialty("cardiology", name_en="Cardiology")
    specialty.facilities.set([make_facility(), make_facility(), make_facility(is_published=False)])

    page = get("/en/specialties/")

    assert page.hits == [("specialty", "cardiology")]
    assert "Cardiology 2 hospitals" in page.words


@pytest.mark.parametrize("path", ["/ar/treatments/", "/ar/conditions/", "/ar/specialties/", "/ar/body/"])
def test_lists_work_in_arabic(get: Get, path: str) -> None:
    names = {"name_en": "Heart", "name_ar": "القلب"}
    specialty = make_specialty(**names)
    make_treatment(specialty=specialty, **names)
    make_condition(specialty=specialty, **names)
    make_district(**names)

    page = get(path)

    assert page.status == 200
    assert 'dir="rtl"' in page.html
    assert "القلب" in page.words


def test_a_name_without_translation_is_marked_as_english(get: Get) -> None:
    make_treatment(name_en="Heart valve")

    assert '<span lang="en" dir="ltr">Heart valve</span>' in get("/ar/treatments/").main


@pytest.mark.parametrize("path", LISTS)
def test_lists_are_public_pages(client: Client, db: None, path: str) -> None:
    answer = client.get(path)

    assert answer["Cache-Control"].startswith("public")
    assert not answer.cookies
    assert "Cookie" not in answer.get("Vary", "")
    assert client.post(path).status_code == 405


@pytest.mark.parametrize("path", LISTS)
def test_queries_do_not_grow_with_rows(
    get: Get, django_assert_max_num_queries: DjangoAssertNumQueries, path: str
) -> None:
    for _round in range(3):
        district = make_district()
        condition = make_condition(districts=(district,))
        make_offer(make_treatment(districts=(district,), conditions=(condition,)))

    with django_assert_max_num_queries(8):
        get(path)
