"""Invented hospitals, conditions and treatments."""

import datetime
from itertools import count
from typing import Any

from facilities.models import Accreditation, Facility, Ranking
from publishing.enums import FactState, SourceKind
from taxonomy.models import BodyDistrict, Specialty
from treatments.models import Condition, Offer, Protocol, RequiredDocument, Treatment

_number = count(1)
# Beyond those of the real plate, and far below what the column holds.
_district = count(101)
SOURCE = {
    "source": "https://www.example.org/page",
    "source_kind": SourceKind.FACILITY,
    "read_on": datetime.date(2026, 11, 21),
}


def named(slug: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Return slug, English name and the keys by which English and Arabic lists are sorted."""
    name = fields.pop("name_en", slug.replace("-", " ").capitalize())
    return {"slug": slug, "name_en": name, "sort_key_en": name.lower(), "sort_key_ar": name.lower(), **fields}


def make_specialty(slug: str = "", **fields: Any) -> Specialty:
    return Specialty.objects.create(**named(slug or f"specialty-{next(_number)}", fields))


def make_district(slug: str = "", **fields: Any) -> BodyDistrict:
    number = next(_district)
    return BodyDistrict.objects.create(number=number, **named(slug or f"district-{number}", fields))


def make_facility(slug: str = "", **fields: Any) -> Facility:
    """Return an invented hospital in Milan."""
    slug = slug or f"example-{next(_number)}"
    name = fields.pop("short_name", slug.replace("-", " ").capitalize())
    values = {
        "official_name": f"Ospedale {name}",
        "short_name": name,
        "sort_key_en": name.lower(),
        "kind": "general_hospital",
        "ownership": "public",
        "city": "Milano",
        "province": "MI",
        "latitude": 45.46,
        "longitude": 9.19,
    }
    return Facility.objects.create(slug=slug, **values | fields)


def make_condition(slug: str = "", *, districts: tuple[BodyDistrict, ...] = (), **fields: Any) -> Condition:
    fields["specialty"] = fields.get("specialty") or make_specialty()
    condition = Condition.objects.create(**named(slug or f"condition-{next(_number)}", fields))
    condition.body_districts.set(districts)
    return condition


def make_treatment(
    slug: str = "",
    *,
    districts: tuple[BodyDistrict, ...] = (),
    conditions: tuple[Condition, ...] = (),
    **fields: Any,
) -> Treatment:
    fields["specialty"] = fields.get("specialty") or make_specialty()
    fields.setdefault("kind", "surgery")
    treatment = Treatment.objects.create(**named(slug or f"treatment-{next(_number)}", fields))
    treatment.body_districts.set(districts)
    treatment.conditions.set(conditions)
    return treatment


def make_offer(treatment: Treatment, facility: Facility | None = None, *, is_confirmed: bool = True) -> Offer:
    """Return an offer that a source names, or one that only general knowledge supports."""
    proof = {"state": FactState.VERIFIED, **SOURCE} if is_confirmed else {"state": FactState.INDICATIVE}
    return Offer.objects.create(treatment=treatment, facility=facility or make_facility(), **proof)


def make_protocol(facility: Facility, *, treatments: tuple[Treatment, ...] = (), **fields: Any) -> Protocol:
    values = {
        "slug": f"protocol-{next(_number)}",
        "state": FactState.VERIFIED,
        "document_languages": ["en", "it"],
        "promised_working_days": 5,
        "valid_from": datetime.date(2020, 1, 1),
    }
    protocol = Protocol.objects.create(facility=facility, **values | fields)
    protocol.treatments.set(treatments)
    RequiredDocument.objects.create(protocol=protocol, position=1, kind="imaging", what_en="Scans")
    RequiredDocument.objects.create(protocol=protocol, position=2, kind="report", what_en="Report")
    return protocol


def make_accreditation(facility: Facility, **fields: Any) -> Accreditation:
    values = {"body": "Example Board", "level": "Hospital", "state": FactState.VERIFIED, **SOURCE}
    return Accreditation.objects.create(facility=facility, **values | fields)


def make_ranking(facility: Facility, **fields: Any) -> Ranking:
    values = {
        "publisher": "Example Press",
        "ranking": "Example List",
        "edition": 2026,
        "category": "overall",
        "world_rank": 9,
        "state": FactState.VERIFIED,
        **SOURCE,
    }
    return Ranking.objects.create(facility=facility, **values | fields)
