"""The picture that stands for a page where people share its address: 1200 × 630, made by us, in the page's language."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from django.core.cache import caches
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext, pgettext

from facilities.models import Facility
from publishing.templatetags.text import Text, text_of
from taxonomy.models import BodyDistrict, Entry, Specialty
from taxonomy.pages import CataloguePage
from treatments.models import Condition, Treatment
from typesetting.press import fingerprint, typeset

TEMPLATE = "typeset/card.typ"
WIDTH, HEIGHT = 1200, 630


@dataclass(frozen=True)
class Card:
    """What one picture shows; see templates/typeset/card.typ."""

    language: str
    name: Text
    kind: str = ""
    second: Text | None = None
    place: str = ""


@dataclass(frozen=True)
class Kind:
    """A kind of page with a picture of its own: its address, its rows, what comes with them, what they show."""

    page: str
    rows: QuerySet
    card: Callable[[Any, str], Card]
    related: tuple[str, ...] = ()


def general_card(language: str) -> Card:
    """Return the picture of every page that has none of its own."""
    return Card(language, Text(promise(), language))


def promise() -> str:
    """Return what the portal is for, in one breath."""
    return gettext("Find who can treat it in Lombardy. Ask a specialist before you travel.")


def entry_card(entry: Entry, language: str, kind: str) -> Card:
    return Card(language, text_of(entry, "name"), kind)


def treatment_card(treatment: Treatment, language: str) -> Card:
    return entry_card(treatment, language, with_specialty(treatment.get_kind_display(), treatment))


def condition_card(condition: Condition, language: str) -> Card:
    return entry_card(
        condition, language, with_specialty(pgettext("kind of one search result", "Condition"), condition)
    )


def specialty_card(specialty: Specialty, language: str) -> Card:
    return entry_card(specialty, language, pgettext("kind of one search result", "Specialty"))


def district_card(district: BodyDistrict, language: str) -> Card:
    return entry_card(district, language, pgettext("kind of one search result", "Part of the body"))


def facility_card(facility: Facility, language: str) -> Card:
    """Return a facility under the name its readers use, its official one below; without such a name, its short one."""
    usual = text_of(facility, "usual_name")
    name = usual if usual.value and not usual.is_fallback else Text(facility.short_name, "it")
    official = Text(facility.official_name, "it") if facility.official_name != name.value else None
    return Card(language, name, facility.get_kind_display(), official, facility.place)


def with_specialty(kind: str, entry: Treatment | Condition) -> str:
    """Return the kind with the specialty in the reader's language; a specialty not translated yet is left out."""
    specialty = text_of(entry.specialty, "name")
    return kind if specialty.is_fallback or not specialty.value else f"{kind} · {specialty.value}"


KINDS = {
    "treatment": Kind(
        "treatments:treatment_detail", Treatment.objects.published(), treatment_card, related=("specialty",)
    ),
    "condition": Kind(
        "treatments:condition_detail", Condition.objects.published(), condition_card, related=("specialty",)
    ),
    "specialty": Kind("treatments:specialty_detail", Specialty.objects.all(), specialty_card),
    "body": Kind("treatments:body_detail", BodyDistrict.objects.all(), district_card),
    "facility": Kind("facilities:facility_detail", Facility.objects.published(), facility_card),
}


def picture(card: Card) -> bytes:
    """Return a card as PNG; each is set once and kept on disk."""
    data = asdict(card)
    key = fingerprint(TEMPLATE, data)
    kept = caches["cards"].get(key)
    if kept is not None:
        return kept
    made = typeset(TEMPLATE, data, format="png")
    # A full disk costs the next reader some milliseconds, not this one the picture.
    with suppress(OSError):
        caches["cards"].set(key, made)
    return made


class PictureView(CataloguePage):
    """A picture that other sites and messages show."""

    # A day: whoever shows it keeps it for longer anyway, and a changed one has another ETag.
    cache_control = "public, max-age=86400, stale-while-revalidate=86400, stale-if-error=86400"

    def get(self, request: HttpRequest, **named: str) -> HttpResponse:
        """Answer with the picture, whatever the query says."""
        response = HttpResponse(picture(self.card(**named)), content_type="image/png")
        response["Cache-Control"] = self.cache_control
        response["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response

    def card(self) -> Card:
        """Return what the picture shows."""
        return general_card(self.language)


class EntryPictureView(PictureView):
    """The picture of one page of the catalogue; 404 where there is no such page."""

    def card(self, kind: str, slug: str) -> Card:
        """Load the row in one query."""
        wanted = KINDS.get(kind)
        if wanted is None:
            raise Http404
        rows = wanted.rows.in_language(self.language, *wanted.related)
        return wanted.card(get_object_or_404(rows, slug=slug), self.language)
