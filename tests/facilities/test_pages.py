"""The list of facilities with its filters and map, and the page of one facility."""

import datetime
import re
from collections.abc import Callable

import pytest
import time_machine
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from facilities.models import Facility, FacilityFact
from publishing.enums import FactState, SourceKind, TextStatus
from publishing.models import TextState
from tests.treatments.factories import (
    SOURCE,
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
LEFT_OUT = "A part of this address does not exist here"
SOURCE_WORDS = "Named in a source"
UNCONFIRMED = "Not yet confirmed by the hospital"
# Rows, their count, the four filters and their names, the day of the catalogue.
MOST_QUERIES_OF_LIST = 8
# The facility with certificates, ranks, facts, specialties and the state of its text; offers, protocols, their papers,
# the day of the catalogue.
MOST_QUERIES_OF_DETAIL = 5


def make_fact(facility: Facility, name: str, value: str, **fields: object) -> FacilityFact:
    values = {"state": FactState.VERIFIED, **SOURCE}
    return FacilityFact.objects.create(facility=facility, name=name, value=value, **values | fields)


def slugs(page: Page) -> list[str]:
    return [slug for _kind, slug in page.hits]


def counts(page: Page, name: str) -> dict[str, int]:
    """Return value → number of the choices of one filter."""
    found = re.findall(rf'name="{name}" value="([^"]+)"[^>]*><span>[^<]*</span><small>(\d+)</small>', page.main)
    return {value: int(count) for value, count in found}


# --- the list -------------------------------------------------------------------------------------------------------


def test_facilities_stand_in_the_order_of_their_names(get: Get) -> None:
    make_facility("b", short_name="Beta")
    make_facility("a", short_name="Alpha")

    page = get("/en/facilities/")

    assert page.hits == [("facility", "a"), ("facility", "b")]
    assert "2 hospitals and centres" in page.words


def test_a_facility_that_is_not_published_is_nowhere(get: Get) -> None:
    make_facility("hidden", is_published=False)

    assert get("/en/facilities/").hits == []
    assert get("/en/facilities/hidden/").status == 404


def test_an_invented_facility_says_so_wherever_it_stands(get: Get) -> None:
    make_facility("invented", short_name="Clinica", is_demo=True)

    assert "invented for the demo" in get("/en/facilities/").words
    assert "invented for the demo" in get("/en/facilities/invented/").words


def test_the_name_of_a_hospital_stays_italian(get: Get) -> None:
    make_facility("example", short_name="Esempio", official_name="Ospedale Esempio")

    assert '<span lang="it" dir="ltr">Esempio</span>' in get("/ar/facilities/").main
    assert '<h1 lang="it" dir="ltr">Ospedale Esempio</h1>' in get("/ar/facilities/example/").main


def test_filter_by_province(get: Get) -> None:
    make_facility("milan")
    make_facility("pavia", province="PV", city="Pavia")

    page = get("/en/facilities/?province=PV")

    assert slugs(page) == ["pavia"]
    assert "Remove this filter: Pavia" in page.words
    assert 'name="province" value="PV" checked' in page.main


def test_several_values_of_a_filter_add_up(get: Get) -> None:
    for slug, province in (("a", "MI"), ("b", "PV"), ("c", "BG")):
        make_facility(slug, province=province)

    assert slugs(get("/en/facilities/?province=MI&province=PV")) == ["a", "b"]


def test_several_filters_narrow(get: Get) -> None:
    make_facility("both", ownership="private", province="PV")
    make_facility("one", ownership="private")
    make_facility("other", province="PV")

    assert slugs(get("/en/facilities/?province=PV&ownership=private")) == ["both"]


def test_filter_by_specialty_lists_each_facility_once(get: Get) -> None:
    heart, lungs = make_specialty("heart"), make_specialty("lungs")
    make_facility("a").specialties.set([heart, lungs])
    make_facility("b")

    assert slugs(get("/en/facilities/?specialty=heart&specialty=lungs")) == ["a"]


def test_numbers_beside_a_filter_respect_the_others_and_not_itself(get: Get) -> None:
    make_facility(province="MI", ownership="public")
    make_facility(province="MI", ownership="private")
    make_facility(province="PV", ownership="private")
    make_facility(province="BG", ownership="public", is_published=False)

    page = get("/en/facilities/?ownership=private")

    assert counts(page, "province") == {"MI": 1, "PV": 1}
    assert counts(page, "ownership") == {"public": 1, "private": 2}


@pytest.mark.parametrize(
    "query",
    [
        "province=XX",
        "province=%00",
        "kind=nothing",
        "specialty=a%00b",
        "ownership=%27%3B--",
        "province=MI%20",
        "page=99",
    ],
)
def test_what_does_not_exist_is_left_out_with_a_note(get: Get, query: str) -> None:
    make_facility("a")

    page = get(f"/en/facilities/?{query}")

    assert page.status == 200
    assert LEFT_OUT in page.words
    assert slugs(page) == ["a"]


def test_an_unknown_value_beside_a_known_one_takes_nothing_away(get: Get) -> None:
    make_facility("milan")
    make_facility("pavia", province="PV")

    page = get("/en/facilities/?province=PV&province=XX")

    assert slugs(page) == ["pavia"]
    assert LEFT_OUT in page.words


def test_parameters_that_are_no_filter_are_no_fault(get: Get) -> None:
    make_facility("a")

    page = get("/en/facilities/?utm_source=mail&q=&province=")

    assert slugs(page) == ["a"]
    assert LEFT_OUT not in page.words


def test_nothing_found_says_what_to_do(get: Get) -> None:
    make_facility("a", ownership="public")
    make_facility("b", ownership="private", province="PV")

    page = get("/en/facilities/?ownership=public&province=PV")

    assert page.status == 200
    assert page.hits == []
    assert "Nothing has all these filters" in page.words
    assert "/en/facilities/" in page.links


def test_the_map_shows_the_facilities_of_the_list(get: Get) -> None:
    make_facility(province="MI")
    make_facility(province="PV")

    page = get("/en/facilities/?province=PV")

    assert "Map of Lombardy with 1 hospital" in page.html
    assert page.main.count("data-map-pin") == 1
    assert "/en/facilities/?province=MI#map" in page.links


def test_the_list_works_in_arabic(get: Get) -> None:
    make_specialty("heart", name_ar="أمراض القلب").facilities.set([make_facility("a")])

    page = get("/ar/facilities/?specialty=heart")

    assert slugs(page) == ["a"]
    assert "أمراض القلب" in page.words


# --- one facility ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", ["missing", "example-1%00", "%00"])
def test_a_facility_that_is_not_there_is_not_found(get: Get, slug: str) -> None:
    assert get(f"/en/facilities/{slug}/").status == 404


def test_a_facility_works_in_arabic(get: Get) -> None:
    specialty = make_specialty("heart", name_ar="أمراض القلب")
    facility = make_facility("a", usual_name_ar="مستشفى المثال", summary_ar="نبذة")
    facility.specialties.add(specialty)
    make_offer(make_treatment(name_ar="قسطرة", specialty=specialty), facility)

    words = get("/ar/facilities/a/").words

    for text in ("مستشفى المثال", "نبذة", "أمراض القلب", "قسطرة"):
        assert text in words


def test_a_text_that_is_missing_is_shown_in_english_with_a_label(get: Get) -> None:
    make_facility("a", summary_en="A house for hearts.")

    page = get("/ar/facilities/a/")

    assert '<span lang="en" dir="ltr">A house for hearts.</span>' in page.main


def test_a_text_that_a_machine_wrote_says_so_until_a_doctor_has_read_it(get: Get) -> None:
    facility = make_facility("a", summary_en="A house.")
    kind = ContentType.objects.get_for_model(Facility)
    state = TextState.objects.create(
        content_type=kind, object_id=facility.pk, field="summary", language="en", status=TextStatus.MACHINE
    )
    before = get("/en/facilities/a/").words
    state.status, state.is_medically_reviewed = TextStatus.REVIEWED, True
    state.save()

    assert "machine" in before.lower()
    assert "machine" not in get("/en/facilities/a/").words.lower()


@pytest.mark.parametrize(
    ("today", "state", "words"),
    [
        ("2026-06-30", "in_date", "In date until"),
        ("2026-12-01", "expires_soon", "Ends soon, on"),
        ("2026-12-31", "expires_soon", "Ends soon, on"),
        ("2027-01-01", "lapsed", "not counted in any filter"),
    ],
)
def test_an_accreditation_is_no_badge_from_the_day_after_its_end(get: Get, today: str, state: str, words: str) -> None:
    make_accreditation(make_facility("a"), valid_until=datetime.date(2026, 12, 31))

    with time_machine.travel(f"{today} 12:00:00+00:00", tick=False):
        page = get("/en/facilities/a/")

    assert f"badge--{state}" in page.main
    assert words in page.words


def test_an_accreditation_whose_end_was_never_read_is_history(get: Get) -> None:
    make_accreditation(make_facility("a"), last_known_year=2018)

    page = get("/en/facilities/a/")

    assert "badge--history" in page.main
    assert "badge__seal" not in page.main
    assert "Last renewal known to us: 2018" in page.words


def test_an_accreditation_that_waits_for_an_editor_is_not_shown(get: Get) -> None:
    make_accreditation(make_facility("a"), body="Rumour Board", state=FactState.UNVERIFIED)

    assert "Rumour Board" not in get("/en/facilities/a/").words


def test_a_rank_is_shown_as_published_with_year_and_source(get: Get) -> None:
    facility = make_facility("a")
    make_ranking(facility, world_rank=9, category="oncology")
    make_ranking(facility, world_rank=68, world_rank_to=78, category="cardiology")
    make_ranking(facility, world_rank=None, world_rank_to=20, category="neurology")
    make_ranking(facility, world_rank=None, italian_rank=3, category="paediatrics")
    make_ranking(facility, category="endocrinology", state=FactState.UNVERIFIED, ranking="Rumour")

    page = get("/en/facilities/a/")

    places = re.findall(r'ranking__place"><bdi dir="ltr">(.*?)</bdi>', page.main)
    assert sorted(places) == ["", "1–20", "68–78", "9"]
    assert "Example List , 2026" in page.words
    assert "Paediatrics. In Italy: 3" in page.words
    assert "Example Press" in page.words
    assert "Rumour" not in page.words


@pytest.mark.parametrize(("state", "words"), [(FactState.VERIFIED, SOURCE_WORDS), (FactState.INDICATIVE, UNCONFIRMED)])
@pytest.mark.parametrize("name", ["founded", "beds", "university_affiliation"])
def test_a_fact_says_how_sure_it_is(get: Get, name: str, state: str, words: str) -> None:
    make_fact(make_facility("a"), name, "1456", state=state)

    page = get("/en/facilities/a/")

    assert "1456" in page.words
    assert words in page.words.partition("More about it")[2]


def test_a_fact_that_waits_for_an_editor_is_not_shown(get: Get) -> None:
    make_fact(make_facility("a"), "beds", "77777", state=FactState.UNVERIFIED)

    assert "77777" not in get("/en/facilities/a/").words


def test_the_years_before_stand_beside_the_newest_place(get: Get) -> None:
    facility = make_facility("a")
    for edition, place in ((2023, 12), (2025, 9), (2024, 16)):
        make_ranking(facility, edition=edition, world_rank=place)

    page = get("/en/facilities/a/")

    assert re.findall(r'ranking__place"><bdi dir="ltr">(.*?)</bdi>', page.main) == ["9"]
    assert "Earlier: 2024 : 16 · 2023 : 12" in page.words


def test_the_register_of_a_body_is_linked_where_its_entry_is_known(get: Get) -> None:
    facility = make_facility("a")
    make_accreditation(facility, valid_until=datetime.date(2999, 1, 1), register_url="https://register.example.org/7")

    page = get("/en/facilities/a/")

    assert "https://register.example.org/7" in page.links
    assert "Entry in the body’s register" in page.words


def test_an_end_that_nobody_proved_is_no_badge(get: Get) -> None:
    make_accreditation(make_facility("a"), valid_until=datetime.date(2999, 1, 1), state=FactState.INDICATIVE)

    assert "badge--history" in get("/en/facilities/a/").main


@pytest.mark.parametrize(("number", "is_folded"), [(12, False), (13, True)])
def test_a_long_list_of_treatments_can_be_folded_by_specialty(get: Get, *, number: int, is_folded: bool) -> None:
    facility, specialty = make_facility("a"), make_specialty(name_en="Heart medicine")
    for _turn in range(number):
        make_offer(make_treatment(specialty=specialty), facility)

    page = get("/en/facilities/a/")

    assert ("<summary><span>Heart medicine</span>" in page.main) is is_folded
    assert page.main.count("/en/treatments/") == number


# --- what machines read ---------------------------------------------------------------------------------------------


def test_a_facility_is_a_hospital_with_its_place(get: Get) -> None:
    facility = make_facility(
        "a",
        official_name="Ospedale A",
        address="Via Esempio 1",
        postal_code="20100",
        verified_on=datetime.date(2026, 11, 21),
    )
    facility.specialties.set([make_specialty("cardiology"), make_specialty("hyperbaric-medicine")])

    page, thing, trail = get("/en/facilities/a/").structured_data

    assert (thing["@type"], thing["name"]) == ("Hospital", "Ospedale A")
    assert thing["address"]["addressLocality"] == "Milano"
    assert thing["geo"] == {"@type": "GeoCoordinates", "latitude": 45.46, "longitude": 9.19}
    assert thing["medicalSpecialty"] == ["https://schema.org/Cardiovascular"]
    assert page["lastReviewed"] == "2026-11-21"
    assert [step["name"] for step in trail["itemListElement"]] == ["Hospitals", "Province: Milan", "A"]


def test_machines_read_of_a_certificate_until_the_day_it_ends(get: Get) -> None:
    make_accreditation(make_facility("a"), valid_until=datetime.date(2026, 12, 31))

    with time_machine.travel("2026-12-31 12:00:00+00:00", tick=False):
        _page, thing, _trail = get("/en/facilities/a/").structured_data
    with time_machine.travel("2027-01-01 12:00:00+00:00", tick=False):
        _page, later, _trail = get("/en/facilities/a/").structured_data

    assert thing["hasCredential"][0]["expires"] == "2026-12-31"
    assert "hasCredential" not in later


def test_machines_are_told_nothing_of_an_invented_hospital(get: Get) -> None:
    make_facility("a", is_demo=True)

    assert "ld+json" not in get("/en/facilities/a/").html


def test_a_source_is_linked_only_where_it_may_be(get: Get) -> None:
    facility = make_facility("a")
    make_fact(facility, "founded", "1456", source="https://linked.example.org/", source_kind=SourceKind.REGISTER)
    make_fact(facility, "beds", "100", source="https://unlinked.example.org/", source_kind=SourceKind.SECONDARY)

    links = get("/en/facilities/a/").links

    assert "https://linked.example.org/" in links
    assert "https://unlinked.example.org/" not in links


def test_an_offer_that_only_general_knowledge_supports_has_no_mark(get: Get) -> None:
    facility = make_facility("a")
    make_offer(make_treatment("named", name_en="Named cure"), facility)
    make_offer(make_treatment("guessed", name_en="Guessed cure"), facility, is_confirmed=False)

    words = get("/en/facilities/a/").words

    assert f"Named cure {SOURCE_WORDS}" in words
    assert f"Guessed cure {SOURCE_WORDS}" not in words
    assert "the hospital has not confirmed the others yet" in words


def test_a_treatment_that_is_not_published_is_not_listed(get: Get) -> None:
    make_offer(make_treatment("hidden", name_en="Hidden cure", is_published=False), make_facility("a"))

    page = get("/en/facilities/a/")

    assert "Hidden cure" not in page.words
    assert "We know of no single treatment here yet" in page.words


@pytest.mark.parametrize("is_verified", [True, False])
def test_a_website_that_nobody_opened_is_no_link(get: Get, *, is_verified: bool) -> None:
    make_facility("a", website="https://www.example.org/", is_website_verified=is_verified)

    page = get("/en/facilities/a/")

    assert ("https://www.example.org/" in page.links) is is_verified
    assert ("https://www.example.org/" in page.html) is is_verified


def test_what_editors_note_is_never_shown(get: Get) -> None:
    facility = make_facility("a", note="for editors", sources=["https://secret.example.org"], regional_code="030900")
    make_fact(facility, "beds", "100", note="for editors")

    html = get("/en/facilities/a/").html

    for secret in ("for editors", "secret.example.org", "030900"):
        assert secret not in html


def test_second_opinion_starts_with_this_facility(get: Get) -> None:
    make_facility("a")

    links = get("/en/facilities/a/").links

    assert "/en/second-opinion/?facility=a" in links
    assert "/en/compare/?facility=a" in links


def test_rules_of_a_second_opinion_are_those_in_force(get: Get) -> None:
    facility = make_facility("a")
    make_protocol(facility, name_en="Rules in force")
    make_protocol(facility, name_en="Rules of old", valid_until=datetime.date(2021, 1, 1))
    make_protocol(facility, name_en="Rules to be checked", state=FactState.UNVERIFIED)

    words = get("/en/facilities/a/").words

    assert "Rules in force" in words
    assert "Rules of old" not in words
    assert "Rules to be checked" not in words


def test_what_editors_type_is_escaped(get: Get) -> None:
    make_facility("a", short_name="<script>alert(1)</script>", summary_en="</script><b>bold</b>")

    html = get("/en/facilities/a/").html

    assert "<script>alert" not in html
    assert "<b>bold" not in html


# --- queries --------------------------------------------------------------------------------------------------------


def fill(number: int) -> None:
    """Make the list longer and the facility `a` richer."""
    facility = Facility.objects.filter(slug="a").first() or make_facility("a", summary_en="A house.")
    for _turn in range(number):
        specialty = make_specialty()
        make_facility().specialties.add(specialty)
        facility.specialties.add(specialty)
        make_offer(make_treatment(specialty=specialty), facility)
        make_protocol(facility)
        make_accreditation(facility, level=f"Level {specialty.slug}")
        make_ranking(facility, ranking=f"List {specialty.slug}")


@pytest.mark.parametrize(
    ("path", "most"), [("facilities/", MOST_QUERIES_OF_LIST), ("facilities/a/", MOST_QUERIES_OF_DETAIL)]
)
def test_queries_grow_neither_with_rows_nor_with_languages(
    get: Get, django_assert_max_num_queries: DjangoAssertNumQueries, path: str, most: int
) -> None:
    fill(2)
    asked = []
    for language in ("en", "ar", "zh-hans"):
        with CaptureQueriesContext(connection) as queries:
            get(f"/{language}/{path}")
        asked.append(len(queries))
    fill(10)

    with django_assert_max_num_queries(most):
        assert get(f"/en/{path}").status == 200
    with CaptureQueriesContext(connection) as queries:
        get(f"/ar/{path}")
    assert len(set(asked) | {len(queries)}) == 1
