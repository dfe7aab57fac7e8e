"""The filters of the list of facilities: each by itself, all together, and what is not there."""

import datetime
import re
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ecosystem.models import Network, NetworkRole
from facilities.distances import airports, kilometres
from facilities.models import Facility, FacilityFact
from publishing.enums import FactState
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
MOST_QUERIES = 8
LINATE = {"latitude": 45.4451, "longitude": 9.27674}
EVERYTHING = (
    "province=MI&kind=general_hospital&ownership=public&specialty=heart&treatment=knee&accreditation=Example+Board"
    "&ranking=example-list-2026-overall&network=hearts&member=yes&language=en&days=5&airport=LIN&km=25&sort=confirmed"
)


def slugs(page: Page) -> list[str]:
    return [slug for _kind, slug in page.hits]


def counts(page: Page, name: str) -> dict[str, int]:
    """Return value → number of the choices of one filter."""
    found = re.findall(rf'name="{name}" value="([^"]+)"[^>]*><span>[^<]*</span><small>(\d+)</small>', page.main)
    return {value: int(count) for value, count in found}


def make_member(facility: Facility, **fields: object) -> FacilityFact:
    values = {"name": "health_lombardy_member", "value": "yes", "state": FactState.VERIFIED, **SOURCE}
    return FacilityFact.objects.create(facility=facility, **values | fields)


def make_network(slug: str, *members: Facility, **fields: object) -> Network:
    network = Network.objects.create(
        slug=slug, name_en=slug.capitalize(), kind="pathology_network", specialty=make_specialty()
    )
    for facility in members:
        values = {"role": "coordinates", "state": FactState.VERIFIED, **SOURCE}
        NetworkRole.objects.create(network=network, facility=facility, **values | fields)
    return network


def make_rich(slug: str) -> Facility:
    """Return a facility that every filter of EVERYTHING keeps."""
    facility = make_facility(slug, **LINATE)
    facility.specialties.add(make_specialty("heart"))
    make_offer(make_treatment("knee"), facility)
    make_accreditation(facility, valid_until=datetime.date(2999, 1, 1))
    make_ranking(facility)
    make_network("hearts", facility)
    make_member(facility)
    make_protocol(facility)
    return facility


# --- each by itself -------------------------------------------------------------------------------------------------


def test_filter_by_treatment_keeps_public_offers_only(get: Get) -> None:
    knee = make_treatment("knee", name_en="New knee")
    make_offer(knee, make_facility("confirmed"))
    make_offer(knee, make_facility("known"), is_confirmed=False)
    waiting = make_offer(knee, make_facility("waiting"))
    waiting.state = FactState.UNVERIFIED
    waiting.save()
    make_facility("other")

    page = get("/en/facilities/?treatment=knee")

    assert slugs(page) == ["confirmed", "known"]
    assert counts(page, "treatment") == {"knee": 2}
    assert "Remove this filter: New knee" in page.words


def test_a_hospital_that_has_confirmed_comes_first_and_the_reader_may_ask_for_the_alphabet(get: Get) -> None:
    knee, hip = make_treatment("knee"), make_treatment("hip")
    make_offer(knee, make_facility("a"), is_confirmed=False)
    make_offer(knee, make_facility("b"))
    both = make_facility("c")
    make_offer(knee, both)
    make_offer(hip, both)

    assert slugs(get("/en/facilities/?treatment=knee&treatment=hip")) == ["c", "b", "a"]
    page = get("/en/facilities/?treatment=knee&treatment=hip&sort=name")
    assert slugs(page) == ["a", "b", "c"]
    assert '<input type="hidden" name="sort" value="name">' in page.main


def test_of_many_treatments_the_most_frequent_are_offered_and_the_others_are_found_by_words(get: Get) -> None:
    facilities = [make_facility() for _turn in range(3)]
    for number in range(8):
        cure = make_treatment(f"cure-{number}")
        for facility in facilities[:2]:
            make_offer(cure, facility)
    rare = make_treatment("rare", name_en="Mending of a rare valve", synonyms_en=["little flap"])
    make_offer(rare, facilities[2])

    plain, found = get("/en/facilities/"), get("/en/facilities/?treatment_words=valve+RARE")

    assert len(counts(plain, "treatment")) == 8
    assert "rare" not in counts(plain, "treatment")
    assert counts(found, "treatment") == {"rare": 1}
    assert counts(get("/en/facilities/?treatment_words=flap"), "treatment") == {"rare": 1}
    # Words choose nothing yet: the list is whole, and the sheet stands open.
    assert len(found.hits) == 3
    assert re.search(r'<details class="facets"[^>]* open', found.main)
    assert LEFT_OUT not in found.words
    assert "Nothing here has these words" in get("/en/facilities/?treatment_words=xyz").words


