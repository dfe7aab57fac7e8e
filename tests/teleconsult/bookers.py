"""Patients beside a running portal who may book a consultation, and the staff they meet, printed as JSON.

    python -m tests.teleconsult.bookers NUMBER

Half of the specialists speak Italian only: for them an interpreter is booked too. There are twice as many times as
patients, and everybody begins with the first.
"""

import datetime
import itertools
import json
import secrets
import sys
from typing import Any

import django

PATIENTS_EACH = 10
TIMES_A_DAY = 8


def make_bookers(number: int) -> dict[str, Any]:
    """Make requests that are with a specialist; return each with a token of its session, and mailboxes of staff."""
    # Django is set up only now.
    from teleconsult import access, workflow  # noqa: PLC0415
    from teleconsult.models import Request  # noqa: PLC0415
    from teleconsult.permissions import Actor  # noqa: PLC0415
    from tests.teleconsult import consulting, factories  # noqa: PLC0415

    # Names of their own: the portal keeps those of an earlier call.
    first = secrets.randbelow(10**12)
    factories._number = itertools.count(first)
    facility = factories.make_facility()
    office, coordinator = factories.reached(facility), factories.add_coordinator()
    protocol = factories.make_protocol(facility, includes_consultation=True)
    staff: list[Any] = []
    bookers = []
    for count in range(number):
        if count % PATIENTS_EACH == 0:
            needs_interpreter = count // PATIENTS_EACH % 2 == 1
            if needs_interpreter:
                staff.append(consulting.add_interpreter(("en", "it")).user)
            languages = ["it"] if needs_interpreter else ["en", "it"]
            staff.append(consulting.add_specialist(facility, *languages, hours=False))
            add_times(staff[-1], 2 * min(PATIENTS_EACH, number - count))
        email = f"booker-{first}-{count}@example.org"
        case = factories.make_with_facility(coordinator, facility, email=email)
        case = workflow.name_specialist(
            request=case, by=Actor.staff(office), seen_version=case.version, specialist=staff[-1]
        )
        Request.objects.filter(pk=case.pk).update(protocol=protocol)
        bookers.append({"email": email, "reference": case.reference, "token": access.start_session(case)})
    return {"bookers": bookers, "mailboxes": {str(user.pk): user.email for user in staff}}


def add_times(doctor: Any, times: int) -> None:
    """Let a specialist be booked for so many half hours, from the day after tomorrow on."""
    from django.utils import timezone  # noqa: PLC0415

    from teleconsult.models import AvailabilityException  # noqa: PLC0415

    first = timezone.localdate() + datetime.timedelta(days=2)
    AvailabilityException.objects.create(
        person=doctor,
        kind="extra",
        first_day=first,
        last_day=first + datetime.timedelta(days=-(-times // TIMES_A_DAY) - 1),
        starts_at=datetime.time(9),
        ends_at=datetime.time(13),
    )


def main() -> None:
    """Make them and print them."""
    django.setup()
    json.dump(make_bookers(int(sys.argv[1])), sys.stdout)


if __name__ == "__main__":
    main()
