"""Partners by country or region: what is listed, and no word more."""

from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from publishing.enums import FactState
from tests.partners.factories import make_agreement, make_institution
from tests.treatments.factories import make_facility
from tests.treatments.pages import Page

LEFT_OUT = "A part of this address does not exist here"
Get = Callable[[str], Page]
# One page asks for the countries, another for institutions and agreements; the footer for the day of the catalogue.
MOST_QUERIES = 6


@pytest.fixture
def get(client: Client, db: None) -> Get:
    return lambda path: Page(client.get(path))


def test_countries_stand_in_the_order_of_the_language_with_their_numbers(get: Get) -> None:
    make_institution("US")
    make_institution("AE")
    make_institution("AE")

    page = get("/en/partners/")

    assert [link for link in page.links if link.startswith("/en/partners/")] == ["/en/partners/ae/", "/en/partners/us/"]
    assert "United Arab Emirates 2" in page.words
    assert "3 institutions are listed as contacts" in page.words


def test_the_order_follows_the_language(get: Get) -> None:
    make_institution("DE")
    make_institution("AT")

    assert get("/de/partners/").words.index("Deutschland") < get("/de/partners/").words.index("Österreich")
    assert get("/en/partners/").words.index("Austria") < get("/en/partners/").words.index("Germany")


def test_it_works_in_arabic(get: Get) -> None:
    make_institution("AE", name="Invented Chamber")

    assert "الإمارات العربية المتحدة" in get("/ar/partners/").words
    page = get("/ar/partners/ae/")
    assert page.status == 200
    assert '<span lang="en" dir="ltr">Invented Chamber</span>' in page.main


def test_without_institutions_the_page_still_says_what_to_do(get: Get) -> None:
    page = get("/en/partners/")

    assert page.status == 200
    assert "/en/contact/" in page.links


def test_a_chosen_country_leads_to_its_page(client: Client, db: None) -> None:
    make_institution("AE")

    answer = client.get("/en/partners/?country=AE")

    assert (answer.status_code, answer["Location"]) == (301, "/en/partners/ae/")


@pytest.mark.parametrize("country", ["zz", "%00", "ae%00", "fr", "../ae", "a" * 500])
def test_a_country_that_is_not_there_is_left_out_with_a_note(get: Get, country: str) -> None:
    make_institution("AE")

    page = get(f"/en/partners/?country={country}")

    assert page.status == 200
    assert LEFT_OUT in page.words


def test_a_form_sent_empty_is_no_fault(get: Get) -> None:
    page = get("/en/partners/?country=")

    assert page.status == 200
    assert LEFT_OUT not in page.words


def test_a_country_lists_its_institutions_by_kind(get: Get) -> None:
    make_institution("AE", name="Invented University", kind="university")
    make_institution("AE", name="Invented Embassy", kind="embassy")
    make_institution("US", name="Elsewhere")

    words = get("/en/partners/ae/").words

    assert words.index("Embassy Invented Embassy") < words.index("University Invented University")
    assert "2 institutions are listed" in words
    assert "Elsewhere" not in words


def test_an_institution_that_waits_for_an_editor_is_not_shown(get: Get) -> None:
    make_institution("AE")
    make_institution("AE", name="Rumour", state=FactState.UNVERIFIED)
    make_institution("FR", state=FactState.UNVERIFIED)

    assert "Rumour" not in get("/en/partners/ae/").words
    assert "/en/partners/fr/" not in get("/en/partners/").links
    assert get("/en/partners/fr/").status == 404


def test_a_website_that_nobody_opened_is_no_link(get: Get) -> None:
    make_institution("AE", website="https://unseen.example.org")
    make_institution("AE", website="https://seen.example.org", is_website_verified=True)

    links = get("/en/partners/ae/").links

    assert "https://seen.example.org" in links
    assert "https://unseen.example.org" not in links


def test_what_editors_note_is_never_shown(get: Get) -> None:
    make_institution(
        "AE", note="for editors", name_given="Chambre as given", correction="spelling", has_memorandum=True
    )

    page = get("/en/partners/ae/")

    assert page.status == 200
    for secret in ("for editors", "as given", "spelling", "emorandum"):
        assert secret not in page.html


def test_agreements_of_the_country_name_hospital_and_origin(get: Get) -> None:
    make_institution("AE")
    facility = make_facility("example", short_name="Esempio")
    make_agreement(facility, "AE", title_en="Care for children", title_ar="رعاية الأطفال")
    make_agreement(facility, "US", title_en="Other side")
    make_agreement(facility, "AE", title_en="Rumour", state=FactState.UNVERIFIED)

    page = get("/en/partners/ae/")

    assert "Care for children" in page.words
    assert "Esempio" in page.words
    assert "an authority's page" in page.words
    assert "/en/facilities/example/" in page.links
    assert "Other side" not in page.words
    assert "Rumour" not in page.words
    assert "رعاية الأطفال" in get("/ar/partners/ae/").words


def test_an_agreement_of_a_hospital_that_is_not_published_is_not_shown(get: Get) -> None:
    make_institution("AE")
    make_agreement(make_facility("hidden", is_published=False), "AE", title_en="Hidden bond")

    page = get("/en/partners/ae/")

    assert page.status == 200
    assert "Hidden bond" not in page.words


def test_an_agreement_without_a_day_says_no_year(get: Get) -> None:
    make_institution("AE")
    make_agreement(make_facility(), "AE", met_on=None)

    page = get("/en/partners/ae/")

    assert page.status == 200
    assert "None" not in page.words


@pytest.mark.parametrize("code", ["zz", "fr", "%00", "a", "aee", "1", "ae%00"])
def test_a_country_without_institutions_is_not_there(get: Get, code: str) -> None:
    make_institution("AE")

    assert get(f"/en/partners/{code}/").status == 404


def test_capitals_lead_to_the_one_address(client: Client, db: None) -> None:
    make_institution("AE")

    answer = client.get("/en/partners/AE/")

    assert (answer.status_code, answer["Location"]) == (301, "/en/partners/ae/")


def test_a_typed_name_is_escaped(get: Get) -> None:
    make_institution("AE", name="<script>alert(1)</script>")

    assert "<script>alert" not in get("/en/partners/ae/").html


@pytest.mark.parametrize("path", ["/en/partners/", "/ar/partners/ae/"])
def test_queries_grow_neither_with_rows_nor_with_languages(
    get: Get, django_assert_max_num_queries: DjangoAssertNumQueries, path: str
) -> None:
    facility = make_facility()
    for _turn in range(12):
        make_institution("AE")
        make_agreement(facility, "AE")
    make_agreement(make_facility(), "AE")

    with django_assert_max_num_queries(MOST_QUERIES):
        assert get(path).status == 200
