"""Up to four facilities side by side, for one treatment or for none.

What is not known is no difference: only two known values that are not the same are marked.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Prefetch, Q, prefetch_related_objects
from django.http import QueryDict
from django.urls import reverse
from django.utils import formats
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from facilities.models import Accreditation, Facility, Ranking
from publishing.enums import FactState
from publishing.templatetags.text import text_of
from taxonomy.collation import sort_key
from taxonomy.languages import euros, language_name
from taxonomy.models import Specialty
from treatments.enums import DocumentKind
from treatments.models import Offer, Protocol, Treatment

Cell = Callable[[Facility], str]


@dataclass(frozen=True)
class Column:
    """A facility at the head of the table."""

    name: SafeString
    url: str
    remove_url: str


@dataclass(frozen=True)
class Row:
    """One fact about each facility; a cell of several lines, empty where nothing is known."""

    label: str
    cells: list[str]
    # A list of what we know of may lack something: two such lists prove no difference.
    is_open_list: bool = False

    @property
    def is_different(self) -> bool:
        """Return whether two facilities are known to differ."""
        return not self.is_open_list and len({cell for cell in self.cells if cell}) > 1


class Comparison:
    """What an address asks to compare; the number of queries does not grow with what is chosen."""

    maximum = 4

    def __init__(self, query: QueryDict, language: str) -> None:
        self.language = language
        self._facility_slugs = list(dict.fromkeys(slug for slug in query.getlist("facility") if slug))
        self._treatment_slug = query.get("treatment", "")

    @cached_property
    def facilities(self) -> list[Facility]:
        """Return every facility one can choose."""
        return list(Facility.objects.published().in_language(self.language).without("summary", self.language))

    @cached_property
    def treatments(self) -> list[Treatment]:
        """Return every treatment one can choose."""
        return list(Treatment.objects.published().in_language(self.language).without("summary", self.language))

    @cached_property
    def treatment(self) -> Treatment | None:
        """Return the treatment the facilities are compared for."""
        return next((treatment for treatment in self.treatments if treatment.slug == self._treatment_slug), None)

    @cached_property
    def known(self) -> list[Facility]:
        """Return the facilities asked for that exist, in that order."""
        by_slug = {facility.slug: facility for facility in self.facilities}
        return [by_slug[slug] for slug in self._facility_slugs if slug in by_slug]

    @cached_property
    def chosen(self) -> list[Facility]:
        """Return the facilities to compare with everything the table needs."""
        return with_facts(self.known[: self.maximum], self.treatment, self.language)

    @property
    def has_unknown(self) -> bool:
        """Return whether the address names a facility or a treatment that does not exist."""
        is_treatment_unknown = bool(self._treatment_slug) and self.treatment is None
        return is_treatment_unknown or len(self.known) < len(self._facility_slugs)

    @property
    def has_too_many(self) -> bool:
        return len(self.known) > self.maximum

    @property
    def slots(self) -> list[str]:
        """Return the slug chosen in each select of the form, empty where one is free."""
        slugs = [facility.slug for facility in self.chosen]
        return slugs + [""] * (self.maximum - len(slugs))

    @property
    def columns(self) -> list[Column]:
        """Return the head of the table."""
        return [
            Column(
                format_html('<span lang="it" dir="ltr">{}</span>', facility.short_name),
                facility.get_absolute_url(),
                self._address([other for other in self.chosen if other != facility]),
            )
            for facility in self.chosen
        ]

    @property
    def rows(self) -> list[Row]:
        """Return the rows of which at least one cell is known."""
        facts: list[tuple[str, Cell]] = [
            (_("Kind"), lambda facility: str(facility.get_kind_display())),
            (_("Ownership"), lambda facility: str(facility.get_ownership_display())),
            (_("Place"), lambda facility: facility.place),
            (_("Offers this treatment"), offer_in_words),
            (_("Second opinion: languages of your papers"), self._of_protocol(self._languages)),
            (_("Second opinion: answer within"), self._of_protocol(promise_in_words)),
            (_("Second opinion: fee"), self._of_protocol(self._fee)),
            (_("Second opinion: papers"), self._of_protocol(papers_in_words)),
        ]
        if any(facility.is_demo for facility in self.chosen):
            facts.insert(0, (_("Listing"), listing_in_words))
        open_lists: list[tuple[str, Cell]] = [
            (_("Accreditations"), accreditations_in_words),
            (_("Rankings: place in the world"), rankings_in_words),
            (_("Other specialties") if self.common_specialties else _("Specialties"), self._other_specialties),
        ]
        rows = [Row(label, [cell(facility) for facility in self.chosen]) for label, cell in facts]
        rows += [Row(label, [cell(facility) for facility in self.chosen], True) for label, cell in open_lists]
        return [row for row in rows if any(row.cells)]

    @cached_property
    def common_specialties(self) -> list[str]:
        """Return the specialties that all of them list, of those that list any."""
        listed = [set(facility.specialties.all()) for facility in self.chosen if facility.specialties.all()]
        return self._names(set.intersection(*listed)) if len(listed) > 1 else []

    def _other_specialties(self, facility: Facility) -> str:
        names = self._names(facility.specialties.all())
        return lines(name for name in names if name not in self.common_specialties)

    def _names(self, specialties: Iterable[Specialty]) -> list[str]:
        names = (text_of(specialty, "name").value for specialty in specialties)
        return sorted(names, key=lambda name: sort_key(name, self.language))

    def _of_protocol(self, words: Callable[[Protocol], str]) -> Cell:
        """Return a cell about the protocol that applies: one that names the treatment before a general one."""

        def cell(facility: Facility) -> str:
            wanted = self.treatment.pk if self.treatment else None
            named = [protocol for protocol in facility.protocols.all() if wanted in protocol.treatment_ids]
            general = [protocol for protocol in facility.protocols.all() if not protocol.treatment_ids]
            applying = next(iter(named or general), None)
            return words(applying) if applying else ""

        return cell

    def _languages(self, protocol: Protocol) -> str:
        return lines(language_name(tag, self.language) for tag in protocol.document_languages)

    def _fee(self, protocol: Protocol) -> str:
        return _("On request") if protocol.fee is None else euros(protocol.fee, self.language)

    def _address(self, facilities: list[Facility]) -> str:
        query = [("facility", facility.slug) for facility in facilities]
        if self.treatment:
            query.append(("treatment", self.treatment.slug))
        return f"{reverse('treatments:compare')}?{urlencode(query)}".removesuffix("?")


def with_facts(facilities: list[Facility], treatment: Treatment | None, language: str) -> list[Facility]:
    """Return the facilities with what the table says of them loaded, one query a subject."""
    published = ~Q(state=FactState.UNVERIFIED)
    offers = Offer.objects.public().filter(treatment=treatment)
    protocols = Protocol.objects.in_force().only(
        "facility", "document_languages", "fee", "promised_working_days", "is_promise_approximate"
    )
    protocols = protocols.annotate(
        treatment_ids=ArrayAgg("treatments", distinct=True, filter=Q(treatments__isnull=False), default=[]),
        paper_kinds=ArrayAgg(
            "required_documents__kind", distinct=True, filter=Q(required_documents__isnull=False), default=[]
        ),
    )
    prefetch_related_objects(
        facilities,
        Prefetch("specialties", Specialty.objects.in_language(language)),
        Prefetch("accreditations", Accreditation.objects.filter(published)),
        Prefetch("rankings", Ranking.objects.filter(published)),
        Prefetch("offers", offers),
        Prefetch("protocols", protocols.order_by("slug")),
    )
    return facilities


def lines(parts: Iterable[str]) -> str:
    """Return the parts as the lines of a cell."""
    return "\n".join(parts)


def paragraphs(parts: Iterable[str]) -> str:
    """Return longer parts, set apart in a cell."""
    return "\n\n".join(parts)


def listing_in_words(facility: Facility) -> str:
    """Return whether the facility exists."""
    return _("Invented for the demo") if facility.is_demo else _("A real hospital")


def offer_in_words(facility: Facility) -> str:
    """Return how sure it is that the facility offers the treatment; empty where nobody says so."""
    offer = next(iter(facility.offers.all()), None)
    if offer is None:
        return ""
    return _("Named in a source") if offer.is_confirmed else _("Not yet confirmed by the hospital")


def accreditations_in_words(facility: Facility) -> str:
    """Return every certificate, one a paragraph."""
    return paragraphs(map(accreditation_in_words, facility.accreditations.all()))


def accreditation_in_words(accreditation: Accreditation) -> str:
    """Return body and level with what is known of their validity."""
    name = f"{accreditation.body}, {accreditation.level}" if accreditation.level else accreditation.body
    if accreditation.valid_until:
        date = formats.date_format(accreditation.valid_until, "DATE_FORMAT")
        words = _("%(name)s: ended on %(date)s")
        if accreditation.is_in_date():
            words = _("%(name)s: in date until %(date)s")
        return words % {"name": name, "date": date}
    if accreditation.last_known_year:
        words = _("%(name)s: last renewal known to us %(year)s, validity not confirmed")
        return words % {"name": name, "year": accreditation.last_known_year}
    return _("%(name)s: validity not confirmed") % {"name": name}


def rankings_in_words(facility: Facility) -> str:
    """Return the newest edition of each list with its places, one list a paragraph."""
    by_list: dict[tuple[str, int], list[Ranking]] = {}
    newest: dict[str, int] = {}
    for ranking in facility.rankings.all():
        by_list.setdefault((ranking.ranking, ranking.edition), []).append(ranking)
        newest[ranking.ranking] = max(ranking.edition, newest.get(ranking.ranking, 0))
    comma = pgettext("between the items of a list", ", ")
    return paragraphs(
        f"{name} {year}: {comma.join(map(place_in_words, by_list[name, year]))}" for name, year in newest.items()
    )


def place_in_words(ranking: Ranking) -> str:
    """Return category and place in the world, else in Italy."""
    words = _("%(category)s %(place)s") if ranking.place else _("%(category)s %(place)s in Italy")
    return words % {"category": ranking.get_category_display(), "place": ranking.place or ranking.italian_rank}


def promise_in_words(protocol: Protocol) -> str:
    """Return the promised working days; empty where there is no promise."""
    days = protocol.promised_working_days
    if days is None:
        return ""
    if protocol.is_promise_approximate:
        return ngettext("about %(days)s working day", "about %(days)s working days", days) % {"days": days}
    return ngettext("%(days)s working day", "%(days)s working days", days) % {"days": days}


def papers_in_words(protocol: Protocol) -> str:
    """Return the kinds of paper asked for, in the order of the checklist."""
    return lines(str(kind.label) for kind in DocumentKind if kind.value in protocol.paper_kinds)
