"""The page of results."""

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.search.factories import index_all
from tests.treatments.factories import (
    make_condition,
    make_district,
    make_facility,
    make_offer,
    make_specialty,
    make_treatment,
)
from tests.treatments.pages import Page

Get = Callable[..., Page]


@pytest.fixture
def get(client: Client, db: None) -> Get:
    """Return a function that opens the page of results."""
    return lambda language="en", **asked: Page(client.get(f"/{language}/search/", asked))


@pytest.fixture
def fopectomy(db: None) -> None:
    """Make a cure with its condition and its hospital."""
    condition = make_condition("grunitis", name_en="Fop grunitis", name_ar="التهاب الفوب")
    treatment = make_treatment(
        "fopectomy",
        name_en="Fopectomy",
        name_ar="استئصال الفوب",
        synonyms_en=["wadling cut"],
        synonyms_it=["taglio wadling"],
        summary_en="It takes the fop away. Nobody misses it.",
        conditions=(condition,),
    )
    make_offer(treatment, make_facility("kestrel", short_name="Kestrel"))
    index_all()


def test_hits_stand_in_order_and_nothing_else_looks_like_one(fopectomy: None, get: Get) -> None:
    page = get(q="fopectomy")

    assert page.status == 200
    assert page.hits == [("treatment", "fopectomy"), ("facility", "kestrel")]
    assert page.main.count("data-kind") == page.main.count("data-slug") == 2
    assert {"/en/treatments/fopectomy/", "/en/facilities/kestrel/"} <= set(page.links)
    assert "2 results for “ fopectomy ”" in page.words
    assert "1 hospital" in page.words
    assert "It takes the fop away." in page.words
    assert "/en/about/order/" in page.links


def test_it_works_in_arabic(fopectomy: None, get: Get) -> None:
    page = get("ar", q="الفوب")

    assert page.hits[0] == ("treatment", "fopectomy")
    assert 'dir="rtl"' in page.html
    assert "استئصال الفوب" in page.words


def test_a_text_in_another_language_says_so(fopectomy: None, get: Get) -> None:
    page = get("it", q="fopectomy")

    assert '<span lang="en" dir="ltr">Fopectomy</span>' in page.main


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("wadling cut", "also called: wadling cut"),
        ("taglio wadling", "also called, in Italian: taglio wadling"),
        ("nobody misses", "mentioned in its description"),
        ("grunitis", "in connection with: Fop grunitis"),
    ],
)
def test_a_hit_says_why_it_was_found(fopectomy: None, get: Get, typed: str, why: str) -> None:
    assert why in get(q=typed).words


def test_a_hit_whose_name_matched_gives_no_reason(fopectomy: None, get: Get) -> None:
    assert "hit__why" not in get(q="fopectomy", kind="treatment").main


def test_kinds_can_be_chosen_and_the_words_stay(fopectomy: None, get: Get) -> None:
    every = get(q="fopectomy")
    one = get(q="fopectomy", kind="facility")

    chips = [link for link in every.links if "kind=" in link]
    assert [parse_qs(urlsplit(chip).query) for chip in chips] == [
        {"q": ["fopectomy"], "kind": ["treatment"]},
        {"q": ["fopectomy"], "kind": ["facility"]},
    ]
    assert one.hits == [("facility", "kestrel")]
    assert "1 result for" in one.words


def test_hits_stand_under_their_kind(fopectomy: None, get: Get) -> None:
    words = get(q="fopectomy").words

    assert words.index("Treatments 1 result") < words.index("Fopectomy") < words.index("Hospitals 1 result")


def test_nothing_found_is_no_dead_end(fopectomy: None, get: Get) -> None:
    make_specialty("zoology", name_en="Zoology").facilities.set([make_facility(), make_facility()])
    make_district("tail", name_en="Tail")
    index_all()

    page = get(q="zzqq xx & more")

    assert page.hits == []
    assert "We found nothing for these words" in page.words
    assert {"/en/body/", "/en/body/tail/", "/en/specialties/zoology/", "/en/treatments/"} <= set(page.links)
    assert "Zoology 2" in page.words
    contact = next(link for link in page.links if link.startswith("/en/contact/"))
    assert parse_qs(urlsplit(contact).query) == {"words": ["zzqq xx & more"]}
    assert "data-kind" not in page.main


def test_filters_that_leave_nothing_can_be_taken_away(fopectomy: None, get: Get) -> None:
    page = get(q="fopectomy", kind="specialty")

    assert page.hits == []
    assert "Nothing has all these filters" in page.words
    assert "/en/search/?q=fopectomy" in page.links


def test_the_nearest_are_shown_when_nothing_fits(fopectomy: None, get: Get) -> None:
    page = get(q="fopexzzqqkkmm")

    assert ("treatment", "fopectomy") in page.hits
    assert "Nothing fits exactly" in page.words
    assert "/en/body/" in page.links


def test_hits_hand_over_to_a_person_too(fopectomy: None, get: Get) -> None:
    contact = next(link for link in get(q="fopectomy").links if link.startswith("/en/contact/"))

    assert parse_qs(urlsplit(contact).query) == {"words": ["fopectomy"]}


