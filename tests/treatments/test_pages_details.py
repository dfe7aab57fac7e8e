"""One treatment, one condition, one specialty, one part of the body."""

import datetime
from collections.abc import Callable
from urllib.parse import quote

import pytest
import time_machine
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from publishing.enums import FactState, TextStatus
from publishing.models import TextState
from taxonomy.models import Specialty
from tests.treatments.factories import (
    make_accreditation,
    make_condition,
    make_district,
    make_facility,
    make_offer,
    make_protocol,
    make_specialty,
    make_treatment,
)
from tests.treatments.pages import Page
from treatments.models import Condition, Offer, Treatment

Get = Callable[[str], Page]
NOT_CONFIRMED = "Not yet confirmed by the hospital"


def make_text_state(source: models.Model, *, language: str = "en", **fields: object) -> TextState:
    kind = ContentType.objects.get_for_model(source)
    values = {"field": "summary", "status": TextStatus.MACHINE, "language": language}
    return TextState.objects.create(content_type=kind, object_id=source.pk, **values | fields)


def test_a_treatment_says_what_it_is(get: Get) -> None:
    heart = make_district("heart", name_en="Heart")
    specialty = make_specialty("cardiology", name_en="Cardiology")
    condition = make_condition("angina", name_en="Angina", icd10=["I20"])
    make_treatment(
        "bypass",
        name_en="Bypass",
        summary_en="A new way for the blood.",
        synonyms_en=["detour", "CABG"],
        specialty=specialty,
        districts=(heart,),
        conditions=(condition,),
        icd9cm=["36.10"],
    )

    page = get("/en/treatments/bypass/")

    for words in ("A new way for the blood.", "Also called: detour, CABG", "Operation", "ICD-9-CM 36.10", "Angina I20"):
        assert words in page.words
    assert {"/en/specialties/cardiology/", "/en/body/heart/", "/en/conditions/angina/"} <= set(page.links)


def test_offers_a_source_names_come_first_each_with_its_state(get: Get) -> None:
    treatment = make_treatment("cure")
    make_offer(treatment, make_facility("alpha", short_name="Alpha"), is_confirmed=False)
    make_offer(treatment, make_facility("omega", short_name="Omega"))

    words = get("/en/treatments/cure/").words

    assert "2 hospitals for this treatment" in words
    assert words.index("Omega") < words.index("Named in a source", words.index("Omega")) < words.index("Alpha")
    assert words.index(NOT_CONFIRMED) > words.index("Alpha")


def test_an_offer_names_its_source_and_the_day_it_was_read(get: Get) -> None:
    make_offer(make_treatment("cure"))

    page = get("/en/treatments/cure/")

    assert "https://www.example.org/page" in page.links
    assert "example.org checked on 21 Nov" in page.words


def test_what_no_editor_published_is_not_shown(get: Get) -> None:
    treatment = make_treatment("cure")
    make_offer(treatment, make_facility(is_published=False, short_name="Closed house"))
    Offer.objects.create(treatment=treatment, facility=make_facility(short_name="Rumour"), state=FactState.UNVERIFIED)

    page = get("/en/treatments/cure/")

    assert "Closed house" not in page.words
    assert "Rumour" not in page.words


def test_a_second_opinion_at_a_hospital_is_offered_only_where_a_source_names_it(get: Get) -> None:
    treatment = make_treatment("cure")
    make_offer(treatment, make_facility("sure"))
    make_offer(treatment, make_facility("unsure"), is_confirmed=False)

    links = get("/en/treatments/cure/").links

    assert "/en/second-opinion/?treatment=cure" in links
    assert "/en/second-opinion/?treatment=cure&facility=sure" in links
    assert not any("facility=unsure" in link for link in links)


def test_where_nothing_is_confirmed_a_coordinator_is_offered(get: Get) -> None:
    make_offer(make_treatment("cure", name_en="Cure & care"), is_confirmed=False)

    page = get("/en/treatments/cure/")

    assert "No hospital has confirmed this treatment yet" in page.words
    assert f"/en/contact/?words={quote('Cure & care')}" in page.links


def test_a_treatment_nobody_offers_says_so(get: Get) -> None:
    make_treatment("cure", name_en="Cure")

    page = get("/en/treatments/cure/")

    assert "No hospital here has confirmed that it offers this" in page.words
    assert "/en/contact/?words=Cure" in page.links


def test_a_promise_for_the_treatment_wins_over_a_general_one(get: Get) -> None:
    treatment = make_treatment("cure")
    facility = make_facility()
    make_offer(treatment, facility)
    make_protocol(facility, slug="a-general", promised_working_days=5)
    make_protocol(
        facility, slug="b-named", promised_working_days=10, treatments=(treatment,), is_promise_approximate=True
    )

    assert "answer in about 10 working days, as the hospital promises" in get("/en/treatments/cure/").words


