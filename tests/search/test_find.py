"""What is found, why, and what never is."""

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from publishing.enums import FactState
from search.enums import Kind, Origin
from search.find import LONGEST_QUERY, find
from tests.search.factories import found, index_all, slugs
from tests.treatments.factories import (
    make_condition,
    make_district,
    make_facility,
    make_offer,
    make_specialty,
    make_treatment,
)

pytestmark = pytest.mark.django_db


def test_every_kind_is_found_by_its_name() -> None:
    specialty = make_specialty("zumbology", name_en="Zumbology")
    make_district("wadling", name_en="Wadling")
    make_condition("grunitis", name_en="Grunitis", specialty=specialty)
    make_treatment("fopectomy", name_en="Fopectomy", specialty=specialty)
    make_facility("kestrel", short_name="Kestrel")
    index_all()

    first = {query: find(query, "en").hits[0] for query in ("zumbology", "wadling", "grunitis", "fopectomy", "kestrel")}

    assert {query: (hit.kind.value, hit.slug) for query, hit in first.items()} == {
        "zumbology": ("specialty", "zumbology"),
        "wadling": ("body_district", "wadling"),
        "grunitis": ("condition", "grunitis"),
        "fopectomy": ("treatment", "fopectomy"),
        "kestrel": ("facility", "kestrel"),
    }


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("misspelt", "fopectomi"),
        ("a letter missing", "fopctomy"),
        ("half typed", "fopecto"),
        ("two words in one", "wadlingremoval"),
        ("one word in two", "fop ectomy"),
        ("another script", "фопектоми"),
        ("another language", "asportazione"),
        ("code with a point", "35.21"),
        ("code without", "3521"),
        ("within brackets", "wadling removal"),
    ],
)
def test_it_is_found_however_it_is_typed(typed: str, why: str) -> None:
    make_treatment(
        "fopectomy", name_en="Fopectomy (wadling removal)", name_it="Asportazione del wadling", icd9cm=["35.21"]
    )

    assert found(why) == ["fopectomy"]


@pytest.mark.parametrize("typed", ["tangniaobing", "tang niao bing", "tangniaob", "tangniaobin"])
def test_chinese_is_found_as_it_is_typed_without_a_chinese_keyboard(typed: str) -> None:
    make_condition("grunitis", name_en="Grunitis", name_zh_hans="糖尿病")
    index_all()

    hit = find(typed, "zh-hans").hits[0]

    assert (hit.slug, hit.reason.text) == ("grunitis", "糖尿病")


def test_a_word_of_three_letters_is_found_in_another_script() -> None:
    make_condition("grunitis", name_en="Grunitis", name_ru="Рак зумбо")
    index_all()

    assert [hit.slug for hit in find("rak zumbo", "en").hits] == ["grunitis"]


def test_of_known_pairs_single_characters_find_nothing() -> None:
    make_condition("grunitis", name_en="Grunitis", name_zh_hans="糖尿病")
    make_condition("wadlitis", name_en="Wadlitis", name_zh_hans="糖衣")
    index_all()

    assert [hit.slug for hit in find("糖尿病", "zh-hans").hits] == ["grunitis"]


def test_two_characters_of_two_words_say_little() -> None:
    make_condition("across", name_en="Across", name_zh_hans="玉兰医")
    for number in range(4):
        make_condition(f"meant-{number}", name_en=f"Meant {number}", name_zh_hans=f"米兰{'一二三四'[number]}医院")
    index_all()

    hits = find("米兰医院", "zh-hans").hits

    assert {hit.slug for hit in hits[:4]} == {"meant-0", "meant-1", "meant-2", "meant-3"}
    # With the weight of a word it would be below half.
    assert hits[0].score > 0.7


def test_descriptions_are_read_where_names_leave_a_doubt() -> None:
    make_treatment("together", name_en="Zumbo care", summary_en="For the wadling.")
    make_treatment("only-text", name_en="Fopectomy", summary_en="For the grunitis.")
    index_all()

    assert [hit.slug for hit in find("zumbo wadling", "en").hits] == ["together"]
    assert [hit.slug for hit in find("grunitis", "en").hits] == ["only-text"]


def test_a_short_word_is_found_with_two_letters_swapped() -> None:
    # Too short for trigrams: they share what is left when one letter goes.
    make_treatment("zung-care", name_en="Zung care")

    assert found("zugn") == ["zung-care"]


