"""Facilities side by side."""

import datetime
import re
from collections.abc import Callable
from html import unescape

import pytest
import time_machine
from django.conf import settings
from pytest_django import DjangoAssertNumQueries

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
from treatments.models import RequiredDocument

Get = Callable[[str], Page]
# Names to choose, the chosen with all around them, treatments, offers, protocols, the day of the catalogue.
QUERIES = 6
UNKNOWN = "not stated yet"


def rows(page: Page) -> dict[str, list[str]]:
    """Return label → cells of the table; a label ends in what is known of differences."""
    found = {}
    for row in re.findall(r"<tr.*?</tr>", page.main.partition("</thead>")[2].partition("<tfoot")[0], re.DOTALL):
        label, *cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
        if cells:
            names = r'<span class="compare-table__who">.*?</span></span>'
            found[strip(label)] = [strip(re.sub(names, "", cell)) for cell in cells]
    return found


def row(page: Page, label: str) -> tuple[str, list[str]]:
    """Return what is said of the difference in a row, and its cells."""
    label, cells = next((name, cells) for name, cells in rows(page).items() if name.startswith(label))
    words = ("no difference known", "differs", "the same")
    return next((word for word in words if word in label), ""), cells


def strip(markup: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", markup)).split())


def columns(page: Page) -> list[str]:
    """Return the names at the head of the table."""
    head = page.main.partition("<thead>")[2].partition("</thead>")[0]
    return [strip(name) for name in re.findall(r'<th scope="col"><a [^>]*>(.*?)</a>', head, re.DOTALL)]


def make_member(facility: Facility, value: str = "yes", **fields: object) -> FacilityFact:
    values = {"name": "health_lombardy_member", "state": FactState.VERIFIED, **SOURCE}
    return FacilityFact.objects.create(facility=facility, value=value, **values | fields)


# --- what is chosen -------------------------------------------------------------------------------------------------


def test_without_a_choice_the_page_asks_for_one(get: Get) -> None:
    make_facility("alpha", short_name="Alpha")

    page = get("/en/compare/")

    assert "No hospital chosen yet" in page.words
    assert page.main.count('<option value="alpha"') == 2
    assert "<table" not in page.main


def test_facilities_stand_in_the_order_of_the_address_and_can_be_moved(get: Get) -> None:
    for slug in ("alpha", "beta", "gamma"):
        make_facility(slug)

    page = get("/en/compare/?facility=gamma&facility=alpha&facility=beta")

    assert columns(page) == ["Gamma", "Alpha", "Beta"]
    assert "/en/compare/?facility=gamma&facility=beta&facility=alpha" in page.links
    assert columns(get("/en/compare/?facility=gamma&facility=beta&facility=alpha")) == ["Gamma", "Beta", "Alpha"]


def test_one_is_removed_and_another_added_by_address_and_form(get: Get) -> None:
    treatment = make_treatment("cure")
    for slug in ("alpha", "beta", "gamma"):
        make_offer(treatment, make_facility(slug))

    page = get("/en/compare/?facility=alpha&facility=beta&treatment=cure")

    assert "/en/compare/?facility=beta&treatment=cure" in page.links
    assert re.findall(r'type="hidden" name="facility" value="(\w+)"', page.main) == ["alpha", "beta"]
    assert re.findall(r'<option value="(\w+)" lang="it"', page.main) == ["gamma"]
    assert '<option value="cure" selected>' in page.main


def test_only_four_fit_and_then_none_can_be_added(get: Get) -> None:
    slugs = [f"house-{number}" for number in range(5)]
    for slug in slugs:
        make_facility(slug)

    page = get("/en/compare/?" + "&".join(f"facility={slug}" for slug in slugs))

    assert "We show the first 4." in page.words
    assert len(columns(page)) == 4
    assert "Remove one to add another." in page.words
    assert '<select id="facility' not in page.main


@pytest.mark.parametrize(
    "query",
    ["facility=nowhere", "facility=%00", "facility=hidden", "treatment=nothing", "treatment=%00", "only=rumours"]
    + ["facility=" + "x" * 10_000, "treatment=" + "x" * 10_000],
)
def test_what_does_not_exist_is_left_out_with_a_note(get: Get, query: str) -> None:
    make_facility("alpha")
    make_facility("hidden", is_published=False)

    page = get(f"/en/compare/?facility=alpha&{query}")

    assert page.status == 200
    assert "A part of this address does not exist here" in page.words
    assert columns(page) == ["Alpha"]


def test_a_repetition_stands_once_with_a_note(get: Get) -> None:
    make_facility("alpha")

    page = get("/en/compare/?facility=alpha&facility=&facility=alpha&treatment=")

    assert "does not exist here" not in page.words
    assert "A hospital was named twice." in page.words
    assert columns(page) == ["Alpha"]


def test_free_places_of_the_form_are_no_mistake(get: Get) -> None:
    make_facility("alpha")

    page = get("/en/compare/?facility=alpha&facility=&facility=&treatment=")

    assert "does not exist here" not in page.words
    assert "named twice" not in page.words


def test_treatments_to_choose_are_those_that_one_of_them_offers(get: Get) -> None:
    make_offer(make_treatment("offered"), make_facility("alpha"))
    make_offer(make_treatment("elsewhere"))

    page = get("/en/compare/?facility=alpha")

    assert '<option value="offered"' in page.main
    assert '<option value="elsewhere"' not in page.main


def test_the_address_is_printed_without_what_does_not_count(get: Get) -> None:
    make_facility("alpha")
    make_facility("beta")

    page = get("/en/compare/?utm=mail&facility=beta&facility=alpha&facility=beta&only=differences")

    address = f"{settings.PUBLIC_URL}/en/compare/?facility=beta&facility=alpha&only=differences"
    assert address in page.words
    assert not page.response.cookies


# --- differences ----------------------------------------------------------------------------------------------------


def test_known_differences_are_marked_in_words(get: Get) -> None:
    make_facility("alpha", ownership="public", province="CO", city="Erba")
    make_facility("beta", ownership="private_accredited", province="CO", city="Erba")

    page = get("/en/compare/?facility=alpha&facility=beta")

    private = "Private, accredited by the regional health service"
    assert row(page, "Ownership") == ("differs", ["Public", private])
    assert row(page, "Place") == ("the same", ["Erba (Como)", "Erba (Como)"])


def test_what_is_not_known_is_no_difference(get: Get) -> None:
    make_protocol(make_facility("alpha"), promised_working_days=5)
    make_facility("beta")

    page = get("/en/compare/?facility=alpha&facility=beta")

    assert row(page, "Answer within") == ("no difference known", ["5 working days", UNKNOWN])


def test_two_known_values_differ_though_a_third_is_not_known(get: Get) -> None:
    make_protocol(make_facility("alpha"), promised_working_days=5)
    make_protocol(make_facility("beta"), promised_working_days=10)
    make_facility("gamma")

    page = get("/en/compare/?facility=alpha&facility=beta&facility=gamma")

    assert row(page, "Answer within")[0] == "differs"


def test_alone_nothing_differs(get: Get) -> None:
    make_facility("alpha")

    page = get("/en/compare/?facility=alpha")

    assert "differ" not in " ".join(rows(page))
    assert "Add a second hospital" in page.words


def test_a_row_nobody_knows_anything_about_is_left_out(get: Get) -> None:
    make_facility("alpha")

    labels = list(rows(get("/en/compare/?facility=alpha")))

    assert labels[:4] == ["Kind", "Ownership", "Place", "Overnight stay"]
    assert [label for label in labels[4:] if "(" not in label] == []


def test_only_differences_are_shown_when_asked_for(get: Get) -> None:
    make_facility("alpha", ownership="public")
    make_facility("beta", ownership="private")

    page = get("/en/compare/?facility=alpha&facility=beta")
    only = get("/en/compare/?facility=alpha&facility=beta&only=differences")

    assert "/en/compare/?facility=alpha&facility=beta&only=differences" in page.links
    assert "Show only the difference" in page.words
    assert list(rows(only)) == ["Ownership differs"]
    assert "/en/compare/?facility=alpha&facility=beta" in only.links


def test_where_nothing_differs_the_page_says_so(get: Get) -> None:
    make_facility("alpha")
    make_facility("beta")

    page = get("/en/compare/?facility=alpha&facility=beta&only=differences")

    assert "Of what is known about these hospitals, nothing differs." in page.words


# --- the facts ------------------------------------------------------------------------------------------------------


def test_the_treatment_adds_how_sure_each_offer_is_with_its_source(get: Get) -> None:
    treatment = make_treatment("cure", name_en="Cure")
    make_offer(treatment, make_facility("sure"))
    make_offer(treatment, make_facility("unsure"), is_confirmed=False)
    make_facility("silent")

    page = get("/en/compare/?facility=sure&facility=unsure&facility=silent&treatment=cure")

    difference, (sure, unsure, silent) = row(page, "Offers this treatment")
    assert difference == "differs"
    assert sure == "Named in a source example.org, checked on 21 November 2026"
    assert unsure.startswith("Not yet confirmed by the hospital")
    assert silent == UNKNOWN
    assert "Compare hospitals: Cure" in page.words
    assert "https://www.example.org/page" in page.links


def test_a_second_opinion_is_offered_where_a_source_names_the_offer(get: Get) -> None:
    treatment = make_treatment("cure")
    make_offer(treatment, make_facility("sure"))
    make_offer(treatment, make_facility("unsure"), is_confirmed=False)

    general = get("/en/compare/?facility=sure&facility=unsure").links
    links = get("/en/compare/?facility=sure&facility=unsure&treatment=cure").links

    assert "/en/second-opinion/?facility=unsure" in general
    assert "/en/second-opinion/?treatment=cure&facility=sure" in links
    assert not any("second-opinion" in link and "unsure" in link for link in links)


def test_in_general_confirmed_treatments_are_counted_by_specialty(get: Get) -> None:
    heart, skin = make_specialty(name_en="Heart medicine"), make_specialty(name_en="Skin medicine")
    alpha, beta = make_facility("alpha"), make_facility("beta")
    shared, own = make_treatment(specialty=heart), make_treatment(specialty=heart)
    make_offer(shared, alpha)
    make_offer(shared, beta)
    make_offer(own, beta)
    make_offer(make_treatment(specialty=skin), alpha)
    make_offer(make_treatment(specialty=skin), alpha, is_confirmed=False)

    page = get("/en/compare/?facility=alpha&facility=beta")

    table = rows(page)
    assert table["Heart medicine no difference known 1 that all of them share"] == ["1 treatment", "2 treatments"]
    # What we know of may not be all: no difference.
    assert table["Skin medicine no difference known"] == ["1 treatment", UNKNOWN]


def test_a_protocol_of_the_treatment_wins_over_a_general_one(get: Get) -> None:
    facility, treatment = make_facility("alpha"), make_treatment("cure")
    make_protocol(facility, slug="a", promised_working_days=5, fee=500, document_languages=["en"])
    rules = {"promised_working_days": 10, "is_promise_approximate": True, "is_fee_on_request": True}
    make_protocol(facility, slug="b", treatments=(treatment,), **rules)

    general = get("/en/compare/?facility=alpha")
    named = get("/en/compare/?facility=alpha&treatment=cure")

    assert row(general, "Answer within")[1] == ["5 working days"]
    assert row(general, "Fee")[1] == ["€500"]
    assert row(general, "Languages of your papers")[1] == ["English"]
    assert row(general, "Papers to send")[1] == ["Medical report Scans and X-rays"]
    assert row(named, "Answer within")[1] == ["about 10 working days"]
    assert row(named, "Fee")[1] == ["On request"]


def test_how_recent_the_papers_have_to_be_is_compared(get: Get) -> None:
    for slug, days in (("alpha", 90), ("beta", 30)):
        protocol = make_protocol(make_facility(slug))
        protocol.required_documents.filter(kind="imaging").update(maximum_age_days=days)
        RequiredDocument.objects.create(protocol=protocol, position=3, kind="report", maximum_age_days=10)
        RequiredDocument.objects.create(protocol=protocol, position=4, kind="report", maximum_age_days=10)

    difference, (alpha, beta) = row(get("/en/compare/?facility=alpha&facility=beta"), "Papers to send")

    assert difference == "differs"
    assert alpha == "Medical report Medical report Not older than 10 days Scans and X-rays Not older than 90 days"
    assert "Not older than 30 days" in beta


def test_the_whole_protocol_is_compared(get: Get) -> None:
    rules = {
        "for_whom_en": "Adults.",
        "exclusions_en": "Pregnancy\nFever",
        "report_languages": ["en", "ar"],
        "includes_consultation": True,
        "follow_up_questions": 3,
        "follow_up_days": 30,
    }
    make_protocol(make_facility("alpha"), minimum_age=18, maximum_age=90, fee=300, **rules)
    make_protocol(make_facility("beta"), minimum_age=18, includes_consultation=False, is_fee_on_request=True)

    page = get("/en/compare/?facility=alpha&facility=beta")

    assert row(page, "For whom") == ("no difference known", ["Adults.", UNKNOWN])
    assert row(page, "When it is not possible")[1] == ["Pregnancy Fever", UNKNOWN]
    assert row(page, "Age of the patient") == ("differs", ["from 18 to 90 years", "from 18 years"])
    assert row(page, "Languages of the answer")[1] == ["English Arabic", UNKNOWN]
    assert row(page, "Video call with the specialist") == ("differs", ["Included", "Not included"])
    assert row(page, "Questions after the answer")[1] == ["3 questions within 30 days", UNKNOWN]
    # A fee that is told on request is not known.
    assert row(page, "Fee") == ("no difference known", ["€300", "On request"])


def test_none_and_free_are_known_and_unknown_is_not(get: Get) -> None:
    make_protocol(make_facility("alpha"), fee=0, follow_up_questions=0, translation_rule_en="By a sworn translator.")
    make_protocol(make_facility("beta"), fee=300, follow_up_questions=2)
    make_protocol(make_facility("gamma"), promised_working_days=None, clock_starts="")

    page = get("/en/compare/?facility=alpha&facility=beta&facility=gamma")

    assert row(page, "Fee") == ("differs", ["Free of charge", "€300", UNKNOWN])
    assert row(page, "Questions after the answer") == ("differs", ["Not included", "2 questions", UNKNOWN])
    assert row(page, "Papers in other languages")[1] == ["By a sworn translator.", UNKNOWN, UNKNOWN]
    assert row(page, "Start of the clock")[1][2] == UNKNOWN


@time_machine.travel("2026-12-01 12:00:00+00:00", tick=False)
def test_accreditations_in_date_are_badges_and_history_is_history(get: Get) -> None:
    alpha, beta = make_facility("alpha"), make_facility("beta")
    make_accreditation(alpha, body="A", level="Gold", valid_until=datetime.date(2999, 1, 1))
    make_accreditation(beta, body="A", valid_until=datetime.date(2001, 1, 1))
    make_accreditation(alpha, body="B", last_known_year=2018)
    make_accreditation(beta, body="B", valid_until=datetime.date(2999, 1, 1))
    make_accreditation(alpha, body="Rumour", state="unverified")

    page = get("/en/compare/?facility=alpha&facility=beta")

    in_date, ended = "In date until 1 January 2999 Gold", "Ended on 1 January 2001 Hospital"
    assert rows(page)["A differs"] == [in_date, ended]
    history = "History: last renewal known to us 2018, validity not confirmed Hospital"
    assert rows(page)["B no difference known"][0] == history
    assert "Rumour" not in page.words
    assert page.main.count("tag--leaf") == 2


def test_an_accreditation_is_no_badge_from_the_day_after_its_end(get: Get) -> None:
    make_accreditation(make_facility("alpha"), valid_until=datetime.date(2026, 12, 31))

    with time_machine.travel("2026-06-01 12:00:00+00:00", tick=False):
        assert "tag--leaf" in get("/en/compare/?facility=alpha").main
    with time_machine.travel("2027-01-01 12:00:00+00:00", tick=False):
        page = get("/en/compare/?facility=alpha")

    assert "tag--leaf" not in page.main
    assert "Ended on 31 December 2026" in page.words


def test_rankings_carry_their_year_and_only_the_newest_edition(get: Get) -> None:
    alpha, beta = make_facility("alpha"), make_facility("beta")
    make_ranking(alpha, edition=2024, world_rank=52)
    make_ranking(alpha, edition=2026, world_rank=43)
    make_ranking(alpha, edition=2026, category="oncology", world_rank=68, world_rank_to=78)
    make_ranking(beta, edition=2026, world_rank=57, italian_rank=3)
    make_ranking(beta, edition=2024, category="oncology", world_rank=1)

    page = get("/en/compare/?facility=alpha&facility=beta")

    assert "Example List, 2026 Published by Example Press." in page.words
    assert row(page, "All specialties") == ("differs", ["43", "57 in Italy: 3"])
    assert row(page, "Oncology") == ("no difference known", ["68–78", UNKNOWN])
    assert "52" not in " ".join(row(page, "All specialties")[1])


def test_membership_of_the_association_is_said_with_its_source(get: Get) -> None:
    make_member(make_facility("alpha"))
    make_member(make_facility("beta"), state=FactState.UNVERIFIED)

    page = get("/en/compare/?facility=alpha&facility=beta")

    difference, cells = row(page, "Takes part in Health Lombardy")
    assert difference == "no difference known"
    assert cells == ["Yes example.org, checked on 21 November 2026", UNKNOWN]


def test_airports_are_told_in_a_straight_line(get: Get) -> None:
    make_facility("alpha", latitude=45.4451, longitude=9.27674)
    make_facility("beta", latitude=45.6306, longitude=8.72811)

    page = get("/en/compare/?facility=alpha&facility=beta")

    assert "In a straight line. Roads are longer." in page.words
    assert row(page, "Milano Linate") == ("differs", ["0 km", "47 km"])


def test_an_invented_hospital_is_told_from_a_real_one(get: Get) -> None:
    make_facility("real")
    make_facility("invented", is_demo=True)

    page = get("/en/compare/?facility=real&facility=invented")

    assert row(page, "Listing") == ("differs", ["A real hospital", "Invented for the demo"])


def test_specialties_in_common_are_said_once(get: Get) -> None:
    heart, skin = make_specialty(name_en="Heart medicine"), make_specialty(name_en="Skin medicine")
    make_facility("alpha").specialties.set([heart, skin])
    make_facility("beta").specialties.set([heart])
    make_facility("silent")

    page = get("/en/compare/?facility=alpha&facility=beta&facility=silent")

    assert "Specialties they have in common: Heart medicine" in page.words
    # An open list proves no difference.
    assert row(page, "Other specialties") == ("no difference known", ["Skin medicine", UNKNOWN, UNKNOWN])


def test_what_editors_type_is_escaped(get: Get) -> None:
    facility = make_facility("alpha", short_name="<script>alert(1)</script>")
    make_accreditation(facility, body="<b>bold</b>", last_known_year=2018)
    make_ranking(facility, ranking="<i>slanted</i>")

    html = get("/en/compare/?facility=alpha").main

    for markup in ("<script>alert", "<b>bold", "<i>slanted"):
        assert markup not in html


# --- queries --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("number", [1, 4])
@pytest.mark.parametrize("query", ["", "&treatment=cure"])
def test_queries_grow_neither_with_facilities_nor_with_languages(
    get: Get, django_assert_num_queries: DjangoAssertNumQueries, query: str, number: int, language: str
) -> None:
    treatment = make_treatment("cure", name_ar="علاج")
    slugs = [f"house-{position}" for position in range(number)]
    for slug in slugs:
        facility = make_facility(slug)
        make_offer(treatment, facility)
        make_protocol(facility)
        make_ranking(facility)
        make_member(facility)
        make_accreditation(facility, last_known_year=2018)
        facility.specialties.set([make_specialty(name_ar="القلب")])

    with django_assert_num_queries(QUERIES):
        page = get(f"/{language}/compare/?" + "&".join(f"facility={slug}" for slug in slugs) + query)

    assert page.status == 200
    assert page.response["Cache-Control"].startswith("public")
    if language == "ar" and query:
        assert "علاج" in page.words
