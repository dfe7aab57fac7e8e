"""JSON-LD inside a page: data that no text of the catalogue can turn into markup."""

import json
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.safestring import SafeString, mark_safe

from taxonomy.languages import BCP47

Data = dict[str, Any]

# No text of the catalogue may end the <script> element or open another; JSON reads the escapes as the same characters.
ESCAPES = str.maketrans({character: f"\\u{ord(character):04X}" for character in "<>&\u2028\u2029"})


def as_json_ld(*things: Data) -> SafeString:
    """Return the content of a <script type="application/ld+json"> element; empty things are left out."""
    graph = {"@context": "https://schema.org", "@graph": [thing for thing in things if thing]}
    written = json.dumps(graph, ensure_ascii=False, separators=(",", ":"))
    return mark_safe(written.translate(ESCAPES))  # noqa: S308  escaped in the line above


def page_data(kind: str, url: str, name: str, **more: Any) -> Data:
    """Return a page in the active language as a part of the portal; `url` is absolute."""
    page = {
        "@type": kind,
        "@id": url,
        "url": url,
        "name": name,
        "inLanguage": BCP47[translation.get_language() or settings.LANGUAGE_CODE],
        "isPartOf": {"@type": "WebSite", "name": "Health Lombardy", "url": settings.PUBLIC_URL + reverse("home")},
    }
    return page | {key: value for key, value in more.items() if value}


def breadcrumbs(*steps: tuple[str, str]) -> Data:
    """Return the way to a page: name and path of each step, the page itself last."""
    items = [
        {"@type": "ListItem", "position": position, "name": name, "item": settings.PUBLIC_URL + path}
        for position, (name, path) in enumerate(steps, start=1)
    ]
    return {"@type": "BreadcrumbList", "itemListElement": items}


def item_list(items: Iterable[tuple[str, str]]) -> Data:
    """Return a list as the page shows it: name and path of each item in order; nothing for an empty one."""
    listed = [
        {"@type": "ListItem", "position": position, "name": name, "url": settings.PUBLIC_URL + path}
        for position, (name, path) in enumerate(items, start=1)
    ]
    return {"@type": "ItemList", "numberOfItems": len(listed), "itemListElement": listed} if listed else {}
