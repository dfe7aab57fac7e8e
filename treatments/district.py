"""What the page of a part of the body shows, for an adult or for a child."""

from functools import cached_property

from django.conf import settings
from django.db.models import Q
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from facilities.models import Facility
from publishing.templatetags.text import text_of
from taxonomy.json_ld import as_json_ld, breadcrumbs, item_list, page_data
from taxonomy.models import BodyDistrict, Specialty
from treatments.models import Condition, Offer, Treatment

# What is for the child as a whole belongs to each part of it.
WHOLE_BODY = "whole-body"
PAEDIATRICS = "paediatric"


class DistrictPage:
    """A part of the body in one language; for a child, what the catalogue lists for children is apart."""

    def __init__(self, district: BodyDistrict, language: str, *, is_child: bool) -> None:
        self.district = district
        self.is_child = is_child
        self._language = language

    @cached_property
    def name(self) -> str:
        return text_of(self.district, "name").value

    @cached_property
    def conditions(self) -> list[Condition]:
        """Return its conditions with the number of treatments of each."""
        rows = self.district.conditions.published().with_counts(treatments=Treatment.objects.published())
        return list(rows.in_language(self._language).without("summary", self._language))

    @cached_property
    def treatments(self) -> list[Treatment]:
        """Return its treatments with the number of facilities for each; for a child, those not named for children."""
        return [item for item in self._all_treatments if not (self.is_child and item.is_paediatric)]

    @cached_property
    def treatments_for_children(self) -> list[Treatment]:
        """Return what is named for children, here or for the whole body; nothing on the page for an adult."""
        return [item for item in self._all_treatments if self.is_child and item.is_paediatric]

    @cached_property
    def specialties(self) -> list[Specialty]:
        """Return its specialties with the number of facilities that list each; for a child, paediatrics first."""
        here = Q(pk__in=self.district.specialties.values("pk"))
        wanted = here | Q(slug__startswith=PAEDIATRICS) if self.is_child else here
        rows = Specialty.objects.filter(wanted).with_counts(facilities=Facility.objects.published())
        found = list(rows.in_language(self._language))
        return sorted(found, key=lambda item: not item.slug.startswith(PAEDIATRICS)) if self.is_child else found

    @cached_property
    def number_of_treatments(self) -> int:
        return len(self._all_treatments)

    @cached_property
    def number_of_facilities(self) -> int:
        """Return how many facilities are named, confirmed or not, for at least one of its treatments."""
        offers = Offer.objects.public().filter(treatment__body_districts=self.district)
        return offers.order_by().values("facility").distinct().count()

    @property
    def words(self) -> str:
        """Return what was chosen so far, for the coordinator, in the reader's language."""
        if not self.is_child:
            return self.name
        # Translators: what a coordinator reads first; %(part)s is a part of the body, such as "Eyes".
        return pgettext("what was chosen so far", "%(part)s, for a child") % {"part": self.name}

    @property
    def structured_data(self) -> SafeString:
        """Return the page as schema.org: a part of the body, and what the page lists for it."""
        path = reverse("treatments:body_detail", args=[self.district.slug])
        url = settings.PUBLIC_URL + path
        thing = {"@type": "AnatomicalStructure", "@id": f"{url}#this", "name": self.name, "url": url}
        page = page_data("MedicalWebPage", url, self.name, about={"@id": thing["@id"]})
        trail = breadcrumbs((_("Parts of the body"), reverse("treatments:body_list")), (self.name, path))
        listed = [*self.conditions, *self.treatments_for_children, *self.treatments]
        rows = item_list((text_of(item, "name").value, item.get_absolute_url()) for item in listed)
        return as_json_ld(page, thing, trail, rows)

    @cached_property
    def _all_treatments(self) -> list[Treatment]:
        here = Q(pk__in=self.district.treatments.values("pk"))
        for_the_child = Q(is_paediatric=True, pk__in=Treatment.objects.of_districts([WHOLE_BODY]).values("pk"))
        rows = Treatment.objects.published().with_facility_count().with_paediatric()
        rows = rows.filter(here | for_the_child) if self.is_child else rows.filter(here)
        return list(rows.in_language(self._language).without("summary", self._language))
