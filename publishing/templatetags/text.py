"""Texts of the catalogue in the reader's language; where one is missing, English with a label of its own."""

import datetime
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from babel.lists import format_list
from django import template
from django.conf import settings
from django.db.models import Model
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import pgettext

from taxonomy.languages import BCP47, column, direction, direction_of, language_name, locale

register = template.Library()

# Chinese writes no blank after a full stop; elsewhere a stop without one belongs to a number or an abbreviation.
FIRST_SENTENCE = re.compile(r".+?(?:[。！？]|[.!?؟](?=\s|$))", re.DOTALL)


@dataclass(frozen=True)
class Text:
    """A text with the language it is really in."""

    value: str
    language: str

    @property
    def is_fallback(self) -> bool:
        return self.language != (translation.get_language() or settings.LANGUAGE_CODE)


def text_of(source: Model, field: str) -> Text:
    """Return a translated field in the active language, else in English, else empty."""
    active = translation.get_language() or settings.LANGUAGE_CODE
    for language in (active, settings.LANGUAGE_CODE):
        value = getattr(source, f"{field}_{column(language)}", "")
        if value:
            return Text(value, language)
    return Text("", active)


def marked(found: Text) -> SafeString | str:
    """Return a text; in another language than the page's with its own `lang` and `dir`."""
    if not found.is_fallback:
        return found.value
    return format_html(
        '<span lang="{}" dir="{}">{}</span>', BCP47[found.language], direction(found.language), found.value
    )


@register.simple_tag
def text(source: Model | None, field: str) -> SafeString | str:
    """Print a translated field; text in another language carries its own `lang` and `dir`."""
    if source is None:
        return ""
    return marked(text_of(source, field))


@register.simple_tag
def opening(source: Model, field: str) -> SafeString | str:
    """Print the first sentence of a translated field, for a list."""
    found = text_of(source, field)
    sentence = FIRST_SENTENCE.match(found.value)
    return marked(Text(sentence[0], found.language) if sentence else found)


@register.simple_tag
def plain_text(source: Model | None, field: str) -> str:
    """Return a translated field for an attribute or a title, without markup."""
    return text_of(source, field).value if source is not None else ""


@register.simple_tag
def is_fallback(source: Any, field: str) -> bool:
    """Return whether the text is shown in another language than the page's."""
    found = text_of(source, field)
    return bool(found.value) and found.is_fallback


@register.simple_tag
def foreign(value: str, language: str) -> SafeString:
    """Print a text that is not in the page's language, for example an Italian name, with its own `lang` and `dir`."""
    return format_html('<span lang="{}" dir="{}">{}</span>', BCP47[language], direction(language), value)


@register.simple_tag
def provenance(state: str, source_name: str = "", source_url: str = "", checked_on: datetime.date | None = None) -> str:
    """Print components/provenance.html, as in a list: most of its cards say the same."""
    language = translation.get_language() or settings.LANGUAGE_CODE
    return _provenance(language, str(state), str(source_name), str(source_url), checked_on)


@lru_cache(maxsize=512)
def _provenance(_language: str, state: str, name: str, url: str, day: datetime.date | None) -> SafeString:
    words = {"state": state, "source_name": name, "source_url": url, "checked_on": day}
    return render_to_string("components/provenance.html", words)


@register.simple_tag
def comma() -> str:
    """Return the comma of the reader's script with its blank; Chinese has none: "，"."""
    return pgettext("between two facts", ", ")


@register.filter
def bcp47(code: str) -> str:
    """Return the tag for `lang` of a language code."""
    return BCP47.get(code, code)


@register.filter(name="direction_of")
def direction_of_words(text: str) -> str:
    """Return `rtl` or `ltr` for words that somebody typed, by most of their letters."""
    return direction_of(str(text), translation.get_language() or settings.LANGUAGE_CODE)


@register.filter
def language_names(tags: list[str]) -> str:
    """Return languages by name, joined as the reader's language joins a list: "English or Italian"."""
    code = translation.get_language() or settings.LANGUAGE_CODE
    return format_list([language_name(tag, code) for tag in tags], style="or", locale=locale(code))


@register.filter(name="language_name")
def name_of_language(tag: str) -> str:
    """Return the name of one language in the reader's."""
    return language_name(tag, translation.get_language() or settings.LANGUAGE_CODE)
