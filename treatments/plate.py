"""The parts of the body, as templates/components/body_plate.html prints them."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.urls import reverse

from publishing.templatetags.text import text_of
from taxonomy.models import BodyDistrict


@dataclass(frozen=True)
class DistrictOnPlate:
    """A part of the body with the address of its page."""

    slug: str
    name: str
    url: str


def plate_of(districts: Iterable[BodyDistrict], query: str = "") -> list[DistrictOnPlate]:
    """Return the districts for the plate; `query` is put after each address."""
    return [
        DistrictOnPlate(
            district.slug,
            text_of(district, "name").value,
            reverse("treatments:body_detail", args=[district.slug]) + query,
        )
        for district in districts
    ]
