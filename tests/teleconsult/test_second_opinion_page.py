"""The public page: what each hospital asks for, before anything is sent, and which one is not reached."""

from typing import Any

import pytest

from facilities.models import Facility
from tests.teleconsult import factories
from tests.teleconsult.browsing import Browser
from treatments.models import Protocol, Treatment

pytestmark = pytest.mark.django_db
NO_RULES = "We have read no published rules for this choice."
NOT_REACHED = "This hospital is not reached through this portal"


@pytest.fixture
def treatment(db: None) -> Treatment:
    return factories.make_treatment()


@pytest.fixture
def named(facility: Facility, treatment: Treatment) -> Protocol:
    """The rules of a facility for one treatment."""
    protocol = factories.make_protocol(facility, name_en="Rules for one treatment", fee=300, exclusions_en="Not then")
    protocol.treatments.add(treatment)
    return protocol


@pytest.fixture
def general(facility: Facility) -> Protocol:
    return factories.make_protocol(facility, name_en="Rules for all")


def words(query: str = "", language: str = "en") -> str:
    page = Browser(language).open(f"second-opinion/{query}")
    assert page.status == 200
    return page.words


def test_a_hospital_alone_shows_all_its_rules(facility: Facility, named: Protocol, general: Protocol) -> None:
    factories.make_protocol(factories.make_facility(), name_en="Rules of another")
    found = words(f"?facility={facility.slug}")

    assert "Rules for one treatment" in found
    assert "Rules for all" in found
    assert "Rules of another" not in found
    assert NO_RULES not in found


def test_with_a_treatment_the_rules_are_those_that_apply(
    facility: Facility, treatment: Treatment, named: Protocol
) -> None:
    found = words(f"?facility={facility.slug}&treatment={treatment.slug}")
    for part in ("Rules for one treatment", "Report", "Not older than 30 days", "Only when: after surgery", "300 euro"):
        assert part in found
    assert "Not then" in found

    other = factories.make_treatment()
    assert NO_RULES in words(f"?facility={facility.slug}&treatment={other.slug}")


@pytest.mark.parametrize(
    "rules", [{"valid_from": "2099-01-01"}, {"valid_until": "2021-01-01"}, {"state": "unverified"}]
)
def test_rules_that_are_not_in_force_are_not_shown(facility: Facility, rules: dict[str, Any]) -> None:
    factories.make_protocol(facility, **rules)

    assert NO_RULES in words(f"?facility={facility.slug}")


def test_a_hospital_without_an_office_is_named_with_its_own_address(facility: Facility, named: Protocol) -> None:
    Facility.objects.filter(pk=facility.pk).update(
        website="https://hospital.example/", is_website_verified=True, address="Via Esempio 7"
    )

    found = Browser().open(f"second-opinion/?facility={facility.slug}")
    assert NOT_REACHED in found.words
    assert "Via Esempio 7, 20100 Milano" in found.words
    assert "https://hospital.example/" in found.main

    factories.reached(facility)
    assert NOT_REACHED not in words(f"?facility={facility.slug}")


def test_what_the_address_does_not_know_is_left_out(general: Protocol) -> None:
    assert "Rules for all" in words("?facility=nowhere&treatment=nothing%00")
    assert "Rules for all" in words(language="ar")
