"""The marks of a list stay until something public changes, and are never taken from an open transaction."""

import pytest
from django.db import connection, transaction
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from publishing.freshness import watch_public_tables
from tests.treatments.factories import make_facility, make_offer, make_treatment
from treatments.filters import TreatmentFilter
from treatments.models import Treatment


def numbers() -> tuple[int, int, list[str]]:
    """Return how many treatments a new page counts, with how many statements, and the provinces it offers."""
    with CaptureQueriesContext(connection) as queries:
        found = TreatmentFilter(QueryDict(), Treatment.objects.published(), language="en")
        provinces = [row.value for row in found.counted["province"]]
    return found.number_of_rows, len(queries), provinces


@pytest.mark.django_db(transaction=True)
def test_counting_asks_once_until_something_public_changes() -> None:
    watch_public_tables()
    make_offer(make_treatment(), make_facility(province="MI"))
    numbers()

    # The version, nothing else.
    assert numbers() == (1, 1, ["MI"])
    make_offer(make_treatment(), make_facility(province="BG"))
    assert numbers()[0] == 2
    assert numbers() == (2, 1, ["MI", "BG"])


@pytest.mark.django_db(transaction=True)
def test_what_is_never_committed_is_not_kept() -> None:
    watch_public_tables()
    make_treatment()
    with transaction.atomic():
        make_treatment()
        assert numbers()[0] == 2
        transaction.set_rollback(True)

    assert numbers()[0] == 1


def test_a_thing_in_several_rows_is_counted_once(db: None) -> None:
    treatment = make_treatment()
    for _turn in range(3):
        make_offer(treatment, make_facility(province="MI"))
    found = TreatmentFilter(QueryDict(), Treatment.objects.published(), language="en")

    assert found.count_of("province", "MI") == 1
