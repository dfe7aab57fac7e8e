"""Invented institutions abroad."""

import datetime
from itertools import count
from typing import Any

from facilities.models import Facility
from partners.models import Agreement, Institution
from publishing.enums import FactState, SourceKind

_number = count(1)


def make_institution(country: str = "AE", **fields: Any) -> Institution:
    """Return an institution that is listed as a contact."""
    number = next(_number)
    values = {
        "slug": f"institution-{number}",
        "name": f"Invented Chamber {number}",
        "kind": "chamber_of_commerce",
        "state": FactState.INDICATIVE,
        "read_on": datetime.date(2026, 11, 20),
    }
    return Institution.objects.create(country=country, **values | fields)


def make_agreement(facility: Facility, *countries: str, **fields: Any) -> Agreement:
    """Return an agreement of a hospital with somebody abroad."""
    number = next(_number)
    values = {
        "slug": f"agreement-{number}",
        "title_en": f"Invented agreement {number}",
        "other_party": "Invented ministry",
        "state": FactState.VERIFIED,
        "source_kind": SourceKind.AUTHORITY,
        "met_on": datetime.date(2026, 5, 1),
    }
    return Agreement.objects.create(facility=facility, countries=list(countries), **values | fields)
