"""The page of results."""

from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.search.factories import index_all
from tests.treatments.factories import make_condition, make_facility, make_offer, make_treatment
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
    assert "2 results" in page.words
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
    assert 'aria-current="true"' in one.main


def test_nothing_found_is_no_dead_end(fopectomy: None, get: Get) -> None:
    page = get(q="zzqq xx & more")

    assert page.hits == []
    assert "We found nothing for these words" in page.words
    assert "/en/body/" in page.links
    contact = next(link for link in page.links if link.startswith("/en/contact/"))
    assert parse_qs(urlsplit(contact).query) == {"words": ["zzqq xx & more"]}


def test_a_kind_that_was_not_found_leads_back_to_all(fopectomy: None, get: Get) -> None:
    page = get(q="fopectomy", kind="specialty")

    assert page.hits == []
    assert "Nothing of this kind was found" in page.words
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


@pytest.mark.parametrize(
    ("asked", "note"),
    [
        ({"q": "fopectomy " * 30}, True),
        ({"q": "fopec\x00tomy"}, True),
        ({"q": "\u202efopectomy"}, False),
        ({"q": "fopectomy", "kind": "nonsense"}, False),
        ({"q": "fopectomy", "page": "99999"}, False),
        ({"q": "fopectomy", "page": "-1"}, False),
        ({"q": "<script>alert(1)</script> fopectomy"}, False),
        ({"q": "'; DROP TABLE search_term; -- fopectomy"}, False),
        ({"q": "fopectomy & | ! <-> :*"}, False),
    ],
)
def test_odd_words_are_answered(fopectomy: None, get: Get, asked: dict[str, str], note: bool) -> None:
    page = get(**asked)

    assert page.status == 200
    assert ("treatment", "fopectomy") in page.hits
    assert ("left out part of what you typed" in page.words) is note
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


@pytest.mark.parametrize("typed", ["fopectomy", "fopectomi grunitis kestrel", "zzqqxx", "fopexzzqqkkmm", ""])
def test_five_queries_at_most(
    fopectomy: None, get: Get, django_assert_max_num_queries: DjangoAssertNumQueries, typed: str
) -> None:
    with django_assert_max_num_queries(5):
        get("ar", q=typed)
