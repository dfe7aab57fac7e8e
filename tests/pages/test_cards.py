"""The picture of a page, and what a page says to those who show its address."""

from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import pytest
from django.conf import settings as project
from django.test import Client
from django.urls import reverse
from django.utils import translation
from PIL import Image
from pytest_django import DjangoAssertNumQueries

from healthlombardy import cards
from healthlombardy.sharing import LOCALES
from tests.pages.reading import CODES
from tests.treatments.factories import make_condition, make_district, make_facility, make_specialty, make_treatment

pytestmark = pytest.mark.django_db

PINE = (0x18, 0x4C, 0x38)
NAMES = {
    "name_en": "Replacement of the hip",
    "name_it": "Protesi d'anca",
    "name_ar": "استبدال مفصل الورك",
    "name_zh_hans": "髋关节置换术",
    "name_es": "Prótesis de cadera",
    "name_fr": "Prothèse de hanche",
    "name_de": "Koronarangioplastie mit Stentimplantation",
    "name_ru": "Эндопротезирование тазобедренного сустава",
}
KINDS = {"treatment": "hip", "condition": "pain", "specialty": "bones", "body": "leg", "facility": "house"}
PAGES = {
    "treatment": "treatments:treatment_detail",
    "condition": "treatments:condition_detail",
    "specialty": "treatments:specialty_detail",
    "body": "treatments:body_detail",
    "facility": "facilities:facility_detail",
}


@pytest.fixture(autouse=True)
def no_pictures_yet(settings: object, tmp_path: Path) -> None:
    kept = settings.CACHES["cards"] | {"LOCATION": tmp_path / "cards"}
    settings.CACHES = settings.CACHES | {"cards": kept}
    # The memory of the process, which would answer first.
    settings.PAGE_CACHE_BYTES = 0


@pytest.fixture
def things() -> None:
    specialty = make_specialty("bones", **NAMES)
    make_district("leg", **NAMES)
    make_condition("pain", specialty=specialty, **NAMES)
    make_treatment("hip", specialty=specialty, **NAMES)
    usual = {name.replace("name", "usual_name"): value for name, value in NAMES.items()}
    make_facility("house", official_name="Fondazione IRCCS Istituto Esempio di Ricovero e Cura", **usual)


def address(kind: str, language: str = "en", slug: str = "") -> str:
    with translation.override(language):
        return reverse("card", args=[kind, slug or KINDS[kind]]) if kind else reverse("general_card")


def opened(content: bytes) -> Image.Image:
    picture = Image.open(BytesIO(content))
    picture.load()
    return picture


@pytest.mark.parametrize("language", CODES)
@pytest.mark.parametrize("kind", ["", *KINDS])
def test_every_kind_of_page_has_a_picture_in_every_language(
    client: Client, things: None, kind: str, language: str
) -> None:
    answer = client.get(address(kind, language))

    assert answer.status_code == 200
    assert answer["Content-Type"] == "image/png"
    picture = opened(answer.content)
    assert (picture.format, picture.size) == ("PNG", (1200, 630))
    # Services that show links refuse heavy ones: the strictest at 300 KB.
    assert len(answer.content) < 200_000


def test_each_language_shows_its_own_words(client: Client, things: None) -> None:
    for kind in ("", "treatment", "facility"):
        assert len({client.get(address(kind, language)).content for language in CODES}) == len(CODES)


def test_arabic_begins_at_the_right(client: Client, things: None) -> None:
    """The mark, which begins the line of the name of the portal, is the only pine at the top."""
    middles = {}
    for language in ("en", "ar"):
        top = opened(client.get(address("", language)).content).convert("RGB").crop((0, 0, 1200, 120))
        places = [x for x in range(1200) for y in range(40, 120, 3) if is_near(top.getpixel((x, y)), PINE)]
        middles[language] = sum(places) / len(places)

    assert middles["en"] < 200
    assert middles["ar"] > 1000


