"""The people around a request, one per role."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from accounts.models import User
from facilities.enums import StaffRole
from facilities.models import Facility
from teleconsult.models import CoordinationOffice, Request
from teleconsult.permissions import Actor
from tests.teleconsult import consulting, factories
from tests.turning_clock import morning


@pytest.fixture(autouse=True)
def own_folders(settings: Any, tmp_path: Path) -> None:
    """Keep uploads and documents of each test apart."""
    settings.DATA_DIR = tmp_path
    documents = {**settings.STORAGES["documents"], "OPTIONS": {"location": tmp_path / "documents", "base_url": None}}
    settings.STORAGES = {**settings.STORAGES, "documents": documents}


@pytest.fixture(autouse=True)
def plain_hour(request: pytest.FixtureRequest) -> Iterator[None]:
    """Book in the morning: late in the afternoon the nearest time may be the last one of a doctor's day."""
    if getattr(request.module, "consulting", None) is not consulting:
        yield
        return
    with morning():
        yield


@pytest.fixture(autouse=True)
def coordination_office(request: pytest.FixtureRequest) -> None:
    """Make the office that a migration made, where a test that really committed has emptied all tables since."""
    for database in ("db", "transactional_db"):
        if database in request.fixturenames:
            request.getfixturevalue(database)
            CoordinationOffice.objects.get_or_create(is_receiving=True, defaults={"name": "Health Lombardy"})


@pytest.fixture
def facility(db: None) -> Facility:
    return factories.make_facility()


@pytest.fixture
def coordinator(db: None) -> User:
    return factories.add_coordinator()


@pytest.fixture
def facility_office(facility: Facility) -> User:
    """Someone of the facility's office; the facility is reached through the portal."""
    return factories.reached(facility)


@pytest.fixture
def specialist(facility: Facility) -> User:
    return factories.add_staff(facility, StaffRole.SPECIALIST)


@pytest.fixture
def facility_editor(facility: Facility) -> User:
    return factories.add_staff(facility, StaffRole.FACILITY_EDITOR)


@pytest.fixture
def editor(db: None) -> User:
    return factories.add_role(factories.make_user(), "editor")


@pytest.fixture
def doctor(facility: Facility) -> User:
    """Return a specialist who has hours, and can be booked."""
    return consulting.add_specialist(facility)


@pytest.fixture
def administrator(db: None) -> User:
    return factories.add_role(factories.make_user(), "administrator")


@pytest.fixture
def stranger(db: None) -> User:
    return factories.make_user()


@pytest.fixture
def draft(db: None) -> Request:
    return factories.make_draft()


@pytest.fixture
def patient(draft: Request) -> Actor:
    return factories.patient_of(draft)


@pytest.fixture
def relatives_draft(db: None) -> Request:
    return factories.make_draft(**factories.RELATIVE_ANSWERS)


@pytest.fixture
def relative(relatives_draft: Request) -> Actor:
    return factories.patient_of(relatives_draft)
