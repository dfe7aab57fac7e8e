"""Which hospitals a request about a treatment can be sent to."""

import pytest

from facilities.enums import StaffRole
from facilities.models import Facility
from publishing.enums import FactState
from teleconsult.reach import is_reached
from tests.teleconsult import factories
from treatments.models import Offer, Treatment

pytestmark = pytest.mark.django_db


@pytest.fixture
def treatment() -> Treatment:
    return factories.make_treatment()


@pytest.fixture
def with_office() -> Facility:
    facility = factories.make_facility()
    factories.add_staff(facility, StaffRole.FACILITY_OFFICE)
    return facility


def offer(facility: Facility, treatment: Treatment, state: FactState) -> None:
    Offer.objects.create(facility=facility, treatment=treatment, state=state)


def test_a_confirmed_offer_is_enough(with_office: Facility, treatment: Treatment) -> None:
    offer(with_office, treatment, FactState.VERIFIED)

    assert is_reached(with_office, treatment)
    assert is_reached(with_office)
    assert not is_reached(with_office, factories.make_treatment())


def test_without_an_office_nothing_is(treatment: Treatment) -> None:
    facility = factories.make_facility()
    offer(facility, treatment, FactState.VERIFIED)
    factories.make_protocol(facility)

    assert not is_reached(facility, treatment)


def test_an_offer_nobody_confirmed_is_not(with_office: Facility, treatment: Treatment) -> None:
    offer(with_office, treatment, FactState.INDICATIVE)

    assert not is_reached(with_office, treatment)


@pytest.mark.parametrize(("state", "expected"), [(FactState.INDICATIVE, True), (FactState.UNVERIFIED, False)], ids=str)
def test_rules_for_everything_confirm_what_is_on_offer(
    with_office: Facility, treatment: Treatment, state: FactState, expected: bool
) -> None:
    """The pages of the treatment show these rules; a request by them must have somewhere to go."""
    offer(with_office, treatment, state)
    factories.make_protocol(with_office)

    assert is_reached(with_office, treatment) == expected


def test_rules_that_name_treatments_hold_for_these(with_office: Facility, treatment: Treatment) -> None:
    factories.make_protocol(with_office).treatments.add(treatment)

    assert is_reached(with_office, treatment)
    assert not is_reached(with_office, factories.make_treatment())
