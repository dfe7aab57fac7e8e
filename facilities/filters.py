"""The filters of the list of facilities, and its orders."""

from typing import Any

from django.db.models import QuerySet, Value
from django.utils.translation import gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from facilities.distances import Airport, airports
from facilities.enums import FacilityKind, Ownership, Province, RankingCategory
from facilities.map import Site
from facilities.models import Facility
from publishing.freshness import public_version
from taxonomy.facets import (
    Choices,
    EntryFacet,
    EnumFacet,
    Facet,
    FacetChoice,
    FacetedFilterSet,
    FacetFilter,
    KnownValueField,
    LimitFacet,
    SwitchFacet,
    ValueFacet,
    Words,
    WordsFacet,
)
from taxonomy.languages import column, language_name
from taxonomy.marks import Part, part
from taxonomy.models import Specialty

KILOMETRES = (25, 50, 100)
WORKING_DAYS = (5, 10, 15, 20)


def entries_over(relation: str, field: str) -> QuerySet:
    """Return the published rows to which a relation of a facility leads; their apps lie above this one."""
    between: Any = Facility._meta.get_field(relation).related_model
    return between._meta.get_field(field).related_model.objects.published()


def in_words(days: int) -> str:
    """Return a limit of working days."""
    return ngettext("Up to %(days)s working day", "Up to %(days)s working days", days) % {"days": days}


def list_in_words(_key: str, words: str) -> str:
    """Return a list of a ranking: "World's Best Hospitals 2026: Oncology"."""
    ranking, edition, category = words.split("|")
    categories = dict(RankingCategory.choices)
    return gettext("%(ranking)s %(edition)s: %(category)s") % {
        "ranking": ranking,
        "edition": edition,
        "category": categories.get(category, category),
    }


class AirportFacet(FacetFilter):
    """The airport from which distances are counted: it adds a number to each row and takes none away."""

    field_class = KnownValueField
    is_single = True
    narrows = False

    def filter(self, rows: QuerySet, values: list[str]) -> QuerySet:
        """Add the distance from the airport."""
        airport = airport_of(values)
        return rows.near(airport.latitude, airport.longitude) if airport else rows

    def choices(self) -> Choices:
        """Return the airports of Lombardy."""
        return [(airport.iata, f"{airport.name} ({airport.iata})") for airport in airports()]

    def parts(self, rows: QuerySet) -> list[Part]:
        """Return nothing: from every airport there is a way to every facility."""
        return []

    def on_chip(self, value: str, label: str) -> str:
        """Say what the airport is for."""
        return gettext("Distances from %(airport)s") % {"airport": label}

    def facet(self, counted: Any, chosen: list[str], known: dict[str, str]) -> Facet:
        """Return all airports, without numbers."""
        choices = [FacetChoice(value, label, None, value in chosen) for value, label in self.choices()]
        return Facet(self.name, self.label, choices, "radio", bool(chosen), self.note)


class DistanceFacet(LimitFacet):
    """The greatest distance from the chosen airport; without one there is nothing to count."""

    def parts(self, rows: QuerySet) -> list[Part]:
        """Mark the rows within each distance of each airport."""
        return [
            part(
                self.name,
                rows.near(airport.latitude, airport.longitude).within(limit),
                value=Value(self.mark_of(airport.iata, limit)),
            )
            for airport in airports()
            for limit in self.limits
        ]

    def mark(self, value: str) -> str:
        """Return the distance from the chosen airport."""
        return self.mark_of("".join(self.parent.chosen["airport"]), value)

    @staticmethod
    def mark_of(airport: str, distance: object) -> str:
        return f"{airport} {distance}"

    def on_chip(self, value: str, label: str) -> str:
        """Say how the distance is counted."""
        return gettext("%(distance)s, in a straight line") % {"distance": label}

    def facet(self, counted: Any, chosen: list[str], known: dict[str, str]) -> Facet:
        """Return the distances, with numbers where an airport is chosen."""
        if self.parent.chosen["airport"]:
            return super().facet(counted, chosen, known)
        choices = [FacetChoice(value, label, None, is_checked=False) for value, label in self.choices()]
        return Facet(self.name, self.label, choices, "radio", note=self.note)


class DocumentLanguageFacet(ValueFacet):
    """Languages by tag, in the order of their names."""

    def choices_of(self, asked: list[str]) -> Choices:
        """Return those of the tags that are languages: CLDR knows them, whoever accepts them."""
        named = [(tag, self.worded(tag, "")) for tag in asked]
        return [(tag, name) for tag, name in named if name != tag]

    def worded(self, value: str, label: str) -> str:
        """Return the name of the language."""
        return language_name(value, self.parent.language)

    def on_chip(self, value: str, label: str) -> str:
        """Say what the language is for."""
        return gettext("Documents in: %(language)s") % {"language": label}


