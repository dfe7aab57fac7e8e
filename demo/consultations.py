"""The hours of the demo specialist and the demo interpreter, so that a consultation can be booked at once."""

import datetime

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from teleconsult.enums import ConsultationMode
from teleconsult.models import AvailabilityRule, Interpreter, LanguagePair, SpecialistProfile, VisitingDay

LANGUAGES = ["it", "en"]
PAIRS = [(code, "it") for code in ("ar", "zh-hans", "es", "fr", "de", "ru")]
WORKDAYS = range(5)
SPECIALIST_HOURS = [(datetime.time(9), datetime.time(13)), (datetime.time(14), datetime.time(17))]
INTERPRETER_HOURS = [(datetime.time(8), datetime.time(18))]
VISIT_IN = datetime.timedelta(days=21)


@transaction.atomic
def load_hours(people: dict[str, User]) -> None:
    """Give the demo people what is missing of languages and hours."""
    specialist, interpreter = people["specialist"], people["interpreter"]
    SpecialistProfile.objects.get_or_create(user=specialist, defaults={"languages": LANGUAGES})
    row, _is_new = Interpreter.objects.get_or_create(user=interpreter)
    for first, second in PAIRS:
        LanguagePair.objects.get_or_create(interpreter=row, first=first, second=second)
    _add_week(specialist, SPECIALIST_HOURS)
    _add_week(interpreter, INTERPRETER_HOURS)
    today = timezone.localdate()
    if not VisitingDay.objects.filter(person=specialist, day__gte=today).exists():
        VisitingDay.objects.create(
            person=specialist,
            day=today + VISIT_IN,
            city="Abu Dhabi",
            country="AE",
            zone="Asia/Dubai",
            starts_at=datetime.time(10),
            ends_at=datetime.time(16),
            mode=ConsultationMode.IN_PERSON,
        )


def _add_week(person: User, hours: list[tuple[datetime.time, datetime.time]]) -> None:
    if AvailabilityRule.objects.filter(person=person).exists():
        return
    for weekday in WORKDAYS:
        for starts_at, ends_at in hours:
            AvailabilityRule.objects.create(person=person, weekday=weekday, starts_at=starts_at, ends_at=ends_at)
