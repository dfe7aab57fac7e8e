"""A walk over the whole real portal: every public page, every link on it, every kind of page in every language."""

import re
from collections import defaultdict
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import resolve, reverse
from django.utils import translation

from facilities.models import Facility
from healthlombardy.sitemaps import SITEMAPS
from tests.pages.reading import CODES, Walked, in_words

pytestmark = pytest.mark.usefixtures("catalogue", "db")

# Of addresses that differ only by the values of their query, so many of a kind are opened.
OPENED_OF_A_KIND = 3
PRIVATE_LINKS = re.compile(r"^/[a-z-]+/(contact|my-request|search|second-opinion/start)/")


def sitemap_paths(language: str, of_each: int | None = None) -> list[str]:
    """Return the addresses of the sitemaps in a language, or the first few of each kind."""
    with translation.override(language):
        return [
            sitemap.location(item)
            for sitemap in (each() for each in SITEMAPS.values())
            for item in list(sitemap.items())[:of_each]
        ]


def kind_of(address: str) -> tuple[str, frozenset[str]]:
    """Return what makes two addresses alike: their page and the names in their query."""
    parts = urlsplit(address)
    return resolve(parts.path).view_name, frozenset(parse_qs(parts.query))


@pytest.fixture
def open_page(client: Client) -> object:
    return lambda path, language: Walked(path, language, client.get(path))


def test_every_public_page_in_english_and_every_link_on_it(client: Client) -> None:
    paths = sitemap_paths("en")
    faults: dict[str, list[str]] = {}
    links: set[str] = set()
    files: set[str] = set()

    for path in paths:
        page = Walked(path, "en", client.get(path))
        elements = page.elements
        links |= page.links(elements)
        files |= page.files(elements)
        faults[path] = page.faults(elements) + page.public_faults(elements)

    assert len(paths) > 550
    assert not in_words(faults), in_words(faults)
    assert {file for file in files if not finders.find(file.removeprefix("/static/"))} == set()
    assert broken(client, links - set(paths)) == {}


def broken(client: Client, links: set[str]) -> dict[str, int]:
    """Return the addresses that lead nowhere; of those that differ by their query only, a few are opened."""
    alike = defaultdict(list)
    others = [link for link in sorted(links) if not link.startswith("/en/")]
    for link in sorted(links - set(others)):
        alike[kind_of(link)].append(link)
    # The other languages of a page are opened by the next test; here they must only be addresses of the portal.
    for link in others:
        with translation.override(translation.get_language_from_path(link) or "en"):
            resolve(urlsplit(link).path)
    opened = [link for group in alike.values() for link in group[:OPENED_OF_A_KIND]]
    answers = {link: client.get(link).status_code for link in opened}
    return {link: status for link, status in answers.items() if status not in {200, 301, 302}}


@pytest.mark.parametrize("language", CODES)
def test_every_kind_of_page_in_every_language(client: Client, language: str) -> None:
    paths = sitemap_paths(language, of_each=2) + sitemap_paths(language, of_each=12)[:12]
    faults = {}

    for path in dict.fromkeys(paths):
        page = Walked(path, language, client.get(path))
        elements = page.elements
        faults[path] = page.faults(elements) + page.public_faults(elements)

    assert len(faults) >= 22
    assert not in_words(faults), in_words(faults)


@pytest.mark.parametrize("language", CODES)
def test_every_form_that_anyone_may_open_in_every_language(client: Client, language: str) -> None:
    faults = {}
    with translation.override(language):
        names = ("search:results", "teleconsult:contact", "teleconsult:my_request", "teleconsult:lost_reference")
        paths = [reverse(name) for name in (*names, "teleconsult:request_start")]
        paths.append(reverse("search:results") + "?q=knee")
        paths.append(reverse("facilities:facility_report", args=[Facility.objects.published().earliest("pk").slug]))
        link = reverse("teleconsult:private_link", args=["HL-ABCD-EFGH", "secret"])

    for path in [*paths, link]:
        page = Walked(path, language, client.get(path))
        elements = page.elements
        faults[path] = page.faults(elements) + page.private_faults(elements)

    assert not in_words(faults), in_words(faults)


def test_the_cookie_against_forged_forms_is_set_where_a_form_is_sent_and_nowhere_else(client: Client) -> None:
    assert "csrftoken" in client.get("/en/contact/").cookies
    assert "csrftoken" in client.get("/en/second-opinion/start/").cookies
    assert not Client().get("/en/search/?q=knee").cookies
    assert not Client().get("/en/no-such-page/").cookies


@pytest.mark.parametrize("path", ["/xx/", "/xx/facilities/", "/EN/facilities/", "/en/nothing/", "/pt-br/"])
def test_an_unknown_language_is_a_page_that_is_not_there_in_words(client: Client, path: str) -> None:
    page = Walked(path, "en", client.get(path))

    assert page.response.status_code == 404
    assert "We cannot find this page" in page.elements.words


def test_a_code_without_its_script_is_not_there_in_the_language_it_means(client: Client) -> None:
    page = Walked("/zh/", "zh-hans", client.get("/zh/"))

    assert page.response.status_code == 404
    assert dict(page.elements.tags)["html"]["lang"] == "zh-Hans"


def test_public_pages_answer_reading_only(client: Client) -> None:
    faults = {}

    for path in sitemap_paths("en", of_each=1) + sitemap_paths("en", of_each=12)[:12]:
        answers = {method: getattr(client, method)(path).status_code for method in ("post", "put", "delete", "patch")}
        faults[path] = [f"answers {status} to {method}" for method, status in answers.items() if status != 405]

    assert not in_words(faults), in_words(faults)


def test_head_answers_as_get_without_a_body(client: Client) -> None:
    answer = client.head("/en/facilities/")

    assert answer.status_code == 200
    assert answer["Cache-Control"].startswith("public")
    assert answer.content == b""


def test_a_page_that_anyone_may_keep_is_the_same_for_a_browser_with_cookies(client: Client) -> None:
    plain = client.get("/en/facilities/")
    client.cookies["sessionid"] = client.cookies["session"] = client.cookies["django_language"] = "ar"

    assert client.get("/en/facilities/", headers={"accept-language": "ar"}).content == plain.content
