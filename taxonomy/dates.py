"""Dates in words, with the first of the month as French and Italian say it: neither Django nor CLDR writes it so."""

import datetime
import re
from typing import Any

from django import template
from django.template import defaultfilters
from django.utils import formats, translation

register = template.Library()

# docs/glossary.md has both.
FIRST = {"fr": "1er", "it": "1º"}
# The day of a month that is named; the figures of "1/3/2026" and of a time have no blank and letter after them.
ONE = re.compile(r"(?<!\S)1(?=\s[^\W\d])")


def with_first(words: str) -> str:
    """Return a date in the words of the active language with its first of the month: `1er mars 2026`."""
    return ONE.sub(FIRST.get(translation.get_language() or "", "1"), words, count=1)


def date_format(value: datetime.date, format: str | None = None) -> str:
    """Return a day or a moment as Django writes it, the first of the month as one says it."""
    return with_first(formats.date_format(value, format))


@register.filter(expects_localtime=True, is_safe=False)
def date(value: Any, format: str | None = None) -> str:
    """Print a day or a moment as Django's filter of that name, the first of the month as one says it."""
    return with_first(str(defaultfilters.date(value, format)))
