"""Sets a template with data: the picture a link shows, later the PDFs. The fonts are ours, never the computer's."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from django.conf import settings

if TYPE_CHECKING:
    from typst import Fonts

FONTS = Path(__file__).parent / "fonts"
# A drawing in points comes out in as many pixels.
PIXELS_PER_INCH = 72


def typst() -> ModuleType:
    """Return the typesetter; it takes 8 MB, and only a process that sets something needs it."""
    return import_module("typst")


@cache
def fonts() -> "Fonts":
    """Return our fonts, read once a process; no other font can be chosen."""
    return typst().Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[FONTS])


def typeset(template: str, data: Mapping[str, Any], *, format: Literal["png", "pdf"] = "pdf") -> bytes:
    """Return the picture (first page) or the PDF of a template in `templates/`.

    The template reads `data` as JSON from `sys.inputs.data`: a value is a value there and never code. A PDF is
    PDF/UA-1, which refuses a letter that none of our fonts has.
    """
    made = typst().compile(
        settings.TYPESETTING_TEMPLATES / template,
        root=settings.TYPESETTING_TEMPLATES,
        font_paths=fonts(),
        ignore_system_fonts=True,
        format=format,
        ppi=PIXELS_PER_INCH if format == "png" else None,
        pdf_standards="ua-1" if format == "pdf" else [],
        sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
    )
    # One picture a page.
    return made[0] if isinstance(made, list) else made


def fingerprint(template: str, data: Mapping[str, Any]) -> str:
    """Return a key that changes with the data, the templates beside it and the version of the typesetter."""
    content = json.dumps([_design(template), data], ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


@cache
def _design(template: str) -> list[str]:
    folder = (settings.TYPESETTING_TEMPLATES / template).parent
    return [typst().__version__, *(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.typ")))]
