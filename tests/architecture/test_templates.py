"""Templates: each is used, each include exists, and no translated field is printed bare."""

import re
from functools import cache
from pathlib import Path

import pytest
from django.conf import settings
from django.template import TemplateDoesNotExist
from django.template.engine import Engine
from django.template.loader import get_template
from modeltranslation.translator import translator

ROOT = Path(settings.BASE_DIR)
TEMPLATES = ROOT / "templates"
COMMENT = re.compile(r"\{%\s*comment\s*%\}.*?\{%\s*endcomment\s*%\}|\{#.*?#\}", re.DOTALL)
NAMED = re.compile(r"""\{%\s*(?:include|extends)\s+["']([^"']+)["']""")
EXPRESSION = re.compile(r"\{\{(.*?)\}\}|\{%(.*?)%\}", re.DOTALL)
LITERAL = re.compile(r""""[^"]*"|'[^']*'""")
# Tags that take the object and the name of its field apart.
SAFE_TAGS = ("text ", "plain_text ", "opening ", "is_fallback ", "foreign ")
# Found by Django or allauth by their place alone.
BY_PLACE = re.compile(
    r"^(?:403|404|500|admin/(?:base_site|color_theme_toggle|index)|django/forms/\w+|account/.+|mfa/.+)\.(?:html|txt)$"
)
# Mails: the outbox adds the endings to the name of a kind.
MAIL = re.compile(r"^(\w+)/mail/(\w+)\.(?:subject\.txt|txt|html)$")


def templates() -> list[str]:
    return sorted(str(path.relative_to(TEMPLATES)) for path in TEMPLATES.rglob("*") if path.suffix in {".html", ".txt"})


@cache
def code_of(name: str) -> str:
    """Return a template without its comments."""
    return COMMENT.sub("", (TEMPLATES / name).read_text())


@cache
def python_code() -> str:
    """Return all our Python code."""
    rooms = [path for path in ROOT.iterdir() if (path / "__init__.py").exists() and path.name != "tests"]
    return "\n".join(file.read_text() for room in rooms for file in room.rglob("*.py"))


def named_in_templates() -> set[str]:
    return {found for name in templates() for found in NAMED.findall(code_of(name))}


def is_used(name: str, named: set[str]) -> bool:
    """Return whether a view, another template, a form field, a mail or Django itself uses a template."""
    if name in named or f'"{name}"' in python_code() or BY_PLACE.match(name):
        return True
    mail = MAIL.match(name)
    if mail:
        return bool(re.search(rf'["/]{mail[2]}"', python_code()))
    return bool(re.search(rf'template_name_suffix = "{re.escape(name)}"', python_code()))


def test_every_template_is_used() -> None:
    named = named_in_templates()

    assert len(templates()) > 100
    assert [name for name in templates() if not is_used(name, named)] == []


def test_every_template_that_is_named_exists() -> None:
    missing = []
    for name in sorted(named_in_templates()):
        try:
            get_template(name)
        except TemplateDoesNotExist:
            missing.append(name)

    assert missing == []


@pytest.mark.parametrize("name", templates())
def test_template_can_be_read(name: str) -> None:
    """A part that no test renders could hide a mistake of grammar."""
    Engine.get_default().get_template(name)


def test_every_component_says_what_it_needs() -> None:
    silent = [
        path.name
        for path in (TEMPLATES / "components").glob("*.html")
        if not path.read_text().lstrip().startswith(("{#", "{% comment %}"))
    ]

    assert silent == []


def test_every_component_is_listed() -> None:
    listed = (TEMPLATES / "components" / "README.md").read_text()
    names = [path.stem for path in (TEMPLATES / "components").glob("*.html")]

    assert [name for name in names if f"`{name}`" not in listed and f"`{name}.html`" not in listed] == []


# --- translated fields ----------------------------------------------------------------------------------------------


def translated_fields() -> dict[str, set[str]]:
    """Return the translated fields with the words by which templates call an object that has them."""
    found: dict[str, set[str]] = {}
    for model in translator.get_registered_models(abstract=False):
        words = {word.lower() for word in re.findall(r"[A-Z][a-z]+", model.__name__)}
        words |= {model._meta.model_name, "_".join(re.findall(r"[A-Z][a-z]+", model.__name__)).lower()}
        for field in translator.get_options_for_model(model).all_fields:
            found.setdefault(field, set()).update(words)
    return found


FIELDS = translated_fields()
# Field names that other things have as well: they count only behind the name of a model.
COMMON = {"name", "title", "what"}


def bare(code: str) -> list[str]:
    """Return where a translated field is printed, compared or passed on without its language."""
    found = []
    for printed, tag in EXPRESSION.findall(code):
        inside = LITERAL.sub('""', printed or tag).strip()
        if inside.startswith(SAFE_TAGS):
            continue
        for owner, field in re.findall(r"(?=\b(\w+)\.(\w+)\b)", inside):
            if field in FIELDS and (field not in COMMON or owner in FIELDS[field]):
                found.append(f"{owner}.{field}")
    return found


# Components are given plain things by their contract (components/README.md), never models.
@pytest.mark.parametrize("name", [name for name in templates() if not name.startswith("components/")])
def test_translated_fields_are_printed_by_their_tag(name: str) -> None:
    assert bare(code_of(name)) == []


@pytest.mark.parametrize(
    ("code", "is_wrong"),
    [
        ("{{ facility.summary }}", True),
        ("{{ offer.treatment.name }}", True),
        ('{% include "x.html" with name=treatment.name only %}', True),
        ('{% text facility "summary" %}', False),
        ('{% text offer.treatment "name" as name %}{{ name }}', False),
        ("{{ language.name }}", False),
        ("{{ facility.short_name }}", False),
    ],
)
def test_the_rule_can_fail(code: str, *, is_wrong: bool) -> None:
    assert bool(bare(code)) is is_wrong