def test_without_words_it_asks_for_them(get: Get) -> None:
    page = get()

    assert page.status == 200
    assert "What are you looking for?" in page.words
    assert {"/en/search/?q=new%20knee", "/en/body/", "/en/specialties/", "/en/contact/"} <= set(page.links)
    assert "What you typed goes along" not in page.words


def test_specialties_and_parts_of_the_body_are_offered_without_words(db: None, get: Get) -> None:
    make_specialty("zoology", name_en="Zoology", name_ar="علم الحيوان")
    make_district("tail", name_en="Tail")
    index_all()

    page = get("ar")

    assert {"/ar/specialties/zoology/", "/ar/body/tail/"} <= set(page.links)
    assert "علم الحيوان" in page.words
    assert '<span lang="en" dir="ltr">Tail</span>' in page.main


CUT = "left out part of what you typed"
UNKNOWN = "A part of this address does not exist here"


@pytest.mark.parametrize(
    ("asked", "notes"),
    [
        ({"q": "fopectomy " * 30}, {CUT}),
        ({"q": "fopectomy " + "x" * 10_000}, {CUT}),
        ({"q": "fopec\x00tomy"}, {CUT}),
        ({"q": "\u202efopectomy"}, set()),
        ({"q": "fopectomy", "kind": "nonsense"}, {UNKNOWN}),
        ({"q": "fopectomy", "specialty": "no\x00where"}, {UNKNOWN}),
        ({"q": "fopectomy", "district": ["elbow", ""], "province": "XX"}, {UNKNOWN}),
        ({"q": "fopectomy", "specialty": ""}, set()),
        ({"q": "fopectomy", "page": "99999"}, {UNKNOWN}),
        ({"q": "fopectomy", "page": "-1"}, {UNKNOWN}),
        ({"q": "fopectomy", "page": "\x00"}, {UNKNOWN}),
        ({"q": "fopectomy", "page": "1"}, set()),
        ({"q": "<script>alert(1)</script> fopectomy"}, set()),
        ({"q": "'; DROP TABLE search_term; -- fopectomy"}, set()),
        ({"q": "fopectomy & | ! <-> :*"}, set()),
    ],
)
def test_odd_words_are_answered(fopectomy: None, get: Get, asked: dict[str, str], notes: set[str]) -> None:
    page = get(**asked)

    assert page.status == 200
    assert ("treatment", "fopectomy") in page.hits
    assert {note for note in (CUT, UNKNOWN) if note in page.words} == notes
    assert "\u202e" not in page.html
    assert "\x00" not in page.html
    assert "<script>alert" not in page.html


def test_bytes_that_are_no_text_are_answered(fopectomy: None, client: Client) -> None:
    assert client.get("/en/search/?q=%ff%fe%00").status_code == 200


def test_nobody_keeps_the_page_or_lists_it(fopectomy: None, get: Get) -> None:
    page = get(q="fopectomy")

    assert page.response["Cache-Control"] == "no-store"
    assert '<meta name="robots" content="noindex">' in page.html
    assert 'rel="canonical"' not in page.html
    assert not page.response.cookies


def test_words_do_not_stand_in_the_title(fopectomy: None, get: Get) -> None:
    assert "fopectomy" not in get(q="fopectomy").html.partition("</title>")[0]


def test_it_is_read_only(client: Client, db: None) -> None:
    assert client.post("/en/search/", {"q": "fopectomy"}).status_code == 405


def test_more_than_a_page_is_cut(db: None, get: Get) -> None:
    for number in range(25):
        make_treatment(name_en=f"Fopectomy number {number:02}")
    index_all()

    first, second = get(q="fopectomy"), get(q="fopectomy", page="2")

    assert (len(first.hits), len(second.hits)) == (20, 5)
    assert not set(first.hits) & set(second.hits)
    assert "Page 2 of 2" in second.words


def test_pages_keep_what_was_typed_and_chosen(db: None, get: Get) -> None:
    for number in range(25):
        make_treatment(name_en=f"Fopectomy number {number:02}")
    index_all()

    page = get(q="fopectomy", kind="treatment", specialty="nowhere", page="1")

    following = next(link for link in page.links if "page=2" in link)
    assert parse_qs(urlsplit(following).query) == {"q": ["fopectomy"], "kind": ["treatment"], "page": ["2"]}
    assert get(q="fopectomy", kind="treatment", page="2").hits


# --- filters


@pytest.fixture
def wards(db: None) -> None:
    """Make two cures of two specialties and two parts of the body, and hospitals in two provinces."""
    snout = make_district("snout", name_en="Snout")
    tail = make_district("tail", name_en="Tail")
    zoology = make_specialty("zoology", name_en="Zoology")
    botany = make_specialty("botany", name_en="Botany", name_ar="علم النبات")
    bergamo, como = make_facility("kestrel", province="BG"), make_facility("merlin", province="CO")
    for slug, specialty, districts in (("first", zoology, (snout, tail)), ("second", botany, (tail,))):
        treatment = make_treatment(slug, name_en=f"Fopectomy {slug}", specialty=specialty)
        treatment.body_districts.set(districts)
        for facility in (bergamo, como):
            make_offer(treatment, facility)
    zoology.facilities.set([bergamo])
    index_all()


