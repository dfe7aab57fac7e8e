"""The sheet keeps its promises: it mirrors by itself, it uses no colour of its own, it can be read."""

import math
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CSS = ROOT / "static" / "css"
SHEETS = sorted(CSS.rglob("*.css"))
PARTS = sorted((CSS / "components").glob("*.css"))

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
PHYSICAL = re.compile(
    r"(?<![\w-])(?:(?:margin|padding|border|scroll-margin|scroll-padding)-(?:left|right|top|bottom)[\w-]*"
    r"|border-(?:top|bottom)-(?:left|right)-radius|left|right|top|bottom|width|height|(?:min|max)-(?:width|height))\s*:"
    r"|(?:text-align|float|clear|caption-side|resize)\s*:\s*(?:left|right|top|bottom|horizontal|vertical)(?![\w-])"
)
# margin, padding, inset: four values name the four sides of the screen
FOUR_SIDES = re.compile(
    r"(?<![\w-])(?:margin|padding|inset|border-width|border-radius)\s*:\s*((?:[^\s;(]+|[\w-]*\([^;]*?\))(?:\s+(?:[^\s;(]+|[\w-]*\([^;]*?\))){3})\s*;"
)
COLOUR = re.compile(
    r"#[0-9a-fA-F]{3,8}(?![\w-])|(?<![\w-])(?:rgba?|hsla?|hwb|lab|lch|oklab|oklch|color)\("
    r"|:\s*[^;{]*?(?<![\w-])(?:black|white|red|green|blue|gray|grey|silver|orange|yellow|brown)(?![\w-])"
)
MEDIA = re.compile(r"\((?:min|max)-width\s*:[^)]*\)")

TEXT_PAIRS = [(text, ground) for text in ("ink", "ink-soft") for ground in ("paper", "paper-sunk", "paper-raised")]
READ_AT_SEVEN = [
    *TEXT_PAIRS,
    ("ink", "pine-wash"),
    ("ink", "amber-wash"),
    ("ink", "sky-wash"),
    ("ink", "leaf-wash"),
    ("ink", "brick-wash"),
    ("on-band", "band"),
    ("band-soft", "band"),
    ("pine", "paper"),
]
READ_AT_FOUR_AND_A_HALF = [
    *(
        (state, ground)
        for state in ("leaf", "amber", "brick", "sky")
        for ground in ("paper", "paper-raised", f"{state}-wash")
    ),
    ("pine-strong", "paper"),
    ("pine-strong", "pine-wash"),
    ("on-pine", "pine"),
    ("terracotta-ink", "paper"),
    ("amber", "pine-wash"),
    ("brick", "pine-wash"),
    ("ink-soft", "pine-wash"),
    ("ink-soft", "amber-wash"),
    ("paper", "terracotta-ink"),
]
SEEN_AT_THREE = [
    ("edge", "paper"),
    ("edge", "paper-raised"),
    ("terracotta", "paper"),
    ("terracotta", "paper-raised"),
    ("terracotta-on-band", "band"),
]


def rules(path: Path) -> str:
    """Return a sheet without its comments and without the widths of media queries."""
    return MEDIA.sub("", COMMENT.sub("", path.read_text()))


def physical(sheet: str) -> list[str]:
    return [match.group(0) for pattern in (PHYSICAL, FOUR_SIDES) for match in pattern.finditer(sheet)]


def colours(sheet: str) -> list[str]:
    return [match.group(0) for match in COLOUR.finditer(re.sub(r"color-mix\(in oklab,", "color-mix-of(", sheet))]


def palettes() -> dict[str, dict[str, str]]:
    """Return the tokens that are colours: light, and dark on top of light."""
    tokens = COMMENT.sub("", (CSS / "tokens.css").read_text())
    light_part, _, rest = tokens.partition("@media (prefers-color-scheme: dark)")
    dark_part = rest.partition("@media print")[0]
    token = re.compile(r"--([\w-]+):\s*(oklch\([^)]*\))\s*;")
    light = dict(token.findall(light_part))
    return {"light": light, "dark": {**light, **dict(token.findall(dark_part))}}


