"""The real catalogue is there for the tests that ask for it, whatever other tests do."""

import pytest

from facilities.models import Facility
from search.find import find

pytestmark = pytest.mark.usefixtures("catalogue")


def test_it_is_whole_and_can_be_searched(db: None) -> None:
    assert Facility.objects.count() > 50
    assert find("knee", "en").has_hits


@pytest.mark.parametrize("turn", [1, 2])
def test_a_test_that_commits_leaves_it_whole_for_the_next(transactional_db: None, turn: int) -> None:
    assert Facility.objects.count() > 50

    Facility.objects.filter(city="Milano").update(city="Elsewhere")

    assert Facility.objects.filter(city="Elsewhere").exists()