def airport_of(chosen: list[str]) -> Airport | None:
    """Return the chosen airport."""
    return next((airport for airport in airports() if airport.iata in chosen), None)


class FacilityFilter(FacetedFilterSet):
    """Facilities by place, kind, what they offer, who vouches for them, and how they give a second opinion."""

    version = staticmethod(public_version)
    needs = {"km": "airport"}

    province = EnumFacet(word="in_provinces", enum=Province, path="province", label=_("Province"), is_open=True)
    kind = EnumFacet(word="of_kinds", enum=FacilityKind, path="kind", label=_("Kind of hospital"), is_open=True)
    ownership = EnumFacet(word="of_ownerships", enum=Ownership, path="ownership", label=_("Public or private"))
    specialty = EntryFacet(
        word="with_specialties", entries=Specialty.objects.all, path="specialties", label=_("Specialty")
    )
    treatment = WordsFacet(
        word="offering",
        entries=lambda: entries_over("offers", "treatment"),
        path="treatment",
        counted="public_offers",
        count="facility",
        label=_("Treatment"),
        words_label=_("Find another treatment by its name"),
    )
    accreditation = ValueFacet(
        word="accredited_by",
        counted="bodies_in_date",
        count="facility",
        on_chip=lambda label: gettext("Accredited by: %(body)s") % {"body": label},
        label=_("Accreditation in date"),
        note=_("Counts until the day it ends."),
    )
    ranking = ValueFacet(
        word="ranked_in",
        counted="lists_of_rankings",
        count="facility",
        worded=list_in_words,
        label=_("Listed in a ranking"),
        note=_("A place in a list says little about your own chances."),
    )
    network = EntryFacet(
        word="in_networks",
        entries=lambda: entries_over("network_roles", "network"),
        path="network",
        counted="roles_in_networks",
        count="facility",
        label=_("Network of hospitals"),
        note=_("Only what a source names."),
    )
    member = SwitchFacet(word="members", words=_("Takes part in Health Lombardy"), label=_("Membership"))
    language = DocumentLanguageFacet(
        word="accepting_documents_in",
        counted="document_languages",
        count="facility",
        label=_("Language of your documents"),
        note=_("Languages that the hospital reads without a translation, for a second opinion."),
    )
    days = LimitFacet(
        word="promising_within",
        limits=WORKING_DAYS,
        worded=in_words,
        label=_("Promised time for a second opinion"),
    )
    consultation = SwitchFacet(
        word="including_consultation",
        words=_("Includes a video call with the specialist"),
        label=_("Video call in a second opinion"),
    )
    airport = AirportFacet(word="near", label=_("Distance from an airport"), note=_("In a straight line."))
    km = DistanceFacet(
        word="within",
        limits=KILOMETRES,
        worded=lambda distance: gettext("At most %(distance)s km") % {"distance": distance},
        label=_("At most so far from the airport"),
        note=_("In a straight line, from the airport chosen above."),
    )

    @property
    def chosen_airport(self) -> Airport | None:
        """Return the airport from which distances are counted."""
        return airport_of(self.chosen["airport"])

    @property
    def sites(self) -> list[Site]:
        """Return all facilities that have what is chosen, for the map."""
        if "sites" not in self.marks.more:
            rows = self.queryset.order_by("slug").values_list("pk", *Site._fields)
            self.marks.more["sites"] = [(pk, Site(*columns)) for pk, *columns in rows]
        return [site for pk, site in self.marks.more["sites"] if self.is_kept(pk)]

    def order_choices(self) -> dict[str, Words]:
        """Return what the chosen filters give a reason for, and the alphabet."""
        found: dict[str, Words] = {}
        if self.chosen["airport"]:
            found["near"] = pgettext_lazy("order of a list", "Nearest first")
        if self.chosen["treatment"]:
            found["confirmed"] = pgettext_lazy("order of a list", "Confirmed first")
        return found | {"name": pgettext_lazy("order of a list", "By name")} if found else {}

    def ordered(self, rows: QuerySet) -> QuerySet:
        """Return the rows in the order asked for; the alphabet decides between equals."""
        by_name = [f"sort_key_{column(self.language)}", "slug"]
        if self.chosen["treatment"]:
            rows = rows.with_confirmed(self.chosen["treatment"])
        first = {"near": ["distance_km"], "confirmed": ["-confirmed_count"]}.get(self.order_name, [])
        return rows.order_by(*first, *by_name)