def is_near(colour: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    return all(abs(one - other) < 12 for one, other in zip(colour, wanted, strict=True))


@pytest.mark.parametrize(
    "path",
    [
        "/en/cards/treatment/nothing.png",
        "/en/cards/nothing/hip.png",
        "/en/cards/hospital/house.png",
        "/en/cards/treatment/hidden.png",
        "/en/cards/treatment/hip.jpg",
        "/en/cards/treatment/hip.png/",
        "/en/cards/treatment/%00.png",
        f"/en/cards/treatment/{'a' * 10_000}.png",
        "/xx/cards/treatment/hip.png",
    ],
)
def test_no_other_address_makes_a_picture(
    client: Client, things: None, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    make_treatment("hidden", is_published=False)
    monkeypatch.setattr(cards, "typeset", refuse)

    assert client.get(path).status_code == 404


def refuse(*_args: object, **_named: object) -> bytes:
    raise AssertionError("a picture was made")


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_pictures_answer_reading_only(client: Client, things: None, method: str) -> None:
    assert getattr(client, method)(address("treatment")).status_code == 405


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_takes_one_query(
    client: Client, things: None, django_assert_num_queries: DjangoAssertNumQueries, kind: str, language: str
) -> None:
    with django_assert_num_queries(1):
        client.get(address(kind, language))


def test_anyone_may_keep_and_show_it_and_asks_again_cheaply(client: Client, things: None) -> None:
    answer = client.get(address("treatment"), headers={"accept-encoding": "gzip"})

    assert answer["Cache-Control"].startswith("public, max-age=86400")
    assert answer["Cross-Origin-Resource-Policy"] == "cross-origin"
    # PNG is compressed already.
    assert not answer.has_header("Content-Encoding")
    assert not answer.cookies
    assert "Cookie" not in answer.get("Vary", "")
    again = client.get(address("treatment"), headers={"if-none-match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_each_picture_is_made_once_and_anew_when_its_words_change(
    client: Client, things: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = client.get(address("treatment"))
    with monkeypatch.context() as patched:
        patched.setattr(cards, "typeset", refuse)
        assert client.get(address("treatment") + "?anything=1").content == first.content
        assert client.get(address("treatment") + "?anything=2")["ETag"] == first["ETag"]

    cards.Treatment.objects.filter(slug="hip").update(name_en="Another name")

    assert client.get(address("treatment")).content != first.content


def test_a_full_disk_costs_no_picture(client: Client, things: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_named: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("django.core.cache.backends.filebased.FileBasedCache.set", fail)

    assert client.get(address("treatment")).status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        '#panic("run") "); #panic("run") $x$ *a* `b`',
        "<script>alert(1)</script> & \" ' \\ #{",
        "Wort" * 50,
        "A " * 100,
        "\N{RIGHT-TO-LEFT OVERRIDE}abc\N{COMBINING ACUTE ACCENT}",
        "ሀኪም 😀",
        " ",
    ],
)
@pytest.mark.parametrize("language", ["en", "ar"])
def test_any_name_can_be_set(client: Client, name: str, language: str) -> None:
    make_treatment("odd", name_en=name)
    make_facility("odd", short_name=name[:120], official_name=name[:300], city=name[:80])

    for kind in ("treatment", "facility"):
        assert opened(client.get(address(kind, language, "odd")).content).size == (1200, 630)


def test_a_facility_goes_by_the_name_of_its_readers(things: None) -> None:
    house = cards.Facility.objects.get(slug="house")
    bare = make_facility("bare", short_name="Esempio", official_name="Ospedale Esempio", usual_name_en="Example")

    with translation.override("ar"):
        assert cards.facility_card(house, "ar").name.value == NAMES["name_ar"]
        assert cards.facility_card(house, "ar").second.value.startswith("Fondazione IRCCS")
        assert cards.facility_card(bare, "ar").name == cards.Text("Esempio", "it")


def test_a_specialty_without_a_name_in_the_language_is_left_out() -> None:
    treatment = make_treatment("hip", specialty=make_specialty("bones", name_en="Bones"), kind="surgery", **NAMES)

    with translation.override("en"):
        assert cards.treatment_card(treatment, "en").kind == "Operation · Bones"
    with translation.override("de"):
        assert "Bones" not in cards.treatment_card(treatment, "de").kind


# --- what the page says ---------------------------------------------------------------------------------------------


class Metas(HTMLParser):
    """The meta elements of a page; what comes more than once is a list."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a meta element."""
        values = dict(attrs)
        name = values.get("property") or values.get("name") if tag == "meta" else None
        if name:
            self.found.setdefault(name, []).append(values.get("content") or "")

    def __getitem__(self, name: str) -> str:
        (value,) = self.found[name]
        return value


def metas(client: Client, path: str) -> Metas:
    return Metas(client.get(path).content.decode())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_page_names_its_own_picture(client: Client, things: None, kind: str, language: str) -> None:
    with translation.override(language):
        path = reverse(PAGES[kind], args=[KINDS[kind]])

    found = metas(client, path)

    assert found["og:image"] == project.PUBLIC_URL + address(kind, language)
    assert client.get(found["og:image"].removeprefix(project.PUBLIC_URL)).status_code == 200
    assert found["og:image:alt"] == f"Health Lombardy: {found['og:title']}"
    assert found["og:url"] == project.PUBLIC_URL + path
    assert found["og:title"]
    assert found["og:description"] == found["description"]


def test_a_page_says_all_that_open_graph_asks(client: Client) -> None:
    found = metas(client, "/zh-hans/facilities/")

    assert found["og:type"] == "website"
    assert found["og:site_name"] == "Health Lombardy"
    assert found["og:title"] == "医院"
    assert found["og:locale"] == "zh_CN"
    assert sorted([*found.found["og:locale:alternate"], "zh_CN"]) == sorted(LOCALES.values())
    assert found["og:image"] == f"{project.PUBLIC_URL}/zh-hans/cards/portal.png"
    assert (found["og:image:width"], found["og:image:height"]) == ("1200", "630")
    assert found["og:image:type"] == "image/png"
    assert found["twitter:card"] == "summary_large_image"
    assert set(LOCALES) == set(CODES)


def test_home_has_a_title_of_its_own(client: Client) -> None:
    found = metas(client, "/en/?country=ae")

    assert found["og:title"] == "Health Lombardy: find treatment in Lombardy, Italy"
    assert found["og:url"] == f"{project.PUBLIC_URL}/en/"
    assert found["og:image:alt"].startswith("Health Lombardy: Find who can treat it")


def test_a_name_stays_within_its_attribute(client: Client) -> None:
    make_treatment("odd", name_en='"><script>x</script> & co')

    page = client.get("/en/treatments/odd/").content.decode()

    assert "<script>x" not in page
    assert Metas(page)["og:title"] == '"><script>x</script> & co'
    assert "&amp;amp;" not in page


@pytest.mark.parametrize("path", ["/en/nothing/", "/en/contact/", "/en/my-request/", "/accounts/login/"])
def test_what_is_not_public_is_not_offered_for_sharing(client: Client, path: str) -> None:
    assert not [name for name in metas(client, path).found if name.startswith("og:")]
