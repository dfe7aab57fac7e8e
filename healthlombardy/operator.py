"""Who runs the portal: facts entered by the operator, never invented."""

import datetime
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

FACTS = Path(__file__).parent / "data" / "operator.yaml"


@dataclass(frozen=True)
class Operator:
    """The association behind the portal; None where nothing has been entered yet."""

    promoted_by: str
    in_collaboration_with: str
    launched_on: datetime.date
    earlier_site_year: int
    legal_name: str | None
    address: str | None
    data_controller: str | None
    data_protection_officer: str | None
    contact_email: str | None
    office_hours: str | None
    source: str


@cache
def operator() -> Operator:
    """Return the facts of healthlombardy/data/operator.yaml."""
    return Operator(**yaml.safe_load(FACTS.read_text(encoding="utf-8")))
