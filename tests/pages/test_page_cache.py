"""Public pages are kept in memory until something public changes, and nothing else ever is."""

import datetime
import functools
import gzip
import random
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import translation
from pytest_django.asserts import assertNumQueries

from facilities.models import Facility
from healthlombardy import page_cache
from healthlombardy.page_cache import Page, PageCacheMiddleware, Shelf, may_be_kept
from publishing import freshness, workflow
from publishing.freshness import PublicVersion, public_tables
from taxonomy.pages import PrivatePage, PublicPage
from tests.accounts.factories import make_user
from tests.pages.reading import ALWAYS
from tests.treatments.factories import make_accreditation, make_facility, make_treatment

committed = pytest.mark.django_db(transaction=True)
MEGABYTE = 1024**2
# Names in an address that the page's own rows do not tell.
NAMES: dict[str, dict[str, str]] = {
    "country": {"country": "ae"},
    "card": {"kind": "treatment", "slug": "hip-replacement"},
}


@pytest.fixture
def cached(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Switch the page cache on; the version is asked at every request, as if a second had passed."""
    settings.PAGE_CACHE_BYTES = MEGABYTE
    monkeypatch.setattr(page_cache, "PublicVersion", functools.partial(PublicVersion, seconds=0))


@pytest.fixture
def client() -> Client:
    """Return a browser; unlike the one of Django it names the host."""
    return Client(headers={"host": "localhost"})


def page_of(facility: Facility, language: str = "en") -> str:
    with translation.override(language):
        return facility.get_absolute_url()


def statements(client: Client, path: str, **headers: str) -> tuple[HttpResponse, list[str]]:
    """Return an answer and what was asked of the database for it, but for the version."""
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(path, headers=headers)
    return answer, [query["sql"] for query in captured if "publishing_publicwrite" not in query["sql"]]


# --- what is seen -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("cached")
@pytest.mark.django_db
def test_second_reader_costs_no_query_and_sees_the_same(client: Client) -> None:
    path = page_of(make_facility("kept"))
    first, asked = statements(client, path)
    second, asked_again = statements(client, path)

    assert asked
    assert asked_again == []
    assert second.content == first.content
    assert b"Kept" in second.content
    own = {"X-Request-ID"}
    assert dict(second.items()).keys() == dict(first.items()).keys()
    assert {name: second[name] for name in second.headers if name not in own} == {
        name: first[name] for name in first.headers if name not in own
    }
    assert second["X-Request-ID"] != first["X-Request-ID"]
    assert {name: second[name] for name in ALWAYS} == ALWAYS
    assert "default-src 'none'" in second["Content-Security-Policy"]


@pytest.mark.usefixtures("cached")
@pytest.mark.django_db
def test_language_of_the_previous_reader_does_not_matter(client: Client) -> None:
    facility = make_facility("kept")
    shown = {}
    for code in ("en", "ar", "en", "ar"):
        answer = client.get(page_of(facility, code), headers={"accept-language": "de", "cookie": "session=x"})
        shown.setdefault(code, set()).add((answer["Content-Language"], answer.content))

    assert {code: len(answers) for code, answers in shown.items()} == {"en": 1, "ar": 1}
    assert b'dir="rtl"' in next(iter(shown["ar"]))[1]


@pytest.mark.usefixtures("cached")
@committed
def test_edit_published_elsewhere_is_seen(client: Client) -> None:
    facility = make_facility("kept", short_name="Alphaville")
    path = page_of(facility)
    client.get(path)
    before = client.get(path)

    # Another thread with a connection of its own, as another process has.
    elsewhere = threading.Thread(target=publish_name, args=(facility, "Betaville"))
    elsewhere.start()
    elsewhere.join()
    after = client.get(path, headers={"if-none-match": before["ETag"]})

    assert b"Alphaville" in before.content
    assert after.status_code == 200
    assert b"Betaville" in after.content
    assert after["ETag"] != before["ETag"]


def publish_name(facility: Facility, name: str) -> None:
    try:
        editor = make_user(roles=("editor",))
        change = workflow.propose_edit(edited=facility, after={"short_name": name}, by=editor)
        assert change
        workflow.publish(change=change, by=editor)
    finally:
        connection.close()


@pytest.mark.usefixtures("cached")
@committed
def test_page_that_an_edit_left_alone_keeps_its_tag(client: Client) -> None:
    path = page_of(make_facility("kept"))
    before = client.get(path)

    make_treatment("elsewhere")
    with CaptureQueriesContext(connection) as captured:
        after = client.get(path, headers={"if-none-match": before["ETag"]})

    assert len(captured) > 1
    assert after.status_code == 304


@pytest.mark.usefixtures("cached")
@pytest.mark.django_db
def test_certificate_lapses_on_its_day(client: Client) -> None:

    facility = make_facility("kept")
    make_accreditation(facility, valid_from=datetime.date(2024, 1, 1), valid_until=datetime.date(2026, 12, 31))
    path = page_of(facility)
    with time_machine.travel("2026-12-31T12:00:00Z"):
        valid = client.get(path).content
        assert client.get(path).content == valid
    with time_machine.travel("2027-01-01T12:00:00Z"):
        lapsed = client.get(path).content

    assert valid != lapsed


# --- validators and forms of the body -------------------------------------------------------------------------------


@pytest.mark.usefixtures("cached")
@pytest.mark.django_db
@pytest.mark.parametrize("is_warm", [False, True])
def test_whoever_has_the_page_is_told_so(client: Client, is_warm: bool) -> None:
    path = page_of(make_facility("kept"))
    tag = Client(headers={"host": "localhost"}).get(path)["ETag"]
    if is_warm:
        client.get(path)
    strong = tag.removeprefix("W/")

    for wanted in (tag, strong, "*", f'"other", {tag}'):
        answer = client.get(path, headers={"if-none-match": wanted})
        assert (answer.status_code, answer.content, answer["ETag"]) == (304, b"", tag)
        assert answer["Cache-Control"].startswith("public, max-age=")
        assert "Content-Type" not in answer
    for wanted in ('"other"', 'W/"other"', "nonsense", "\x00"):
        assert client.get(path, headers={"if-none-match": wanted}).status_code == 200


@pytest.mark.usefixtures("cached")
@pytest.mark.django_db
@pytest.mark.parametrize("first", ["gzip", "identity"])
def test_each_reader_gets_the_form_it_understands(client: Client, first: str) -> None:
    path = page_of(make_facility("kept"))
    client.get(path, headers={"accept-encoding": first})

    plain = client.get(path)
    for accepted in ("gzip", "br, gzip;q=0.5", "deflate, GZIP"):
        packed = client.get(path, headers={"accept-encoding": accepted})
        assert packed["Content-Encoding"] == "gzip"
        assert gzip.decompress(packed.content) == plain.content
        assert int(packed["Content-Length"]) == len(packed.content) < len(plain.content)
        assert (packed["ETag"], packed["Vary"]) == (plain["ETag"], "Accept-Encoding")
    for refused in ("gzip;q=0", "identity", "x-gzippy", ""):
        answer = client.get(path, headers={"accept-encoding": refused})
        assert "Content-Encoding" not in answer
        assert answer.content == plain.content


@pytest.mark.usefixtures("cached")
@pytest.mark.django_db
def test_head_is_answered_but_fills_nothing(client: Client) -> None:
    path = page_of(make_facility("kept"))
    assert client.head(path).status_code == 200
    _answer, asked = statements(client, path)

    assert asked
    with assertNumQueries(1):
        assert client.head(path)["ETag"]


# --- what is never kept ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("cached")
@pytest.mark.django_db
@pytest.mark.parametrize(
    "path",
    [
        "/en/search/?q=kidney",
        "/en/contact/",
        "/en/second-opinion/start/",
        "/en/nothing/",
        "/en/facilities/nothing/",
        "/en/facilities",
        "/accounts/sign-in/",
        "/healthz",
    ],
)
def test_other_answers_are_made_each_time(client: Client, path: str) -> None:
    client.get(path)
    handler = middleware_of(client)

    assert len(handler.plain) == len(handler.with_query) == 0
    assert "public" not in client.get(path).get("Cache-Control", "")


def middleware_of(client: Client) -> PageCacheMiddleware:
    """Return the page cache of a client's own server."""
    handler = client.handler._middleware_chain
    while not isinstance(handler, PageCacheMiddleware):
        handler = getattr(handler, "__wrapped__", None) or handler.get_response
    return handler


@pytest.mark.usefixtures("cached")
@pytest.mark.django_db
def test_host_that_is_not_ours_is_refused_though_the_page_is_kept(client: Client) -> None:
    path = page_of(make_facility("kept"))
    client.get(path)

    assert client.get(path, headers={"host": "stranger.example"}).status_code == 400
    assert len(middleware_of(client).plain) == 1


@pytest.mark.usefixtures("cached")
@pytest.mark.django_db
def test_page_of_one_scheme_is_not_given_to_the_other(client: Client) -> None:
    path = page_of(make_facility("kept"))
    client.get(path)
    _answer, asked = statements(client, path)
    with CaptureQueriesContext(connection) as captured:
        client.get(path, secure=True)

    assert asked == []
    assert len(captured) > 1


@pytest.mark.usefixtures("cached")
@pytest.mark.django_db
def test_invented_queries_push_nothing_out(client: Client) -> None:
    path = page_of(make_facility("kept"))
    client.get(path)
    shelf = middleware_of(client).with_query
    for number in range(60):
        client.get(f"{path}?{'x' * 400}={number}")
    client.get(f"{path}?{'x' * 501}")

    assert 0 < shelf.bytes <= shelf.most_bytes
    assert len(shelf) < 60
    _answer, asked = statements(client, path)
    assert asked == []


def made(**headers: str) -> HttpResponse:
    return HttpResponse("x", headers={"Cache-Control": "public, max-age=0"} | headers)


def with_cookie() -> HttpResponse:
    response = made()
    response.set_cookie("session", "x")
    return response


def not_200() -> HttpResponse:
    response = made()
    response.status_code = 404
    return response


def streamed() -> StreamingHttpResponse:
    return StreamingHttpResponse(["x"], headers={"Cache-Control": "public"})


def test_answer_is_kept_only_if_it_is_for_everybody() -> None:
    assert may_be_kept(made())
    assert may_be_kept(made(Vary="Accept-Encoding"))
    refused = [
        HttpResponse("x"),
        with_cookie(),
        not_200(),
        streamed(),
        made(**{"Set-Cookie": "a=b"}),
        made(Vary="Cookie"),
        made(Vary="Accept-Encoding, Accept-Language"),
        made(Vary="*"),
        made(**{"Cache-Control": "public, no-store"}),
        made(**{"Cache-Control": "private, max-age=60"}),
        made(**{"Cache-Control": "max-age=60"}),
        made(**{"Content-Encoding": "br"}),
    ]
    assert [response for response in refused if may_be_kept(response)] == []


def test_shelf_never_holds_more_than_it_may() -> None:
    shelf, noise = Shelf(100_000), random.Random(1)
    keys = [("http", "localhost", f"/en/{number}/", "") for number in range(50)]
    for number, key in enumerate(keys, start=1):
        shelf.put(key, Page.of(made(), "1"))
        shelf.put(key, Page.of(HttpResponse(noise.randbytes(5000 * (number % 9))), "1"))
        shelf.get(keys[0], "1")
        assert shelf.bytes <= shelf.most_bytes

    assert shelf.get(keys[0], "1")
    assert shelf.get(keys[-1], "1")
    assert shelf.get(keys[1], "1") is None
    assert shelf.get(keys[-1], "2") is None
    assert shelf.get(keys[-1], "1") is None
    for key in keys:
        shelf.get(key, "2")
    assert (len(shelf), shelf.bytes) == (0, 0)


# --- when servers are gone -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("cached")
@pytest.mark.django_db
def test_kept_page_is_shown_while_the_database_is_gone(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    path = page_of(make_facility("kept"))
    client.get(path)

    def gone(*_arguments: object, **_named: object) -> Any:
        raise OperationalError

    monkeypatch.setattr(freshness, "version_of_writes", gone)
    monkeypatch.setattr("django.db.models.sql.compiler.SQLCompiler.execute_sql", gone)

    assert client.get(path).status_code == 200
    assert client.get("/en/facilities/").status_code == 503
    assert Client(headers={"host": "localhost"}).get(path).status_code == 503


def test_nothing_is_kept_where_no_memory_is_given(settings: Any) -> None:
    settings.PAGE_CACHE_BYTES = 0
    with pytest.raises(MiddlewareNotUsed):
        PageCacheMiddleware(lambda request: HttpResponse())


def test_what_is_no_page_for_sure_has_no_key() -> None:
    settings.PAGE_CACHE_BYTES = MEGABYTE
    try:
        middleware = PageCacheMiddleware(lambda request: HttpResponse())
    finally:
        settings.PAGE_CACHE_BYTES = 0
    factory = RequestFactory(headers={"host": "localhost"})
    asked: list[HttpRequest] = [
        factory.post("/en/"),
        factory.get("/static/css/main.css"),
        factory.get("/"),
        factory.get("/english/"),
        factory.get("/en/", {"q": "x" * 501}),
        RequestFactory().get("/en/"),
    ]

    assert [request for request in asked if middleware.key_of(request)] == []
    assert middleware.key_of(factory.get("/zh-hans/", {"a": "b"})) == ("http", "localhost", "/zh-hans/", "a=b")


def test_shipped_proxy_asks_again_and_never_shows_an_old_page_for_long() -> None:
    directives = re.findall(
        r"(?m)^proxy_cache_(\w+) (.*);$", (settings.BASE_DIR / "deploy/nginx/portal.conf").read_text()
    )
    proxy = dict(directives)

    assert (proxy["background_update"], proxy["revalidate"], proxy["lock"]) == ("on", "on", "on")
    # With it the first reader after a quiet hour gets the page of an hour ago, whatever the application says.
    assert "updating" not in proxy["use_stale"].split()
    assert "valid" not in proxy


# --- every public address -------------------------------------------------------------------------------------------


def public_addresses() -> Iterator[str]:
    """Yield the address of every public page in English, from the resolver."""
    for pattern in patterns(get_resolver()):
        view = getattr(pattern.callback, "view_class", None)
        if view and issubclass(view, PublicPage) and not issubclass(view, PrivatePage):
            yield reverse(name_of(pattern), kwargs=names_of(pattern, view))


def patterns(resolver: URLResolver, space: str = "") -> Iterator[URLPattern]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from patterns(pattern, pattern.namespace or space)
        else:
            pattern.space = space
            yield pattern


def name_of(pattern: URLPattern) -> str:
    return f"{pattern.space}:{pattern.name}" if pattern.space else pattern.name


def names_of(pattern: URLPattern, view: Any) -> dict[str, str]:
    wanted = set(pattern.pattern.converters)
    if not wanted:
        return {}
    known = NAMES.get(pattern.name) or {"slug": str(view.queryset.first().slug)}
    assert set(known) == wanted, f"Tell NAMES in this test what {name_of(pattern)} is called with."
    return known


def says_how_long(answer: HttpResponse) -> bool:
    """Return whether proxies ask again after a second; pictures, which other sites show, may be kept."""
    if answer["Content-Type"].startswith("image/"):
        return answer["Cache-Control"].startswith("public, max-age=")
    proxies = "s-maxage=1, stale-while-revalidate=1, stale-if-error=86400"
    return answer.get("Cache-Control") == f"public, max-age=0, {proxies}"


@pytest.mark.usefixtures("catalogue", "db", "cached")
def test_every_public_page_may_be_kept_and_rests_on_watched_tables(client: Client) -> None:
    addresses = sorted(public_addresses())
    faults = {}
    for address in addresses:
        made_page, asked = statements(client, address)
        kept, asked_again = statements(client, address, cookie="session=x; csrftoken=y")
        read = {table for sql in asked for table in re.findall(r'(?:FROM|JOIN) "(\w+)"', sql)}
        faults[address] = [
            words
            for words, holds in {
                f"answers {made_page.status_code}": made_page.status_code == 200,
                "has no validator": bool(re.fullmatch(r'W/"[0-9a-f]{32}"', made_page.get("ETag", ""))),
                "says not how long": says_how_long(made_page),
                "varies": made_page.get("Vary", "") == "Accept-Encoding",
                "sets a cookie": not made_page.cookies,
                "is made again": asked_again == [] and kept["ETag"] == made_page.get("ETag"),
                f"reads {read - public_tables()}": read <= public_tables(),
            }.items()
            if not holds
        ]

    assert len(addresses) >= 18
    assert {address: found for address, found in faults.items() if found} == {}