def test_cards_say_what_can_be_compared(get: Get) -> None:
    treatment, facility = make_treatment("cure"), make_facility(latitude=45.4451, longitude=9.27674)
    make_offer(treatment, facility)
    make_accreditation(facility, body="Example Board", valid_until=datetime.date(2026, 12, 31))
    make_accreditation(facility, body="Rumour Board", valid_until=datetime.date(2999, 1, 1), state="unverified")

    with time_machine.travel("2026-12-31 12:00:00+00:00", tick=False):
        words = get("/en/treatments/cure/").words
    with time_machine.travel("2027-01-01 12:00:00+00:00", tick=False):
        later = get("/en/treatments/cure/").words

    assert "\u2068Example Board\u2069, valid until 31 December 2026" in words
    assert "0 km from \u2068Milano Linate\u2069, in a straight line" in words
    assert "Rumour Board" not in words
    assert "Example Board" not in later


def test_hospitals_are_chosen_for_comparison_on_the_spot(get: Get) -> None:
    make_offer(make_treatment("cure"), make_facility("house"))

    page = get("/en/treatments/cure/")

    assert 'name="facility" value="house" form="compare"' in page.main
    assert '<form id="compare" action="/en/compare/" method="get">' in page.main
    assert '<button class="button button--plain" form="compare">' in page.main


def test_for_whom_and_when_not_stand_only_where_a_hospital_says_so(get: Get) -> None:
    treatment, facility = make_treatment("cure"), make_facility("house", short_name="House")
    make_offer(treatment, facility)
    make_protocol(facility, exclusions_en="Of no treatment in particular")
    make_protocol(facility, treatments=(make_treatment("other"),), exclusions_en="Of another treatment")

    before = get("/en/treatments/cure/").words
    make_protocol(facility, treatments=(treatment,), exclusions_en="Fever\nPregnancy", minimum_age=18)
    make_protocol(facility, treatments=(treatment,), exclusions_en="Of old", valid_until=datetime.date(2021, 1, 1))
    page = get("/en/treatments/cure/")

    assert "For whom, and when not" not in before
    section = page.words.partition("For whom, and when not")[2].partition("hospital for this treatment")[0]
    assert "House" in section
    assert "from 18 years" in section
    assert "Fever Pregnancy" in section
    for elsewhere in ("particular", "another", "Of old"):
        assert elsewhere not in section


def test_exclusions_that_are_not_translated_carry_their_language(get: Get) -> None:
    treatment, facility = make_treatment("cure"), make_facility()
    make_protocol(facility, treatments=(treatment,), exclusions_en="Fever")

    assert '<ul class="ticks ticks--no" lang="en" dir="ltr">' in get("/ar/treatments/cure/").main


def test_a_promise_that_ended_is_not_shown(get: Get) -> None:
    treatment, facility = make_treatment("cure"), make_facility()
    make_offer(treatment, facility)
    make_protocol(facility, valid_until=datetime.date(2021, 1, 1))

    assert "as the hospital promises" not in get("/en/treatments/cure/").words


def test_a_text_of_a_machine_says_that_no_doctor_has_read_it(get: Get) -> None:
    make_text_state(make_treatment("cure", summary_en="Words."))

    assert "Written by a machine; not yet reviewed by a doctor." in get("/en/treatments/cure/").words


def test_a_text_of_unknown_origin_counts_as_not_reviewed(get: Get) -> None:
    make_condition("illness", summary_en="Words.")

    assert "Not yet reviewed by a doctor." in get("/en/conditions/illness/").words


def test_a_text_a_doctor_has_read_carries_no_label(get: Get) -> None:
    state = {"status": TextStatus.REVIEWED, "is_medically_reviewed": True}
    make_text_state(make_treatment("cure", summary_en="Words."), **state)

    assert "reviewed by a doctor" not in get("/en/treatments/cure/").words


def test_a_text_older_than_its_original_says_so(get: Get) -> None:
    treatment = make_treatment("cure", summary_en="New words.", summary_it="Parole vecchie.")
    make_text_state(treatment, language="it", status=TextStatus.OUTDATED, is_medically_reviewed=True)

    assert "L’originale è cambiato dopo questa traduzione." in get("/it/treatments/cure/").words


def test_a_text_in_another_language_is_labelled(get: Get) -> None:
    make_text_state(make_treatment("cure", summary_en="Words."))

    page = get("/ar/treatments/cure/")

    assert '<span lang="en" dir="ltr">Words.</span>' in page.main
    assert "الإنجليزية" in page.words


def test_markup_in_a_text_is_shown_as_text(get: Get) -> None:
    make_treatment("cure", name_en="<script>alert(1)</script>", summary_en="<b>bold</b>")

    page = get("/en/treatments/cure/")

    assert "<script>alert" not in page.html
    assert "<b>bold" not in page.html