@pytest.mark.parametrize(
    ("language", "name", "typed"),
    [
        ("ar", "استبدال الرُّكبة", "ركبه"),
        ("zh-hans", "膝关节置换", "膝關節"),
        ("de", "Hüftprothese", "Hueftprothese"),
        ("de", "Hüftprothese", "huft prothese"),
        ("ru", "Лечение щитовидной железы", "щитовидная железа"),
        ("fr", "Prothèse de l'épaule", "epaule prothese"),
        ("es", "Riñón artificial", "rinon"),
        ("it", "Protesi d'anca", "anca"),
    ],
)
def test_each_language_is_found_in_its_spellings(language: str, name: str, typed: str) -> None:
    ending = language.replace("-", "_")
    make_treatment("it", name_en="Something else", **{f"name_{ending}": name})

    assert found(typed, language) == ["it"]


# --- reasons --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "origin", "text", "language"),
    [
        ("Fopectomy", Origin.NAME, "Fopectomy", "en"),
        ("wadling cut", Origin.SYNONYM, "wadling cut", "en"),
        ("taglio wadling", Origin.SYNONYM, "taglio wadling", "it"),
        ("3521", Origin.CODE, "35.21", ""),
        ("zubble", Origin.TEXT, "", "en"),
    ],
)
def test_a_hit_says_what_matched(typed: str, origin: Origin, text: str, language: str) -> None:
    make_treatment(
        "fopectomy",
        name_en="Fopectomy",
        synonyms_en=["wadling cut"],
        synonyms_it=["taglio wadling"],
        icd9cm=["35.21"],
        summary_en="For a zubble that hurts.",
    )
    index_all()

    reason = find(typed, "en").hits[0].reason

    assert (reason.origin, reason.text, reason.language) == (origin, text, language)


def test_a_cure_is_found_through_its_condition_and_a_hospital_through_its_offers() -> None:
    condition = make_condition("grunitis", name_en="Grunitis", name_it="Grunite")
    treatment = make_treatment("fopectomy", name_en="Fopectomy", name_it="Fopectomia", conditions=(condition,))
    make_offer(treatment, make_facility("kestrel", short_name="Kestrel"))
    index_all()

    cure = next(hit for hit in find("grunitis", "it").hits if hit.slug == "fopectomy")
    hospital = next(hit for hit in find("fopectomy", "it").hits if hit.slug == "kestrel")

    assert (cure.reason.origin, cure.reason.text) == (Origin.CONDITION, "Grunite")
    assert (hospital.reason.origin, hospital.reason.text) == (Origin.OFFER, "Fopectomia")


def test_a_hospital_is_found_through_its_specialty() -> None:
    specialty = make_specialty("zumbology", name_en="Zumbology")
    make_facility("kestrel", short_name="Kestrel").specialties.add(specialty)
    index_all()

    results = find("zumbology", "en")

    assert slugs(results) == ["zumbology", "kestrel"]
    assert results.hits[1].reason.origin == Origin.SPECIALTY


# --- what is never found --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [make_treatment, make_condition])
def test_what_was_unpublished_is_not_found_although_the_index_knows_it(make: object) -> None:
    thing = make("fopectomy", name_en="Fopectomy")  # type: ignore[operator]
    assert found("fopectomy") == ["fopectomy"]

    type(thing).objects.update(is_published=False)

    assert find("fopectomy", "en").hits == []


def test_an_unpublished_hospital_is_found_neither_by_name_nor_through_offers() -> None:
    hospital = make_facility("kestrel", short_name="Kestrel")
    make_offer(make_treatment("fopectomy", name_en="Fopectomy"), hospital)
    assert found("fopectomy") == ["fopectomy", "kestrel"]

    type(hospital).objects.update(is_published=False)

    assert slugs(find("fopectomy", "en")) == ["fopectomy"]
    assert find("kestrel", "en").hits == []


def test_a_hospital_is_not_found_through_an_offer_that_is_no_longer_public() -> None:
    offer = make_offer(make_treatment("fopectomy", name_en="Fopectomy"), make_facility("kestrel"))
    index_all()

    type(offer).objects.update(state=FactState.UNVERIFIED, source="", source_kind="", read_on=None)

    assert slugs(find("fopectomy", "en")) == ["fopectomy"]


def test_a_cure_is_not_found_through_what_is_unpublished() -> None:
    condition = make_condition("grunitis", name_en="Grunitis")
    make_treatment("fopectomy", name_en="Fopectomy", conditions=(condition,))
    index_all()

    type(condition).objects.update(is_published=False)

    assert find("grunitis", "en").hits == []


