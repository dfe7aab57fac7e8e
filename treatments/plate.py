"""The body as templates/components/body_plate.html draws it: an adult or a child, front and back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.urls import reverse
from django.utils.http import urlencode

from publishing.templatetags.text import text_of
from taxonomy.models import BodyDistrict

ADULT, CHILD = "adult", "child"
# What each side of the drawing shows, in the order of the numbers on it.
FRONT = (
    "head-brain",
    "eyes",
    "ear-nose-throat",
    "glands-hormones",
    "lungs-chest",
    "breast",
    "heart-vessels",
    "liver-pancreas",
    "digestive-system",
    "female-reproductive",
    "male-reproductive",
)
BACK = ("spine", "kidney-urinary", "blood-immune", "skin", "bones-joints", "whole-body")


@dataclass(frozen=True)
class Figure:
    """Whose body a page is about, as its address asks: an adult's, unless it says `figure=child`."""

    asked: str
    path: str
    # Other parts of the address that the page's links keep.
    kept: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_child(self) -> bool:
        return self.asked == CHILD

    @property
    def is_unknown(self) -> bool:
        """Return whether the address asks for a figure there is not."""
        return self.asked not in {"", ADULT, CHILD}

    @property
    def query(self) -> str:
        """Return what keeps the choice in an address."""
        return self._query_for(is_child=self.is_child)

    @property
    def adult_url(self) -> str:
        return self.path + self._query_for(is_child=False)

    @property
    def child_url(self) -> str:
        return self.path + self._query_for(is_child=True)

    def _query_for(self, *, is_child: bool) -> str:
        parts = dict(self.kept) | ({"figure": CHILD} if is_child else {})
        return f"?{urlencode(parts)}" if parts else ""


@dataclass(frozen=True)
class DistrictOnPlate:
    """A part of the body with the address of its page; the count only where it was asked for."""

    slug: str
    name: str
    url: str
    treatments_count: int = 0


@dataclass(frozen=True)
class Plate:
    """The parts of the body by side; `others` have no drawing yet and stand in the list only."""

    is_child: bool
    front: list[DistrictOnPlate]
    back: list[DistrictOnPlate]
    others: list[DistrictOnPlate]


def plate_of(districts: Iterable[BodyDistrict], figure: Figure) -> Plate:
    """Return the plate of a figure; the links to the districts keep what the page's address asked for."""
    on_plate = {
        district.slug: DistrictOnPlate(
            district.slug,
            text_of(district, "name").value,
            reverse("treatments:body_detail", args=[district.slug]) + figure.query,
            getattr(district, "treatments_count", 0),
        )
        for district in districts
    }
    front, back = ([on_plate.pop(slug) for slug in side if slug in on_plate] for side in (FRONT, BACK))
    return Plate(figure.is_child, front, back, list(on_plate.values()))