@pytest.mark.parametrize(("today", "found"), [("2026-12-31", ["a"]), ("2027-01-01", [])])
def test_an_accreditation_leaves_the_filter_the_day_after_its_end(get: Get, today: str, found: list[str]) -> None:
    make_accreditation(make_facility("a"), valid_until=datetime.date(2026, 12, 31))
    make_accreditation(make_facility("history"), last_known_year=2020)
    make_accreditation(make_facility("waiting"), valid_until=datetime.date(2030, 1, 1), state=FactState.UNVERIFIED)

    with time_machine.travel(f"{today} 12:00:00+00:00", tick=False):
        page = get("/en/facilities/?accreditation=Example+Board")

    assert (slugs(page) == found) or not found
    assert list(counts(page, "accreditation").values()) == [1] * len(found)
    assert ("valid until 31 December 2026" in page.words) is bool(found)
    # Once nobody has it, nobody knows the word any more.
    assert (LEFT_OUT in page.words) is not found


def test_filter_by_list_of_a_ranking_says_edition_and_category(get: Get) -> None:
    make_ranking(make_facility("new"), category="oncology")
    make_ranking(make_facility("old"), edition=2024)
    make_ranking(make_facility("rumour"), edition=2023, state=FactState.UNVERIFIED)

    page = get("/en/facilities/?ranking=example-list-2026-oncology")

    assert slugs(page) == ["new"]
    assert "Remove this filter: Example List 2026: Oncology" in page.words
    assert counts(page, "ranking") == {"example-list-2026-oncology": 1, "example-list-2024-overall": 1}


def test_filter_by_network_knows_only_what_a_source_names(get: Get) -> None:
    named, guessed = make_facility("named"), make_facility("guessed")
    make_network("hearts", named)
    make_network("lungs", guessed, state=FactState.UNVERIFIED)

    page = get("/en/facilities/?network=hearts")

    assert slugs(page) == ["named"]
    assert counts(get("/en/facilities/"), "network") == {"hearts": 1}
    assert slugs(get("/en/facilities/?network=lungs")) == []


def test_filter_by_membership(get: Get) -> None:
    make_member(make_facility("member"))
    make_member(make_facility("perhaps"), state=FactState.UNVERIFIED)
    make_member(make_facility("not"), value="no")

    page = get("/en/facilities/?member=yes")

    assert slugs(page) == ["member"]
    assert counts(page, "member") == {"yes": 1}


def test_filters_by_protocols_count_what_is_in_force(get: Get) -> None:
    make_protocol(make_facility("quick"), document_languages=["ar", "en"], promised_working_days=5)
    make_protocol(make_facility("slow"), document_languages=["it"], promised_working_days=10)
    make_protocol(make_facility("past"), document_languages=["zh-hans"], valid_until=datetime.date(2021, 1, 1))

    page = get("/en/facilities/")

    assert counts(page, "language") == {"ar": 1, "en": 1, "it": 1}
    assert counts(page, "days") == {"5": 1, "10": 2, "15": 2, "20": 2}
    assert slugs(get("/en/facilities/?language=ar&language=it")) == ["quick", "slow"]
    assert slugs(get("/en/facilities/?days=5")) == ["quick"]
    assert "Second opinion promised from 5 working days" in page.words
    assert "Remove this filter: Documents in: Arabic" in get("/en/facilities/?language=ar").words


def test_hospitals_with_a_video_call_are_those_that_say_so(get: Get) -> None:
    for slug, says in (("with", True), ("without", False), ("silent", None)):
        make_protocol(make_facility(slug), includes_consultation=says)

    assert counts(get("/en/facilities/"), "consultation") == {"yes": 1}
    page = get("/en/facilities/?consultation=yes")
    assert slugs(page) == ["with"]
    assert "Remove this filter: Includes a video call with the specialist" in page.words


def test_from_an_airport_the_nearest_stands_first_and_says_how_far_in_a_straight_line(get: Get) -> None:
    make_facility("far", latitude=46.2, longitude=10.2)
    make_facility("near", latitude=45.5, longitude=9.3)

    page = get("/en/facilities/?airport=LIN")

    assert slugs(page) == ["near", "far"]
    assert "6 km from \u2068Milano Linate\u2069, in a straight line" in page.words
    assert counts(page, "km") == {"25": 1, "50": 1, "100": 1}
    assert slugs(get("/en/facilities/?airport=LIN&km=25")) == ["near"]
    assert slugs(get("/en/facilities/?airport=LIN&sort=name")) == ["far", "near"]


def test_a_distance_without_an_airport_is_left_out(get: Get) -> None:
    make_facility("far", latitude=46.2, longitude=10.2)

    page = get("/en/facilities/?km=25")

    assert slugs(page) == ["far"]
    assert LEFT_OUT in page.words
    # Taking the airport away takes the distance along.
    assert "/en/facilities/?province=MI" in get("/en/facilities/?province=MI&airport=LIN&km=100").links


def test_the_database_measures_as_the_page_of_a_facility_does(db: None) -> None:
    facility = make_facility(latitude=46.1, longitude=10.3)

    for airport in airports():
        (measured,) = Facility.objects.near(airport.latitude, airport.longitude)
        assert measured.distance_km == pytest.approx(kilometres(facility, airport), abs=1e-6)


# --- together -------------------------------------------------------------------------------------------------------


