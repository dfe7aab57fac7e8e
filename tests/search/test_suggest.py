"""Suggestions while typing: what the server answers; tests/e2e/test_suggestions.py uses them with a browser."""

import logging
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from search.models import ZeroHit
from search.suggest import MOST, MOST_OF_A_KIND, suggest
from tests.search.factories import index_all
from tests.treatments.factories import make_condition, make_district, make_facility, make_offer, make_treatment
from tests.treatments.pages import Page

Get = Callable[..., Page]


@pytest.fixture
def get(client: Client, db: None) -> Get:
    """Return a function that asks for suggestions."""
    return lambda language="en", **asked: Page(client.get(f"/{language}/search/suggest/", asked))


@pytest.fixture
def fopectomy(db: None) -> None:
    """Make a cure with its condition and its hospital."""
    condition = make_condition("grunitis", name_en="Fop grunitis", name_ar="التهاب الفوب", name_zh_hans="福普炎")
    treatment = make_treatment(
        "fopectomy", name_en="Fopectomy", name_ar="استئصال الفوب", synonyms_en=["wadling cut"], conditions=(condition,)
    )
    facility = make_facility("kestrel", short_name="Kestrel", city="Como", province="CO")
    make_offer(treatment, facility)
    index_all()


def options(page: Page) -> list[tuple[str, str]]:
    """Return address and words of each suggestion, in order."""
    found = re.findall(r'<a class="suggestion" role="option"[^>]* href="([^"]+)">(.*?)</a>', page.html)
    return [(address, unescape(re.sub(r"<[^>]+>", "", words))) for address, words in found]


def status(page: Page) -> str:
    """Return the sentence that is read aloud."""
    return re.search(r"<p hidden data-status>(.*?)</p>", page.html)[1]


def groups(page: Page) -> list[str]:
    return re.findall(r'role="group" aria-label="([^"]+)"', page.html)


def test_half_a_word_is_enough(fopectomy: None, get: Get) -> None:
    page = get(q="fopec")

    assert page.status == 200
    assert options(page)[0] == ("/en/treatments/fopectomy/", "Fopectomy Operation")
    assert "/en/facilities/kestrel/" in dict(options(page))


def test_they_stand_by_kind_in_the_order_of_the_results(fopectomy: None, get: Get) -> None:
    page = get(q="fop grunitis")

    assert groups(page) == ["Conditions", "Treatments"]
    assert [address for address, _words in options(page)] == ["/en/conditions/grunitis/", "/en/treatments/fopectomy/"]
    assert status(page).startswith("2 suggestions.")


def test_a_match_that_is_not_the_name_says_why(fopectomy: None, get: Get) -> None:
    assert dict(options(get(q="wadling")))["/en/treatments/fopectomy/"].endswith("also called: wadling cut")


def test_a_hospital_says_where_it_is(fopectomy: None, get: Get) -> None:
    words = dict(options(get(q="kestrel")))["/en/facilities/kestrel/"]

    assert words == "kestrel General hospital · Como"


def test_it_works_in_arabic_and_a_fallback_says_its_language(fopectomy: None, get: Get) -> None:
    page = get("ar", q="الفوب")
    italian = get("it", q="fopectomy")

    assert options(page)[0][1].startswith(("استئصال الفوب", "التهاب الفوب"))
    assert '<span lang="en" dir="ltr">Fopectomy</span>' in italian.html


def test_one_chinese_sign_is_enough(fopectomy: None, get: Get) -> None:
    assert "/zh-hans/conditions/grunitis/" in dict(options(get("zh-hans", q="福")))


def test_there_are_few_and_no_kind_takes_all_the_room(db: None) -> None:
    district = make_district("fop", name_en="Fop")
    for number in range(12):
        make_treatment(f"t{number}", name_en=f"Fop cure {number}", conditions=(make_condition(f"c{number}"),))
        make_condition(f"d{number}", name_en=f"Fop trouble {number}", districts=(district,))
    index_all()

    found = suggest("fop", "en")

    assert sum(len(group.hits) for group in found) == MOST
    assert max(len(group.hits) for group in found) == MOST_OF_A_KIND


