"""A hit as a reader meets it: its line, why it was found, where it leads."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from django.urls import reverse
from django.utils import translation
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext

from facilities.enums import CAPITALS, FacilityKind, Province
from publishing.templatetags.text import foreign
from search import ways_in
from search.enums import Kind, Origin
from search.facets import ResultFacets
from search.find import Hit
from search.normalise import normalise
from taxonomy.languages import BCP47, language_name
from treatments.enums import TreatmentKind

URL_NAMES = ways_in.URL_NAMES | {
    Kind.TREATMENT: "treatments:treatment_detail",
    Kind.CONDITION: "treatments:condition_detail",
    Kind.FACILITY: "facilities:facility_detail",
}


@dataclass
class ShownHit:
    """A hit with the words of templates/components/hit.html."""

    hit: Hit

    @property
    def kind(self) -> str:
        return self.hit.kind.value

    @property
    def slug(self) -> str:
        return self.hit.slug

    @property
    def url(self) -> str:
        return reverse(URL_NAMES[self.hit.kind], args=[self.hit.slug])

    @property
    def name(self) -> SafeString | str:
        return marked(self.hit.name, self.hit.name_language)

    @property
    def facilities(self) -> int | None:
        """Return how many facilities, None where facilities are not counted."""
        return self.hit.shown.facilities if self.hit.kind in {Kind.TREATMENT, Kind.SPECIALTY} else None

    @property
    def treatments(self) -> int | None:
        return self.hit.shown.treatments if self.hit.kind in {Kind.CONDITION, Kind.BODY_DISTRICT} else None

    @property
    def line(self) -> SafeString:
        """Return what kind of thing it is, and what it is in plain words."""
        return format_html("{} · {}" if self.details else "{}", self.kind_words, self.details)

    @property
    def kind_words(self) -> str:
        """Return what kind of thing it is."""
        subkind = self.hit.shown.subkind
        if self.hit.kind == Kind.TREATMENT:
            return str(TreatmentKind(subkind).label)
        if self.hit.kind == Kind.FACILITY:
            return str(FacilityKind(subkind).label)
        return {
            Kind.CONDITION: pgettext("kind of one search result", "Condition"),
            Kind.SPECIALTY: pgettext("kind of one search result", "Specialty"),
            Kind.BODY_DISTRICT: pgettext("kind of one search result", "Part of the body"),
        }[self.hit.kind]

    @property
    def kind_line(self) -> str:
        """Return what kind of thing it is, of a facility also where."""
        if self.hit.kind == Kind.FACILITY:
            return f"{self.kind_words} · {self.details}"
        return self.kind_words

    @cached_property
    def details(self) -> SafeString | str:
        """Return the place of a facility, a summary in the page's language, else the specialty."""
        shown = self.hit.shown
        if self.hit.kind == Kind.FACILITY:
            return place(shown.city, shown.province)
        own = self.hit.entry
        if own and own.summary:
            return marked(own.summary, own.language)
        named = next((found for found in (self.hit.entry, self.hit.english) if found and found.specialty), None)
        return marked(named.specialty, named.language) if named else ""

    @property
    def why(self) -> SafeString | str:
        """Return why it was found; empty where its name says so."""
        reason = self.hit.reason
        if reason.origin == Origin.PLACE or (reason.origin == Origin.NAME and is_within(reason.text, self.hit.name)):
            return ""
        if reason.origin == Origin.TEXT:
            return gettext("mentioned in its description")
        words = marked(reason.text, reason.language) if reason.language else reason.text
        sentence = {
            Origin.CODE: gettext("code: {words}"),
            Origin.CONDITION: gettext("in connection with: {words}"),
            Origin.OFFER: gettext("listed for: {words}"),
            Origin.SPECIALTY: gettext("specialty: {words}"),
        }.get(reason.origin)
        if sentence:
            return format_html(sentence, words=words)
        return self.other_words(words)

    def other_words(self, words: SafeString | str) -> SafeString:
        """Return the sentence about another name, or about what people say, maybe in another language."""
        reason, active = self.hit.reason, translation.get_language() or ""
        is_said = reason.origin == Origin.LAY_WORD
        if reason.language in {active, ""}:
            sentence = gettext("people also say: {words}") if is_said else gettext("also called: {words}")
            return format_html(sentence, words=words)
        if is_said:
            sentence = gettext("people also say, in {language}: {words}")
        else:
            sentence = gettext("also called, in {language}: {words}")
        return format_html(sentence, language=language_name(reason.language, active), words=words)


@dataclass(frozen=True)
class KindGroup:
    """Hits of one kind on a page, and how many there are of it in all."""

    kind: Kind
    total: int
    hits: list[ShownHit]

    @property
    def label(self) -> str:
        return str(self.kind.label)


@dataclass(frozen=True)
class KindLink:
    """A link that keeps one kind of hits."""

    text: str
    url: str


def groups_of(hits: Iterable[Hit], counts: Mapping[Kind, int]) -> list[KindGroup]:
    """Return hits that stand by kind already as one group a kind."""
    return [
        KindGroup(kind, counts[kind], [ShownHit(hit) for hit in alike])
        for kind, alike in groupby(hits, key=lambda hit: hit.kind)
    ]


def kind_links(facets: ResultFacets, path: str) -> list[KindLink]:
    """Return a link for each kind that was found; none where there is nothing to choose."""
    if len(facets.counts) < 2:
        return []
    return [
        KindLink(f"{kind.label} ({number})", facets.address(path, kind=[kind.value]))
        for kind, number in facets.counts.items()
    ]


def examples() -> list[str]:
    """Return three searches in the reader's own words."""
    # Translators: what patients type into the search box; use everyday words of your language.
    return [
        pgettext("example of a search", "new knee"),
        pgettext("example of a search", "breast cancer"),
        pgettext("example of a search", "heart valve"),
    ]


def marked(text: str, language: str) -> SafeString | str:
    """Return a text, with its own `lang` and `dir` where it is not in the page's language."""
    if language == translation.get_language() or language not in BCP47:
        return text
    return foreign(text, language)


def place(city: str, province: str) -> str:
    """Return town and province in the reader's language, as facilities.models.Facility.place does."""
    label = str(Province(province).label)
    return label if CAPITALS.get(province) == city else f"{city} ({label})"


def is_within(text: str, name: str) -> bool:
    """Return whether a name holds the words that matched."""
    return normalise(text) in normalise(name)
