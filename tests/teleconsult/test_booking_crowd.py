"""A crowd over HTTP, as `benchmarks.booking` sends it, in a small size."""

from collections import Counter

import pytest
from pytest_django.live_server_helper import LiveServer

from benchmarks.booking import crowd
from teleconsult.models import Booking
from tests.teleconsult.crowding import make_crowd

pytestmark = pytest.mark.django_db(transaction=True)


def test_as_many_are_booked_as_there_are_times_and_nobody_meets_an_error(live_server: LiveServer):
    tokens = make_crowd(patients=20, times=10)

    patients = crowd(live_server.url, tokens, 10, "request")

    assert Counter(patient.result for patient in patients) == {"booked": 10, "none left": 10}
    assert Booking.objects.confirmed().values("period").distinct().count() == Booking.objects.confirmed().count() == 10
    answers = sum((patient.answers for patient in patients), Counter())
    assert not [status for status in answers if status >= 400]