def test_one_kind_alone_has_all_the_room(db: None) -> None:
    for number in range(12):
        make_treatment(f"t{number}", name_en=f"Fop cure {number}")
    index_all()

    assert [len(group.hits) for group in suggest("fop", "en")] == [MOST]


@pytest.mark.parametrize("typed", ["", " ", "zzqqxx", "fopexzzqqkkmm", "&|!", "\x00"])
def test_nothing_is_suggested_rather_than_a_guess(fopectomy: None, get: Get, typed: str) -> None:
    page = get(q=typed)

    assert page.status == 200
    assert options(page) == []
    assert status(page) == "No suggestion. Press Enter to search."


@pytest.mark.parametrize(
    "query", ["", "?q=%00fopec%00", "?q=%ED%A0%80fopec", "?q=%ff%fe", f"?q=fopec{'+x' * 5000}", "?q=fopec&q=&page=-1"]
)
def test_garbage_is_answered(fopectomy: None, client: Client, query: str) -> None:
    answer = client.get(f"/en/search/suggest/{query}")

    assert answer.status_code == 200
    assert b"\x00" not in answer.content


def test_half_a_pair_is_answered(fopectomy: None) -> None:
    assert suggest("fopec\ud800", "en")


def test_what_is_typed_is_never_printed(fopectomy: None, get: Get) -> None:
    html = get(q="<script>fopectomy").html

    assert "<script>" not in html
    assert options(get(q="<script>fopectomy"))


def test_nobody_keeps_it(fopectomy: None, get: Get) -> None:
    answer = get(q="fopec").response

    assert answer["Cache-Control"] == "no-store"
    assert answer["X-Robots-Tag"] == "noindex"
    assert not answer.cookies
    assert "Cookie" not in answer.get("Vary", "")


def test_words_stand_in_no_log_and_are_not_counted(fopectomy: None, get: Get, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        get(q="zzqqxx")

    ours = [record for record in caplog.records if not record.name.startswith("django.db")]
    assert ours
    assert "zzqqxx" not in "".join(str(vars(record)) for record in ours if record.name.startswith("healthlombardy"))
    assert not ZeroHit.objects.exists()


def test_it_is_read_only(client: Client, db: None) -> None:
    assert client.post("/en/search/suggest/", {"q": "fop"}).status_code == 405


def test_the_answer_is_small(db: None, get: Get) -> None:
    for number in range(30):
        make_treatment(f"t{number}", name_en=f"Fop cure of a rather long name number {number}")
    index_all()

    assert len(get(q="fop").response.content) < 4096


@pytest.mark.parametrize("typed", ["fopec", "fopectomi grunitis kestrel", "zzqqxx", "fopexzzqqkkmm", ""])
def test_five_queries_at_most(
    fopectomy: None, get: Get, django_assert_max_num_queries: DjangoAssertNumQueries, typed: str
) -> None:
    with django_assert_max_num_queries(5):
        get("ar", q=typed)


def test_every_search_box_offers_them_and_works_without(fopectomy: None, client: Client) -> None:
    for path in ("/de/", "/de/search/", "/de/treatments/", "/de/nothing-here/"):
        html = client.get(path).content.decode()

        assert 'data-suggest="/de/search/suggest/"' in html
        assert re.search(r'<div class="suggestions" id="q-suggestions" role="listbox" [^>]*hidden></div>', html)
        assert 'role="combobox"' not in html


def test_the_script_is_small_and_stores_nothing() -> None:
    script = Path(settings.BASE_DIR, "static", "js", "suggest.js").read_text(encoding="utf-8")

    assert len(script.encode()) <= 4096
    assert not re.search(r"localStorage|sessionStorage|indexedDB|cookie|pushState|replaceState", script)
