"""JSON-LD inside a page: data that no text of the catalogue can turn into markup."""

import json
from typing import Any

from django.utils.safestring import SafeString, mark_safe

Data = dict[str, Any]

# No text of the catalogue may end the <script> element or open another; JSON reads the escapes as the same characters.
ESCAPES = str.maketrans({character: f"\\u{ord(character):04X}" for character in "<>&\u2028\u2029"})


def as_json_ld(*things: Data) -> SafeString:
    """Return the content of a <script type="application/ld+json"> element."""
    graph = {"@context": "https://schema.org", "@graph": list(things)}
    written = json.dumps(graph, ensure_ascii=False, separators=(",", ":"))
    return mark_safe(written.translate(ESCAPES))  # noqa: S308  escaped in the line above
