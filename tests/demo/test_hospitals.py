"""The invented hospitals exist only in the demo, and everything about them says Demo."""

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from catalogue.loading import load
from demo.loading import load_facilities
from facilities.models import Accreditation, Facility
from publishing.enums import FactState
from taxonomy.languages import column
from treatments.models import Offer, Protocol

pytestmark = pytest.mark.django_db


@pytest.fixture
def hospitals() -> list[Facility]:
    """Return the invented hospitals beside the real catalogue."""
    load()
    load_facilities()
    return list(Facility.objects.filter(is_demo=True).order_by("slug"))


def test_they_say_demo_in_every_language_and_everywhere(hospitals: list[Facility]) -> None:
    assert [facility.slug for facility in hospitals] == [f"demo-hospital-{letter}" for letter in "abcd"]
    for code, _name in settings.LANGUAGES:
        for facility in hospitals:
            assert "Demo" in getattr(facility, f"usual_name_{column(code)}")
        for protocol in Protocol.objects.filter(facility__is_demo=True):
            assert "Demo" in getattr(protocol, f"name_{column(code)}")
    assert all("Demo" in facility.official_name and "Demo" in facility.short_name for facility in hospitals)
    assert all("Demo" in row.body for row in Accreditation.objects.filter(facility__is_demo=True))


def test_their_rules_are_theirs_alone(hospitals: list[Facility]) -> None:
    for protocol in Protocol.objects.filter(slug__startswith="demo-"):
        assert protocol.facility in hospitals
    assert Protocol.objects.in_force().filter(facility__in=hospitals).count() == 6


def test_they_have_confirmed_offers_and_one_certificate_in_date(hospitals: list[Facility]) -> None:
    confirmed = Offer.objects.confirmed().filter(facility__in=hospitals)

    assert {offer.facility.slug for offer in confirmed} == {f"demo-hospital-{letter}" for letter in "abcd"}
    assert confirmed.filter(state=FactState.VERIFIED).count() == 14
    assert [row.facility.slug for row in Accreditation.objects.in_date()] == ["demo-hospital-a"]


def test_loading_again_changes_nothing_and_the_catalogue_leaves_them_alone(hospitals: list[Facility]) -> None:
    report = load_facilities()
    catalogue = load(is_forced=True)

    assert sum(tally.created + tally.changed for tally in report.tallies.values()) == 0
    assert catalogue is not None
    assert sum(tally.withdrawn for tally in catalogue.tallies.values()) == 0
    assert Facility.objects.published().filter(is_demo=True).count() == 4


def test_without_the_demo_they_are_refused(settings) -> None:
    settings.DEMO = False

    with pytest.raises(ImproperlyConfigured, match="DEMO=1"):
        load_facilities()

    assert not Facility.objects.filter(is_demo=True).exists()
