"""How the map draws a province."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from django import template

register = template.Library()
DATA = Path(__file__).parent.parent / "data" / "provinces.yaml"


@cache
def shapes() -> dict[str, dict[str, Any]]:
    """Return outline and place of the name of each province."""
    return yaml.safe_load(DATA.read_text(encoding="utf-8"))["provinces"]


@register.filter
def outline(code: str) -> str:
    """Return the outline of a province as an SVG path."""
    return str(shapes()[code]["outline"])


@register.filter
def label_place(code: str) -> str:
    """Return where the name of a province stands: "x y"; empty where there is no room."""
    return " ".join(str(side) for side in shapes()[code].get("label", ()))