def test_invented_hospitals_are_found_in_the_demo_only(settings: Settings) -> None:
    make_offer(make_treatment("fopectomy", name_en="Fopectomy"), make_facility("kestrel", is_demo=True))
    settings.DEMO = True
    index_all()
    in_demo = slugs(find("fopectomy", "en")), slugs(find("kestrel", "en"))

    settings.DEMO = False

    assert in_demo == (["fopectomy", "kestrel"], ["kestrel"])
    assert slugs(find("fopectomy", "en")) == ["fopectomy"]
    assert slugs(find("kestrel", "en")) == []
    assert found("kestrel") == []


# --- what may be asked ----------------------------------------------------------------------------------------------


def test_kinds_keep_some_and_all_are_counted() -> None:
    make_offer(make_treatment("fopectomy", name_en="Fopectomy"), make_facility("kestrel"))
    index_all()

    results = find("fopectomy", "en", kinds=["facility"])

    assert slugs(results) == ["kestrel"]
    assert results.total == 1
    assert results.counts == {Kind.TREATMENT: 1, Kind.FACILITY: 1}


def test_filters_keep_what_fits_all_of_them() -> None:
    heart, skin = make_district("heart"), make_district("skin")
    zumbology = make_specialty("zumbology")
    make_treatment("one", name_en="Fop one", specialty=zumbology, districts=(heart,))
    make_treatment("two", name_en="Fop two", specialty=zumbology, districts=(skin,))
    index_all()

    assert sorted(slugs(find("fop", "en", filters={"specialty": ["zumbology"]}))) == ["one", "two"]
    assert slugs(find("fop", "en", filters={"specialty": ["zumbology"], "body_district": ["skin"]})) == ["two"]
    assert slugs(find("fop", "en", filters={"specialty": ["nothing"]})) == []


def test_limit_and_offset_cut_a_page() -> None:
    for name in ("Fop alpha", "Fop betas", "Fop gamma"):
        make_treatment(name.split()[1].lower(), name_en=name)
    index_all()

    results = find("fop", "en", limit=1, offset=1)

    assert slugs(results) == ["betas"]
    assert results.total == 3


def test_what_nothing_knows_gives_the_nearest_as_a_guess() -> None:
    make_treatment("fopectomy", name_en="Fopectomy")
    index_all()

    results = find("fopexzzqqkkmm", "en")

    assert slugs(results) == ["fopectomy"]
    assert results.is_guess
    assert not results.has_hits


@pytest.mark.parametrize("typed", ["", "   ", "?!", "\x00", "the of and", "zzqqxx", "\ud800"])
def test_what_means_nothing_finds_nothing(typed: str) -> None:
    make_treatment("fopectomy", name_en="Fopectomy")
    index_all()

    results = find(typed, "en")

    assert results.hits == []
    assert not results.has_hits


@pytest.mark.parametrize(
    ("typed", "kept", "was_cut"),
    [
        ("  knee  pain ", "knee pain", False),
        ("knee\x00pain", "kneepain", True),
        ("\u202eknee", "knee", False),
        ("a" * LONGEST_QUERY, "a" * LONGEST_QUERY, False),
        ("a" * (LONGEST_QUERY + 1), "a" * LONGEST_QUERY, True),
        ("knee\npain", "knee pain", False),
    ],
)
def test_a_query_is_cleaned_and_cut(typed: str, kept: str, was_cut: bool) -> None:
    results = find(typed, "en")

    assert (results.query, results.was_cut) == (kept, was_cut)


@given(st.text(max_size=80), st.sampled_from([code for code, _name in django_settings.LANGUAGES]))
def test_nothing_that_is_typed_makes_it_raise(db: None, typed: str, language: str) -> None:
    find(typed, language)


def test_queries_do_not_grow_with_what_is_found_or_typed() -> None:
    condition = make_condition("grunitis", name_en="Fop grunitis")
    for number in range(15):
        make_offer(make_treatment(name_en=f"Fop number {number}", conditions=(condition,)))
    index_all()

    for typed in ("fop", "fop number grunitis", "fpo nmber gruntis zzqqxx", "zzqqxx", "fopzzqqxx" * 20):
        with CaptureQueriesContext(connection) as queries:
            find(typed, "ar")
        assert len(queries) <= 5