def test_a_condition_shows_its_treatments_with_the_number_of_hospitals(get: Get) -> None:
    condition = make_condition("angina", icd10=["I20"])
    make_offer(make_treatment("bypass", conditions=(condition,)))
    make_treatment("hidden", conditions=(condition,), is_published=False)

    page = get("/en/conditions/angina/")

    assert page.hits == [("treatment", "bypass")]
    assert "1 hospital" in page.words
    assert "ICD-10 I20" in page.words


def test_a_condition_without_treatments_offers_a_coordinator(get: Get) -> None:
    make_condition("rare", name_en="Rare")

    assert "/en/contact/?words=Rare" in get("/en/conditions/rare/").links


def test_a_specialty_shows_treatments_conditions_and_hospitals(get: Get) -> None:
    specialty = make_specialty("cardiology")
    make_treatment("bypass", specialty=specialty)
    make_condition("angina", specialty=specialty)
    specialty.facilities.set([make_facility("house", short_name="House", city="Erba", province="CO")])

    page = get("/en/specialties/cardiology/")

    assert {"/en/treatments/bypass/", "/en/conditions/angina/", "/en/facilities/house/"} <= set(page.links)
    assert "House Erba (Como)" in page.words
    assert "/en/facilities/?specialty=cardiology" in page.links


def test_a_part_of_the_body_shows_what_is_treated_there_and_offers_a_person(get: Get) -> None:
    heart = make_district("heart", name_en="Heart")
    specialty = make_specialty("cardiology")
    specialty.body_districts.set([heart])
    make_treatment("bypass", districts=(heart,))
    make_condition("angina", districts=(heart,))

    page = get("/en/body/heart/")

    assert "<h1>Heart</h1>" in page.main
    assert {"/en/treatments/bypass/", "/en/conditions/angina/", "/en/specialties/cardiology/"} <= set(page.links)
    assert "I do not know, ask a coordinator" in page.words
    assert "/en/contact/?words=Heart" in page.links


@pytest.mark.parametrize("part", ["treatments", "conditions", "specialties", "body"])
def test_an_unknown_slug_is_not_found(client: Client, db: None, part: str) -> None:
    assert client.get(f"/en/{part}/nowhere/").status_code == 404


def test_what_is_not_published_is_not_found(client: Client, db: None) -> None:
    make_treatment("cure", is_published=False)
    make_condition("illness", is_published=False)

    assert client.get("/en/treatments/cure/").status_code == 404
    assert client.get("/en/conditions/illness/").status_code == 404


def make_everything(slug: str) -> None:
    """Make one of each kind with this slug, each with two of everything around it."""
    district, specialty = make_district(slug, name_ar="القلب"), make_specialty(slug, name_ar="القلب")
    specialty.body_districts.set([district])
    facilities = [make_facility(), make_facility()]
    specialty.facilities.set(facilities)
    shared = {"specialty": specialty, "districts": (district,), "summary_en": "Words.", "name_ar": "القلب"}
    conditions = (make_condition(slug, **shared), make_condition(**shared))
    for treatment in (
        make_treatment(slug, conditions=conditions, **shared),
        make_treatment(conditions=conditions, **shared),
    ):
        for facility in facilities:
            make_offer(treatment, facility)
    for facility in facilities:
        make_protocol(facility)


# With the day of the catalogue on every page.
QUERIES = {
    # The treatment, its conditions, its offers, what protocols say of it.
    "treatments": 5,
    # The condition, its treatments.
    "conditions": 3,
    # The specialty, its conditions, its treatments, its facilities.
    "specialties": 5,
}


@pytest.mark.parametrize("part", ["treatments", "conditions", "specialties", "body"])
def test_pages_work_in_arabic_with_few_queries(
    get: Get, django_assert_max_num_queries: DjangoAssertNumQueries, part: str
) -> None:
    make_everything("heart")

    with django_assert_max_num_queries(QUERIES.get(part, 6)):
        page = get(f"/ar/{part}/heart/")

    assert page.status == 200
    assert "القلب" in page.words
    assert page.response["Cache-Control"].startswith("public")
    assert not page.response.cookies


@pytest.mark.parametrize(("part", "number"), QUERIES.items())
def test_queries_grow_neither_with_rows_nor_with_languages(
    get: Get, django_assert_num_queries: DjangoAssertNumQueries, part: str, number: int
) -> None:
    make_everything("heart")
    # The shared specialty and districts bring more of everything.
    Treatment.objects.get(slug="heart").conditions.add(*(make_condition(summary_en="Words.") for _turn in range(5)))
    for _turn in range(5):
        make_offer(Treatment.objects.get(slug="heart"))
        make_treatment(conditions=(Condition.objects.get(slug="heart"),))
        Specialty.objects.get(slug="heart").facilities.add(make_facility())

    for language in ("en", "ar", "zh-hans"):
        with django_assert_num_queries(number):
            get(f"/{language}/{part}/heart/")
