"""Many patients who want the times of one specialist."""

import datetime

from django.utils import timezone

from teleconsult import access, slots, workflow
from teleconsult.enums import AccessLevel
from teleconsult.models import AvailabilityException, CoordinationOffice, Request
from teleconsult.permissions import Actor
from tests.teleconsult import consulting, factories

TIMES_A_DAY = 10


def make_crowd(patients: int, times: int) -> list[str]:
    """Make so many requests with a specialist who has exactly so many times; return tokens of patients' sessions."""
    CoordinationOffice.objects.get_or_create(is_receiving=True, defaults={"name": "Health Lombardy"})
    facility = factories.make_facility()
    doctor = consulting.add_specialist(facility, "en", hours=False)
    office = factories.reached(facility)
    coordinator = factories.add_coordinator()
    protocol = factories.make_protocol(facility, includes_consultation=True)
    first = timezone.localdate() + datetime.timedelta(days=3)
    AvailabilityException.objects.create(
        person=doctor,
        kind="extra",
        first_day=first,
        last_day=first + datetime.timedelta(days=times // TIMES_A_DAY - 1),
        starts_at=datetime.time(9),
        ends_at=datetime.time(14),
    )
    tokens = []
    for _number in range(patients):
        case = factories.make_with_facility(coordinator, facility)
        case = workflow.name_specialist(
            request=case, by=Actor.staff(office), seen_version=case.version, specialist=doctor
        )
        Request.objects.filter(pk=case.pk).update(protocol=protocol)
        tokens.append(access.start_session(case, level=AccessLevel.FULL, secret=""))
    offered = len(slots.slots_of(Request.objects.get(pk=case.pk), doctor))
    if offered != times:
        raise AssertionError(f"{offered} times instead of {times}")
    return tokens