def test_all_filters_together(get: Get) -> None:
    make_rich("a")
    make_facility("b", **LINATE)

    page = get(f"/en/facilities/?{EVERYTHING}")

    assert slugs(page) == ["a"]
    assert LEFT_OUT not in page.words
    assert "1 hospital or centre" in page.words
    assert page.main.count("Remove this filter:") == 13
    assert "checked><span>Milano Linate (LIN)" in page.main


def test_numbers_respect_every_other_filter(get: Get) -> None:
    heart, knee = make_specialty("heart"), make_treatment("knee")
    both, one, other = make_facility("a", province="PV"), make_facility("b"), make_facility("c", province="PV")
    both.specialties.add(heart)
    one.specialties.add(heart)
    make_offer(knee, both)
    make_offer(knee, other)

    page = get("/en/facilities/?specialty=heart&treatment=knee")

    assert slugs(page) == ["a"]
    assert counts(page, "province") == {"PV": 1}
    assert counts(page, "specialty") == {"heart": 1}
    assert counts(page, "treatment") == {"knee": 1}
    assert counts(get("/en/facilities/?specialty=heart&province=PV"), "province") == {"MI": 1, "PV": 1}


def test_a_filter_of_which_nothing_is_known_is_not_shown(get: Get) -> None:
    make_facility("a")

    words = get("/en/facilities/").words

    for legend in ("Accreditation in date", "Listed in a ranking", "Network of hospitals", "Membership"):
        assert legend not in words
    for legend in ("Language of your documents", "Promised time for a second opinion", "Find another treatment"):
        assert legend not in words


@pytest.mark.parametrize("name", ["treatment", "accreditation", "ranking", "network", "language", "days", "airport"])
@pytest.mark.parametrize("value", ["nowhere", "\0", "a\0b", "x" * 10_000, "٥", "' OR 1=1 --", "%", "\ufffd", "-1"])
def test_what_does_not_exist_is_left_out_with_a_note(get: Get, name: str, value: str) -> None:
    make_rich("a")

    page = get(f"/en/facilities/?{urlencode({name: value})}")

    assert page.status == 200
    assert slugs(page) == ["a"]
    assert LEFT_OUT in page.words
    assert len(value) < 5 or value not in page.main


@pytest.mark.parametrize(
    "query",
    ["sort=price", "sort=near", "page=-1", "page=0", "page=99999", "page=%00", "treatment_words=%00", "days=5&days=10"],
)
def test_odd_addresses_are_answered_with_a_note(get: Get, query: str) -> None:
    make_rich("a")

    page = get(f"/en/facilities/?{query}")

    assert page.status == 200
    assert slugs(page) == ["a"]
    assert LEFT_OUT in page.words


@pytest.mark.parametrize("query", ["province=%FF%FE", "%00=1", "province[]=MI", "treatment=%ED%A0%80", "&&=&?="])
def test_odd_encodings_are_no_error(get: Get, query: str) -> None:
    make_facility("a")

    assert slugs(get(f"/en/facilities/?{query}")) == ["a"]


def test_a_value_named_twice_is_one_filter(get: Get) -> None:
    make_facility("a")

    page = get("/en/facilities/?" + "&".join(["province=MI"] * 100))

    assert page.main.count("Remove this filter:") == 1
    assert LEFT_OUT not in page.words


def test_a_filter_without_a_name_in_the_language_has_its_english_one(get: Get) -> None:
    make_facility("a").specialties.set([make_specialty("heart", name_en="Heart"), make_specialty("lungs")])

    page = get("/de/facilities/?specialty=heart")

    assert counts(page, "specialty") == {"heart": 1, "lungs": 1}
    assert ">Heart<" in page.main


def test_the_filters_work_in_arabic(get: Get) -> None:
    make_rich("a")

    page = get(f"/ar/facilities/?{EVERYTHING}")

    assert slugs(page) == ["a"]
    assert page.main.count('class="chip chip--active"') == 13


def test_what_is_ticked_can_be_compared_from_list_and_map(get: Get) -> None:
    make_facility("a")

    page = get("/en/facilities/")

    assert page.main.count('form="compare"') == 3
    assert page.main.count('<form id="compare"') == 1


# --- queries --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["", "province=MI", "treatment_words=knee", EVERYTHING])
def test_queries_do_not_grow_with_rows(get: Get, query: str) -> None:
    knee = make_rich("a").offers.get().treatment
    asked = []
    for turn in range(2):
        with CaptureQueriesContext(connection) as queries:
            assert get(f"/en/facilities/?{query}").status == 200
        asked.append(len(queries))
        for number in range(35 * (1 - turn)):
            facility = make_facility(f"more-{number}", **LINATE)
            make_offer(knee, facility)
            make_offer(make_treatment(), facility)
            make_protocol(facility)
            make_accreditation(facility, body=f"Body {number}", valid_until=datetime.date(2999, 1, 1))
            make_ranking(facility, ranking=f"List {number}")

    # A list of several pages asks once more, for the map.
    assert asked[1] <= asked[0] + 1 <= MOST_QUERIES
