"""Home: the promise, the ways in, and numbers that can be proved."""

from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from partners.models import Institution
from publishing.enums import FactState
from tests.treatments.factories import (
    make_district,
    make_facility,
    make_offer,
    make_protocol,
    make_ranking,
    make_specialty,
    make_treatment,
)
from tests.treatments.pages import Page

Get = Callable[[str], Page]


@pytest.fixture
def get(client: Client, db: None) -> Get:
    return lambda path: Page(client.get(path))


def make_institution(country: str = "AE", **fields: object) -> Institution:
    values = {"slug": f"institution-{country.lower()}", "name": f"Chamber of {country}", "kind": "chamber_of_commerce"}
    return Institution.objects.create(country=country, **{"state": FactState.VERIFIED} | values | fields)


def test_the_ways_in_are_search_body_and_specialties(get: Get) -> None:
    make_district("skin", name_en="Skin")
    make_specialty("cardiology", name_en="Cardiology").facilities.set([make_facility(), make_facility()])

    page = get("/en/")

    assert 'action="/en/search/"' in page.main
    assert "/en/search/?q=new+knee" in page.links
    assert "#body" in page.links
    assert "/en/body/skin/" in page.links
    assert "Cardiology 2" in page.words


def test_specialties_that_most_hospitals_list_come_first(get: Get) -> None:
    make_specialty("few", name_en="Alpha medicine")
    make_specialty("many", name_en="Omega medicine").facilities.set([make_facility()])

    words = get("/en/").words

    assert words.index("Omega medicine") < words.index("Alpha medicine")


def test_the_promise_comes_from_the_protocols_in_force(get: Get) -> None:
    facility = make_facility()
    make_protocol(facility, promised_working_days=5)
    make_protocol(facility, promised_working_days=10)
    make_protocol(facility, promised_working_days=90, state=FactState.UNVERIFIED)
    make_protocol(make_facility(is_demo=True), promised_working_days=1)

    assert "5 to 10 working days, as each hospital promises" in get("/en/").words


def test_without_a_protocol_nothing_is_promised(get: Get) -> None:
    assert "working days" not in get("/en/").words


def test_proofs_are_counted_and_the_demo_proves_nothing(get: Get) -> None:
    treatment = make_treatment()
    research = make_facility(kind="research_hospital_irccs")
    make_facility(kind="research_hospital_irccs", is_demo=True)
    make_offer(treatment, research)
    make_offer(treatment, make_facility(), is_confirmed=False)

    words = get("/en/").words

    assert "1 research hospitals in this directory" in words
    assert "of 2 hospitals" in words
    assert "1 times a published page names a treatment" in words
    assert "of 2 listed" in words


def test_the_ranking_is_the_best_place_in_the_newest_confirmed_edition(get: Get) -> None:
    make_ranking(make_facility(short_name="Old best"), edition=2024, world_rank=1)
    make_ranking(make_facility(short_name="Second"), edition=2026, world_rank=90)
    make_ranking(make_facility(short_name="First"), edition=2026, world_rank=43)
    make_ranking(make_facility(short_name="Rumour"), edition=2027, world_rank=2, state=FactState.UNVERIFIED)
    make_ranking(make_facility(short_name="One field"), edition=2026, world_rank=3, category="oncology")

    page = get("/en/")

    assert "43 place of First in the world, in “Example List”, 2026" in page.words
    assert "Example Press, as reported by example.org" in page.words
    assert "https://www.example.org/page" in page.links


def test_an_empty_catalogue_shows_no_proof_it_does_not_have(get: Get) -> None:
    page = get("/en/")

    assert page.status == 200
    assert 'class="figure"' not in page.main


def test_only_countries_with_partners_can_be_chosen(get: Get) -> None:
    make_institution("AE")
    make_institution("FR", state=FactState.UNVERIFIED)

    page = get("/en/")

    assert '<option value="ae">United Arab Emirates</option>' in page.main
    assert 'value="fr"' not in page.main
    assert 'action="/en/partners/"' in page.main


def test_a_chosen_country_shows_its_partners_and_stays_in_the_links(get: Get) -> None:
    make_institution("AE", name="Chamber in Dubai")
    make_institution("CN", name="Chamber in Beijing")
    make_district("skin")

    page = get("/en/?country=ae")

    assert "Chamber in Dubai" in page.words
    assert "Chamber in Beijing" not in page.words
    assert {"/en/partners/ae/", "/en/body/skin/?country=ae", "/en/search/?q=new+knee&country=ae"} <= set(page.links)
    assert '<input type="hidden" name="country" value="ae">' in page.main


@pytest.mark.parametrize("country", ["zz", "%00", "ae%22%3E", "fr"])
def test_a_country_without_partners_is_left_out_with_a_note(get: Get, country: str) -> None:
    make_institution("AE")

    page = get(f"/en/?country={country}")

    assert page.status == 200
    assert "A part of this address does not exist here" in page.words
    assert "country=" not in "".join(page.links)


def test_it_is_a_public_page(client: Client, db: None) -> None:
    answer = client.get("/en/")

    assert answer["Cache-Control"].startswith("public")
    assert not answer.cookies
    assert client.post("/en/").status_code == 405


def test_it_works_in_arabic_with_few_queries(get: Get, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    for number in range(3):
        facility = make_facility()
        make_offer(make_treatment(), facility)
        make_protocol(facility)
        make_ranking(facility)
        make_specialty(name_ar="القلب").facilities.add(facility)
        make_institution("AE", slug=f"institution-{number}")
    make_district("skin", name_ar="الجلد")

    with django_assert_max_num_queries(8):
        page = get("/ar/?country=ae")

    assert page.status == 200
    assert "الجلد" in page.words
    assert "الإمارات" in page.words
