"""What home shows: every number on it is counted or carries its source."""

from dataclasses import dataclass
from functools import cached_property

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from facilities.map import FacilityMap, map_of
from facilities.models import Facility, Ranking
from partners.models import Institution
from publishing.enums import FactState
from search.shown import examples
from taxonomy.collation import sort_key
from taxonomy.countries import country_name
from taxonomy.models import BodyDistrict, Specialty
from treatments.models import Offer, Protocol
from treatments.plate import Figure, Plate, plate_of


@dataclass(frozen=True)
class Link:
    """An address with its words."""

    url: str
    text: str


@dataclass(frozen=True)
class Country:
    """A country or region with institutions."""

    code: str
    name: str
    url: str


@dataclass(frozen=True)
class OfferCount:
    """How many pairs of hospital and treatment are listed, and how many of them a source names."""

    confirmed: int
    listed: int


class Home:
    """Home in one language, for a reader of one country or region or of any, and with an adult's or a child's body."""

    # So many specialties stand on home; the others have a page of their own.
    specialties_shown = 14

    def __init__(self, language: str, asked_country: str, asked_figure: str = "") -> None:
        self.language = language
        self._asked_country = asked_country.strip().upper()
        self._asked_figure = asked_figure

    @cached_property
    def country(self) -> Country | None:
        """Return the country or region asked for, if institutions are listed there."""
        return next((country for country in self.countries if country.code == self._asked_country), None)

    @property
    def has_unknown_country(self) -> bool:
        return bool(self._asked_country) and self.country is None

    @property
    def query(self) -> str:
        """Return what keeps the chosen country or region in an address of this page's links."""
        return f"?{urlencode(self.kept)}" if self.kept else ""

    @property
    def kept(self) -> dict[str, str]:
        """Return what the links of this page keep of its address."""
        return {"country": self.country.code.lower()} if self.country else {}

    @property
    def examples(self) -> list[Link]:
        """Return three searches in the reader's own words."""
        return [Link(f"{reverse('search:results')}?{urlencode({'q': text} | self.kept)}", text) for text in examples()]

    @cached_property
    def facilities(self) -> list[Facility]:
        """Return the facilities that exist; one invented for the demo proves nothing."""
        real = Facility.objects.published().filter(is_demo=False)
        return list(real.only("kind", "province", "latitude", "longitude"))

    @cached_property
    def map(self) -> FacilityMap:
        """Return where they stand."""
        return map_of(self.facilities)

    @cached_property
    def figure(self) -> Figure:
        """Return whose body the plate shows."""
        return Figure(self._asked_figure, reverse("home"), self.kept)

    @property
    def plate(self) -> Plate:
        """Return the parts of the body."""
        return plate_of(BodyDistrict.objects.in_language(self.language), self.figure)

    @cached_property
    def all_specialties(self) -> list[Specialty]:
        """Return every specialty, the one most facilities list first."""
        rows = Specialty.objects.with_counts(facilities=Facility.objects.published()).in_language(self.language)
        return sorted(rows, key=lambda specialty: -specialty.facilities_count)

    @property
    def specialties(self) -> list[Specialty]:
        return self.all_specialties[: self.specialties_shown]

    @cached_property
    def promise(self) -> str:
        """Return in how many working days hospitals promise an answer; empty where none does."""
        in_force = Protocol.objects.in_force().filter(facility__is_demo=False)
        shortest, longest = in_force.promised_working_days()
        if shortest is None:
            return ""
        if shortest == longest:
            words = ngettext(
                "%(days)s working day, as the hospitals promise",
                "%(days)s working days, as the hospitals promise",
                longest,
            )
            return words % {"days": longest}
        words = _("%(shortest)s to %(longest)s working days, as each hospital promises")
        return words % {"shortest": shortest, "longest": longest}

    @cached_property
    def best_rank(self) -> Ranking | None:
        """Return the best confirmed place in the world in the newest edition of a ranking of whole hospitals."""
        columns = ("ranking", "publisher", "edition", "world_rank", "world_rank_to", "source", "source_kind", "read_on")
        best = Ranking.objects.confirmed().of_whole_hospitals().select_related("facility")
        return best.only(*columns, "facility__slug", "facility__short_name").first()

    @property
    def number_of_irccs(self) -> int:
        return sum(facility.is_irccs for facility in self.facilities)

    @cached_property
    def offers(self) -> OfferCount:
        """Return how much of what is listed a source names."""
        real = Offer.objects.public().filter(facility__is_demo=False)
        states = real.counted_by_state()
        return OfferCount(states.get(FactState.VERIFIED, 0), sum(states.values()))

    @cached_property
    def institutions(self) -> list[Institution]:
        """Return the institutions of every country or region; a few dozen, so that one query serves list and choice."""
        return list(Institution.objects.published().only("country", "name", "kind").order_by("name"))

    @cached_property
    def countries(self) -> list[Country]:
        """Return the countries and regions with institutions, in the order of the language."""
        codes = {institution.country for institution in self.institutions}
        found = [
            Country(code, country_name(code, self.language), reverse("partners:country", args=[code.lower()]))
            for code in codes
        ]
        return sorted(found, key=lambda country: sort_key(country.name, self.language))

    @property
    def institutions_of_country(self) -> list[Institution]:
        """Return the institutions of the chosen country or region."""
        chosen = self.country.code if self.country else ""
        return [institution for institution in self.institutions if institution.country == chosen]
