"""Specialties and parts of the body by name: the labels of filters, and the ways on where words found nothing."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

from django.urls import reverse
from django.utils.safestring import SafeString

from publishing.templatetags.text import Text, marked
from search import reading
from search.enums import Kind
from search.reading import Shown

URL_NAMES = {Kind.SPECIALTY: "treatments:specialty_detail", Kind.BODY_DISTRICT: "treatments:body_detail"}


@dataclass(frozen=True)
class WayIn:
    """A specialty with its hospitals, or a part of the body with its treatments."""

    kind: Kind
    slug: str
    name: str
    # Of the name.
    language: str
    number: int

    @property
    def shown_name(self) -> SafeString | str:
        return marked(Text(self.name, self.language))

    @property
    def url(self) -> str:
        return reverse(URL_NAMES[self.kind], args=[self.slug])


class WaysIn:
    """All specialties and parts of the body in the order of a language; one query, none where a search read them."""

    def __init__(self, language: str, read: list[Shown]) -> None:
        self.language = language
        self._read = read

    @property
    def specialties(self) -> list[WayIn]:
        return self._all[Kind.SPECIALTY]

    @property
    def districts(self) -> list[WayIn]:
        return self._all[Kind.BODY_DISTRICT]

    def names(self, kind: Kind) -> dict[str, str]:
        """Return slug and name of each."""
        return {way.slug: way.name for way in self._all[kind]}

    @cached_property
    def _all(self) -> dict[Kind, list[WayIn]]:
        """Return the ways by kind; where a name is missing in the language, the English one stands for it."""
        named: dict[tuple[str, str], Shown] = {}
        for entry in self._read or reading.shown([], self.language, list(URL_NAMES)).values():
            key = (entry.kind, entry.slug)
            if entry.name and (key not in named or entry.language == self.language):
                named[key] = entry
        found: dict[Kind, list[WayIn]] = defaultdict(list)
        for entry in sorted(named.values(), key=lambda entry: (entry.sort_key, entry.slug)):
            number = entry.facilities or entry.treatments
            found[Kind(entry.kind)].append(WayIn(Kind(entry.kind), entry.slug, entry.name, entry.language, number))
        return found
