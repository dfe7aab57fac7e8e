"""The live consultation: who meets whom when, who waits for a time, what was reminded of."""

import datetime
import secrets
import uuid

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from facilities.models import Facility
from teleconsult.enums import TAKEN_STATUSES, BookingStatus, ConsultationMode, ReminderState, Role
from teleconsult.models.availability import Interpreter
from teleconsult.models.requests import Request
from teleconsult.querysets import BookingQuerySet, WaitingQuerySet
from vault.data_classes import DataClass
from vault.fields import SealedTextField

IS_TAKEN = Q(status__in=TAKEN_STATUSES)


def make_room() -> str:
    """Return the name of a video room that nobody guesses: 160 bits, letters and digits only."""
    return secrets.token_hex(20)


def _never_two(name: str, person: str) -> ExclusionConstraint:
    return ExclusionConstraint(
        name=name,
        expressions=[("period", RangeOperators.OVERLAPS), (person, RangeOperators.EQUAL)],
        condition=IS_TAKEN,
    )


class Booking(models.Model):
    """A live consultation, from the hold of ten minutes to its end.

    `period` is UTC; beside it stands what was promised, as the clocks of the place show it. Rows change only through
    `teleconsult.workflow`. The database refuses two at once for the specialist, the interpreter and the request.
    """

    data_class = DataClass.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="bookings")
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="bookings")
    specialist = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="consultations")
    interpreter = models.ForeignKey(
        Interpreter, null=True, blank=True, on_delete=models.PROTECT, related_name="consultations"
    )
    status = models.CharField(_("state"), max_length=10, choices=BookingStatus.choices, default=BookingStatus.HELD)
    # From (inclusive) until (exclusive).
    period = DateTimeRangeField(_("time"))
    # The place whose clocks were promised, and what they show.
    zone = models.CharField(_("time zone"), max_length=64)
    promised_on = models.DateField(_("day"))
    promised_start = models.TimeField(_("from"))
    promised_end = models.TimeField(_("until"))
    mode = models.CharField(max_length=10, choices=ConsultationMode.choices, default=ConsultationMode.REMOTE)
    # Where, at a place abroad; empty at the facility and by video from there.
    city = models.CharField(max_length=80, blank=True)
    country = models.CharField(max_length=2, blank=True)
    # The chain: the patient speaks the first, the specialist the second, the answer is written in the third.
    patient_language = models.CharField(max_length=10)
    visit_language = models.CharField(max_length=10)
    report_language = models.CharField(max_length=10, blank=True)

    hold_until = models.DateTimeField(null=True, blank=True)
    # Counts every change; a form carries the number it saw.
    version = models.PositiveIntegerField(default=1)
    # Of the calendar entry (RFC 5545, 3.8.7.4): goes up with each change that the entry shows.
    sequence = models.PositiveIntegerField(default=0)
    room = SealedTextField(key="request.data_key", data_class=DataClass.IDENTITY, default=make_room)
    created_at = models.DateTimeField(default=timezone.now)
    # When the present time was agreed: reminders due before are left out.
    agreed_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    cancelled_by = models.CharField(max_length=20, choices=Role.choices, blank=True)
    minutes_late = models.PositiveSmallIntegerField(null=True, blank=True)
    # Of the form that chose the time: pressed twice, one row.
    idempotency_key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)

    objects = BookingQuerySet.as_manager()

    class Meta:
        verbose_name = _("consultation")
        verbose_name_plural = _("consultations")
        ordering = ["period"]
        constraints = [
            _never_two("booking_specialist_once", "specialist"),
            _never_two("booking_interpreter_once", "interpreter"),
            _never_two("booking_request_once", "request"),
            models.UniqueConstraint(fields=["request"], condition=IS_TAKEN, name="booking_one_a_request"),
            models.CheckConstraint(condition=Q(status__in=BookingStatus.values), name="booking_status_known"),
            models.CheckConstraint(
                condition=Q(period__isempty=False, period__lower_inf=False, period__upper_inf=False),
                name="booking_has_a_length",
            ),
            models.CheckConstraint(
                condition=~Q(status=BookingStatus.HELD) | Q(hold_until__isnull=False), name="booking_held_until"
            ),
            models.CheckConstraint(
                condition=~Q(status=BookingStatus.CONFIRMED) | Q(agreed_at__isnull=False), name="booking_agreed"
            ),
            models.CheckConstraint(
                condition=Q(status__in=TAKEN_STATUSES, ended_at__isnull=True)
                | (~Q(status__in=TAKEN_STATUSES) & Q(ended_at__isnull=False)),
                name="booking_ended_has_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.promised_on} {self.promised_start:%H:%M} {self.zone}"

    @property
    def starts_at(self) -> datetime.datetime:
        return self.period.lower

    @property
    def ends_at(self) -> datetime.datetime:
        return self.period.upper

    @property
    def is_confirmed(self) -> bool:
        return self.status == BookingStatus.CONFIRMED

    @property
    def is_held(self) -> bool:
        return self.status == BookingStatus.HELD

    @property
    def is_remote(self) -> bool:
        return self.mode == ConsultationMode.REMOTE

    @property
    def uid(self) -> str:
        """Return the identity of the calendar entry; it never changes."""
        host = settings.PUBLIC_URL.split("//")[-1].split("/")[0].split(":")[0]
        return f"{self.pk}@{host}"

    def has_begun(self, now: datetime.datetime | None = None) -> bool:
        return self.starts_at <= (now or timezone.now())


class WaitingEntry(models.Model):
    """A patient who wants to know when a time becomes free; told once, then she asks again."""

    data_class = DataClass.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="waiting_entries")
    specialist = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    joined_at = models.DateTimeField(default=timezone.now)
    told_at = models.DateTimeField(null=True, blank=True)
    left_at = models.DateTimeField(null=True, blank=True)

    objects = WaitingQuerySet.as_manager()

    class Meta:
        ordering = ["joined_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["request"],
                condition=Q(told_at__isnull=True, left_at__isnull=True),
                name="waiting_entry_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.joined_at:%Y-%m-%d %H:%M}"


class ConsultationReminder(models.Model):
    """A reminder that was sent, or came too late to be sent."""

    data_class = DataClass.OPERATIONAL

    booking = models.ForeignKey(Booking, on_delete=models.PROTECT, related_name="reminders")
    # Of the booking when it was due: a moved consultation is reminded of anew.
    sequence = models.PositiveIntegerField()
    hours_before = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=10, choices=ReminderState.choices)
    decided_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["decided_at"]
        constraints = [models.UniqueConstraint(fields=["booking", "sequence", "hours_before"], name="reminder_once")]

    def __str__(self) -> str:
        return f"{self.hours_before} h: {self.state}"
