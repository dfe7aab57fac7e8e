"""The sitemap: it names every public page there is, in every language, and nothing else."""

import datetime
import re
from xml.etree import ElementTree

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve
from django.utils import translation
from pytest_django import DjangoAssertNumQueries

from healthlombardy.sitemaps import SITEMAPS, PublicSitemap
from taxonomy.languages import BCP47
from taxonomy.pages import PublicPage
from tests.partners.factories import make_institution
from tests.treatments.factories import (
    make_condition,
    make_district,
    make_facility,
    make_offer,
    make_specialty,
    make_treatment,
)

pytestmark = pytest.mark.django_db

SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
LINK = "{http://www.w3.org/1999/xhtml}link"
# Public, but no pages to be found by: what they show depends on what is chosen or typed.
NOT_LISTED = {"treatments:compare", "search:results"}


@pytest.fixture
def one_of_each() -> None:
    specialty, district = make_specialty("field"), make_district("part")
    shared = {"specialty": specialty, "districts": (district,)}
    make_offer(make_treatment("cure", **shared), make_facility("house"))
    make_condition("illness", **shared)
    make_institution("AE")


def entries(client: Client, section: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(client.get(f"/sitemap-{section}.xml").content))  # noqa: S314  our own answer


def listed(client: Client) -> set[str]:
    """Return the path of every address of every section."""
    found = set()
    for section in SITEMAPS:
        for entry in entries(client, section):
            found.add(entry.findtext(f"{SITEMAP}loc", "").removeprefix(settings.PUBLIC_URL))
    return found


def public_pages(resolver: URLResolver, start: str = "") -> set[str]:
    """Return the names of the addresses that a reader's page stands behind."""
    names = set()
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{start}{pattern.namespace}:" if pattern.namespace else start
            names |= public_pages(pattern, inner)
        elif isinstance(pattern, URLPattern) and is_public_page(pattern):
            names.add(f"{start}{pattern.name}")
    return names


def is_public_page(pattern: URLPattern) -> bool:
    view = getattr(pattern.callback, "view_class", None)
    return view is not None and issubclass(view, PublicPage) and hasattr(view, "template_name")


@pytest.mark.usefixtures("one_of_each")
def test_every_kind_of_public_page_is_named_and_opens(client: Client) -> None:
    paths = listed(client)

    with translation.override("en"):
        shown = {resolve(path).view_name for path in paths if path.startswith("/en/")}
    assert public_pages(get_resolver()) - shown == NOT_LISTED
    assert {path: client.get(path).status_code for path in paths if client.get(path).status_code != 200} == {}


@pytest.mark.usefixtures("one_of_each")
def test_each_address_names_itself_and_the_others_and_english_as_default(client: Client) -> None:
    for section in SITEMAPS:
        for entry in entries(client, section):
            own = entry.findtext(f"{SITEMAP}loc", "")
            links = {link.get("hreflang"): link.get("href") for link in entry.findall(LINK)}
            assert set(links) == {*BCP47.values(), "x-default"}
            assert own in links.values()
            assert links["x-default"] == links["en"]
            assert all(link.startswith(f"{settings.PUBLIC_URL}/") for link in links.values())


@pytest.mark.usefixtures("one_of_each")
def test_the_links_are_those_the_page_itself_gives(client: Client) -> None:
    (entry, *_others) = entries(client, "treatments")
    links = {link.get("hreflang"): link.get("href") for link in entry.findall(LINK)}

    html = client.get("/en/treatments/cure/").content.decode()

    assert dict(re.findall(r'<link rel="alternate" hreflang="([^"]+)" href="([^"]+)">', html)) == links


def test_what_is_not_published_or_invented_is_not_named(client: Client) -> None:
    make_facility("hidden", is_published=False)
    make_facility("invented", is_demo=True)
    make_treatment("draft", is_published=False)
    make_condition("sketch", is_published=False)

    paths = " ".join(listed(client))

    for slug in ("hidden", "invented", "draft", "sketch"):
        assert slug not in paths


@pytest.mark.usefixtures("one_of_each")
def test_no_day_is_claimed_on_which_a_page_changed(client: Client) -> None:
    assert all("lastmod" not in client.get(f"/sitemap-{section}.xml").content.decode() for section in SITEMAPS)
    assert str(datetime.date.today().year) not in client.get("/sitemap.xml").content.decode()


def test_a_long_list_is_divided_and_the_index_names_every_part(
    client: Client, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setattr(PublicSitemap, "limit", 8)
    for number in range(3):
        make_facility(f"house-{number}")

    index = client.get("/sitemap.xml").content.decode()
    with django_assert_max_num_queries(2):
        second = client.get("/sitemap-facilities.xml?p=2").content.decode()

    assert re.findall(r"/sitemap-facilities\.xml\??([^<]*)</loc>", index) == ["", "p=2", "p=3"]
    assert second.count("<loc>") == 8
    assert client.get("/sitemap-facilities.xml?p=99").status_code == 404
