"""Networks: loaded from the data files; only a role that a source names is published."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import IntegrityError, transaction

from catalogue.loading import load
from ecosystem.models import Network, NetworkRole
from facilities.models import Facility
from publishing.enums import FactState, SourceKind
from publishing.loading.files import Unloadable
from tests.catalogue.conftest import *  # noqa: F403 -- fixtures

FILE = "ecosystem/data/networks.yaml"
pytestmark = pytest.mark.django_db


def test_a_network_has_a_name_in_each_language_and_the_role_its_source(root: Path) -> None:
    load(root)

    network = Network.objects.in_language("ar").get()
    role = network.roles.get()
    assert (network.name_ar, network.name_en, network.kind) == ("Network ar", "Network en", "pathology_network")
    assert network.sort_key_ar
    assert (role.facility.slug, role.role, role.state) == ("alpha", "coordinates", FactState.VERIFIED)
    assert (role.source, role.source_kind) == ("https://clinic.example.org/network", SourceKind.FACILITY)


def test_a_role_that_nobody_verified_is_not_published(root: Path, rewrite: Callable[[str, str, str], None]) -> None:
    load(root)
    before = NetworkRole.objects.published().count()
    rewrite(FILE, "verified: true", "verified: false")
    load(root)

    assert before == 1
    assert not NetworkRole.objects.published().exists()
    assert not Facility.objects.published().in_networks(["heart-network"]).exists()


def test_a_role_goes_with_what_is_no_longer_published(root: Path) -> None:
    load(root)

    assert Facility.objects.in_networks(["heart-network"]).count() == 1
    Network.objects.update(is_published=False)
    assert not NetworkRole.objects.published().exists()


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("facility: alpha", "facility: nobody", "nobody"),
        ("role: coordinates", "role: leads", "leads"),
        ("specialty: cardiology", "specialty: nothing", "nothing"),
        ("                source: https://clinic.example.org/network\n", "", "no source"),
    ],
)
def test_what_is_wrong_is_refused(
    root: Path, rewrite: Callable[[str, str, str], None], old: str, new: str, reason: str
) -> None:
    rewrite(FILE, old.lstrip() if new else old.strip(), new)

    with pytest.raises(Unloadable, match=reason):
        load(root)


def test_a_facility_has_one_role_in_a_network(root: Path) -> None:
    load(root)
    role = NetworkRole.objects.get()

    with pytest.raises(IntegrityError), transaction.atomic():
        NetworkRole.objects.create(network=role.network, facility=role.facility, role="takes_part")