def luminance(colour: str) -> float:
    """Return the relative luminance (WCAG 2) of an `oklch()` colour."""
    lightness, chroma, hue = (float(part) for part in re.findall(r"[\d.]+", colour)[:3])
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
    )
    red, green, blue = (min(1.0, max(0.0, part)) for part in linear)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("path", SHEETS, ids=lambda path: path.name)
def test_sheet_is_logical(path: Path) -> None:
    assert physical(rules(path)) == []


@pytest.mark.parametrize("path", [path for path in SHEETS if path.name != "tokens.css"], ids=lambda path: path.name)
def test_sheet_takes_its_colours_from_the_tokens(path: Path) -> None:
    assert colours(rules(path)) == []


@pytest.mark.parametrize("path", [path for path in SHEETS if path.name != "tokens.css"], ids=lambda path: path.name)
def test_sheet_uses_only_tokens_that_exist(path: Path) -> None:
    known = set(re.findall(r"--([\w-]+)\s*:", "".join(sheet.read_text() for sheet in SHEETS)))
    used = re.findall(r"var\(--([\w-]+)\s*\)", rules(path))  # a var() with a value of its own may be unset

    assert set(used) - known == set()


@pytest.mark.parametrize(
    ("sheet", "found"),
    [
        ("a { margin-left: 1rem; }", 1),
        ("a { text-align: right; }", 1),
        ("a { padding: 1rem 2rem 0 0; }", 1),
        (
            "a { inset-inline-start: 0; border-inline: 0; padding: 1rem 2rem; text-align: end; }",
            0,
        ),
    ],
)
def test_physical_rules_are_found(sheet: str, found: int) -> None:
    assert len(physical(sheet)) == found


@pytest.mark.parametrize(
    ("sheet", "found"),
    [
        ("a { color: #fff; }", 1),
        ("a { color: oklch(1 0 0); }", 1),
        ("a { color: white; }", 1),
        ("a { white-space: nowrap; color: var(--ink); }", 0),
    ],
)
def test_colours_are_found(sheet: str, found: int) -> None:
    assert len(colours(sheet)) == found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("pair", "least"),
    [
        *((pair, 7.0) for pair in READ_AT_SEVEN),
        *((pair, 4.5) for pair in READ_AT_FOUR_AND_A_HALF),
        *((pair, 3.0) for pair in SEEN_AT_THREE),
    ],
    ids=lambda value: "-on-".join(value) if isinstance(value, tuple) else str(value),
)
def test_contrast(scheme: str, pair: tuple[str, str], least: float) -> None:
    palette = palettes()[scheme]

    assert contrast(palette[pair[0]], palette[pair[1]]) >= least


def test_contrast_knows_black_and_white() -> None:
    assert round(contrast("oklch(0 0 0)", "oklch(1 0 0)")) == 21


def test_every_component_is_imported() -> None:
    imported = re.findall(r'@import url\("(.+?)"\);', (CSS / "main.css").read_text())

    assert sorted(name for name in imported if name.startswith("components/")) == [
        f"components/{path.name}" for path in PARTS
    ]


def test_fonts_are_small() -> None:
    assert sum(path.stat().st_size for path in (ROOT / "static" / "fonts").glob("*.woff2")) <= 40 * 1024


def test_templates_hold_no_inline_style_or_script() -> None:
    inline = re.compile(r"\sstyle=|<style|\son\w+=\"|<script(?![^>]*\s(?:src=|type=\"application/ld\+json\"))")
    mails = {"email.html"}
    found = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "templates").rglob("*.html")
        if path.name not in mails and "mail" not in path.parts and inline.search(path.read_text())
    ]

    assert found == []