def counts(page: Page, name: str) -> dict[str, int]:
    """Return the number beside each value of a filter."""
    found = re.findall(rf'name="{name}" value="([^"]+)".*?<small>(\d+)</small>', page.main)
    return {value: int(number) for value, number in found}


def test_filters_are_counted_from_the_hits(wards: None, get: Get) -> None:
    page = get(q="fopectomy")

    assert len(page.hits) == 4
    assert counts(page, "kind") == {"treatment": 2, "facility": 2}
    assert counts(page, "specialty") == {"zoology": 2, "botany": 1}
    assert counts(page, "district") == {"tail": 2, "snout": 1}
    assert counts(page, "province") == {"BG": 1, "CO": 1}


def test_a_count_respects_the_other_filters_and_not_its_own(wards: None, get: Get) -> None:
    page = get(q="fopectomy", district="snout")

    assert page.hits == [("treatment", "first")]
    assert counts(page, "district") == {"tail": 2, "snout": 1}
    assert "specialty" not in page.main.replace("specialties", "")
    assert get(q="fopectomy", district=["snout", "tail"]).hits == [("treatment", "first"), ("treatment", "second")]


def test_filters_narrow_together_and_each_can_be_taken_away(wards: None, get: Get) -> None:
    page = get(q="fopectomy", specialty=["zoology", "botany"], kind="treatment")

    assert page.hits == [("treatment", "first"), ("treatment", "second")]
    assert "3 in force" in page.words
    without = [parse_qs(urlsplit(link).query) for link in page.links if "specialty=" in link]
    assert {"q": ["fopectomy"], "specialty": ["zoology", "botany"]} in map(in_order, without)
    assert {"q": ["fopectomy"], "kind": ["treatment"], "specialty": ["zoology"]} in without
    assert "/en/search/?q=fopectomy" in page.links


def in_order(query: dict[str, list[str]]) -> dict[str, list[str]]:
    return query | {"specialty": sorted(query["specialty"], reverse=True)}


def test_hospitals_are_kept_by_province_and_by_specialty(wards: None, get: Get) -> None:
    assert get(q="fopectomy", province="BG").hits == [("facility", "kestrel")]
    assert get(q="fopectomy", specialty="zoology").hits == [("treatment", "first"), ("facility", "kestrel")]


def test_filters_are_named_in_the_readers_language(wards: None, get: Get) -> None:
    page = get("ar", q="fopectomy", specialty="botany")

    assert "علم النبات" in page.words
    assert page.hits == [("treatment", "second")]


def test_a_filter_that_would_change_nothing_is_not_offered(fopectomy: None, get: Get) -> None:
    assert 'name="province"' not in get(q="fopectomy").main


def test_guesses_are_not_filtered(wards: None, get: Get) -> None:
    page = get(q="fopexzzqqkkmm", province="BG")

    assert ("treatment", "first") in page.hits
    assert UNKNOWN in page.words
    assert "<fieldset" not in page.main


# --- headings, emergencies


@pytest.mark.parametrize("language", ["en", "ar", "zh-hans", "de", "ru"])
def test_the_words_stand_in_the_heading_in_their_own_direction(fopectomy: None, get: Get, language: str) -> None:
    heading = re.search(r"<h1.*?</h1>", get(language, q="fopectomy").main, re.DOTALL)[0]

    assert "<bdi>fopectomy</bdi>" in heading


def test_a_long_query_is_cut_in_the_heading(fopectomy: None, get: Get) -> None:
    assert f"<bdi>{('fopectomy ' * 8)[:59]}…</bdi>" in get(q="fopectomy " * 8).main


def test_words_in_the_heading_are_text(fopectomy: None, get: Get) -> None:
    assert "<bdi>fopectomy &lt;b&gt;</bdi>" in get(q="fopectomy <b>").main


@pytest.mark.parametrize(("typed", "is_told"), [("suicide", True), ("fopectomy", False), ("heart attack", False)])
def test_who_writes_of_an_emergency_is_told_whom_to_call(
    fopectomy: None, get: Get, typed: str, *, is_told: bool
) -> None:
    assert ("Is this happening now?" in get(q=typed).words) is is_told


@pytest.mark.parametrize(
    "asked", [{}, {"kind": "treatment", "specialty": ["zoology", "no"], "province": "BG", "page": "3"}]
)
@pytest.mark.parametrize("typed", ["fopectomy", "fopectomi grunitis kestrel", "zzqqxx", "fopexzzqqkkmm", ""])
def test_five_queries_at_most(
    wards: None,
    get: Get,
    django_assert_max_num_queries: DjangoAssertNumQueries,
    typed: str,
    asked: dict[str, str],
) -> None:
    with django_assert_max_num_queries(5):
        get("ar", q=typed, **asked)
