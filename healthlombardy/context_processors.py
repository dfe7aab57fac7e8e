"""What every page knows without asking: its language, its addresses, the day of the catalogue."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import Resolver404, resolve, translate_url
from django.utils import translation
from django.utils.functional import SimpleLazyObject

from publishing.models import CatalogueLoad
from taxonomy.languages import BCP47, direction

# Nobody chose so much; the page would repeat it once a language.
LONGEST_QUERY = 1500


@dataclass(frozen=True)
class Language:
    """A language as the pages name it: code of the address, tag for `lang`, own name, direction."""

    code: str
    bcp47: str
    name: str
    direction: str
    url: str = ""


def languages(path: str, query: str = "") -> list[Language]:
    """Return each language with the address of this same page in it; the switch keeps what was typed and chosen."""
    asked = f"?{query}" if 0 < len(query) <= LONGEST_QUERY else ""
    return [
        Language(code, BCP47[code], name, direction(code), translate_url(path, code) + asked)
        for code, name in settings.LANGUAGES
    ]


def page(request: HttpRequest) -> dict[str, Any]:
    """Return the variables of `base.html`; see templates/components/README.md."""
    code = translation.get_language() or settings.LANGUAGE_CODE
    every = languages(request.path, request.META.get("QUERY_STRING", ""))
    in_address = translation.get_language_from_path(request.path_info) is not None
    try:
        is_public = in_address and not getattr(resolve(request.path_info).func, "is_private", False)
    except Resolver404:
        is_public = False
    alternates = [{"bcp47": item.bcp47, "url": settings.PUBLIC_URL + item.url.partition("?")[0]} for item in every]
    return {
        "language": next(item for item in every if item.code == code),
        "languages": every if in_address else [],
        "canonical_url": settings.PUBLIC_URL + request.path,
        "alternates": [*alternates, {"bcp47": "x-default", "url": alternates[0]["url"]}] if is_public else [],
        "is_public_page": is_public,
        "demo": settings.DEMO,
        "catalogue_checked_on": SimpleLazyObject(CatalogueLoad.last_checked_on),
    }
