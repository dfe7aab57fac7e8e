"""A request, its steps, where it is and when its clock stood still."""

import uuid
from functools import cached_property

from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from facilities.enums import Province
from facilities.models import Facility
from teleconsult import references
from teleconsult.enums import (
    ENDED_STATUSES,
    FACILITY_STATUSES,
    OPEN_STATUSES,
    OWNED_STATUSES,
    RETURNING_STATUSES,
    Action,
    ForWhom,
    RequestKind,
    Role,
    Status,
    Urgency,
    WaitingFor,
)
from teleconsult.models.offices import CoordinationOffice
from teleconsult.querysets import AssignmentQuerySet, DocumentQuerySet, RequestQuerySet
from treatments.models import Condition, Protocol, Treatment
from vault.data_classes import DataClass
from vault.fields import KeyedHashField, SealedJSONField, SealedTextField
from vault.keys import DataKey


class Request(models.Model):
    """What a patient asks, from the first saved answer to the end.

    Rows change only through `teleconsult.workflow`; staff read them only through `visible_to(user)`.
    Sealed fields open with the request's own key: without the key nothing of them is left.
    """

    data_class = DataClass.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    reference = models.CharField(_("reference"), max_length=14, unique=True, default=references.make, editable=False)
    kind = models.CharField(_("kind"), max_length=20, choices=RequestKind.choices, default=RequestKind.SECOND_OPINION)
    status = models.CharField(_("status"), max_length=20, choices=Status.choices, default=Status.DRAFT)
    # Where `awaiting_patient` goes back to, and what it waits for.
    returns_to = models.CharField(_("returns to"), max_length=20, choices=Status.choices, blank=True)
    waiting_for = models.CharField(_("waiting for"), max_length=20, choices=WaitingFor.choices, blank=True)
    office = models.ForeignKey(
        CoordinationOffice, verbose_name=_("office"), on_delete=models.PROTECT, related_name="requests"
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("owner"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="owned_requests",
    )
    data_key = models.OneToOneField(DataKey, on_delete=models.PROTECT, related_name="request", editable=False)

    # Who asks. A relation says nothing about a person, so "for whom" may be filtered.
    for_whom = models.CharField(_("for whom"), max_length=10, choices=ForWhom.choices, default=ForWhom.SELF)
    authority_stated_at = models.DateTimeField(_("authority stated"), null=True, blank=True)
    email = SealedTextField(_("e-mail"), key="data_key", data_class=DataClass.IDENTITY, blank=True)
    # Of the normalised address; empty once the request is erased.
    email_key = KeyedHashField("email", _("look-up of the e-mail"), db_index=True, blank=True)
    patient_name = SealedTextField(_("name of the patient"), key="data_key", data_class=DataClass.IDENTITY, blank=True)
    asker_name = SealedTextField(
        _("name of the person who asks"), key="data_key", data_class=DataClass.IDENTITY, blank=True
    )
    relationship = SealedTextField(
        _("relation to the patient"), key="data_key", data_class=DataClass.IDENTITY, blank=True
    )
    # Of a collaboration: for whom the person writes.
    organisation = SealedTextField(_("organisation"), key="data_key", data_class=DataClass.IDENTITY, blank=True)
    country = models.CharField(_("country or region"), max_length=2, blank=True)
    language = models.CharField(_("language"), max_length=10, choices=settings.LANGUAGES, default="en")
    zone = models.CharField(_("time zone"), max_length=64, default="Europe/Rome")

    # What is asked. Slugs, not foreign keys: a column a query can join would tell who has which illness.
    question = SealedTextField(_("question"), key="data_key", blank=True)
    treatment_slug = SealedTextField(_("treatment"), key="data_key", blank=True)
    condition_slug = SealedTextField(_("condition"), key="data_key", blank=True)
    age_years = SealedJSONField(_("age in years"), key="data_key", null=True, blank=True)
    sex = SealedTextField(_("sex"), key="data_key", blank=True)
    # The facility the patient would like; where the case is now stands in `assignments`.
    facility = models.ForeignKey(
        Facility,
        verbose_name=_("wished facility"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="wished_in_requests",
    )
    # The version the request was checked against, frozen.
    protocol = models.ForeignKey(
        Protocol, verbose_name=_("protocol"), null=True, blank=True, on_delete=models.PROTECT, related_name="requests"
    )

    # The request from which a referral made this one.
    referred_from = models.ForeignKey(
        "self",
        verbose_name=_("referred from"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="referrals",
    )

    urgency = models.PositiveSmallIntegerField(_("urgency"), choices=Urgency.choices, default=Urgency.ROUTINE)
    urgency_reason = SealedTextField(_("reason for the urgency"), key="data_key", blank=True)
    # Counts the steps: each action carries the number it saw.
    version = models.PositiveIntegerField(_("version"), default=1)
    created_at = models.DateTimeField(_("begun"), default=timezone.now)
    saved_at = models.DateTimeField(_("last saved"), default=timezone.now)
    submitted_at = models.DateTimeField(_("sent"), null=True, blank=True)
    # The clock: nothing is promised without `due_at`; it stands still from `paused_since` on.
    clock_started_at = models.DateTimeField(_("clock started"), null=True, blank=True)
    # What was promised when it started: working days of this province.
    promised_days = models.PositiveSmallIntegerField(_("promised working days"), null=True, blank=True)
    clock_province = models.CharField(_("province of the clock"), max_length=2, choices=Province.choices, blank=True)
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    paused_since = models.DateTimeField(_("paused since"), null=True, blank=True)
    closed_at = models.DateTimeField(_("ended"), null=True, blank=True)
    erased_at = models.DateTimeField(_("erased"), null=True, blank=True)
    # Of the form that began it and of the form that sent it: pressed twice, one row.
    idempotency_key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    submit_key = models.UUIDField(unique=True, null=True, blank=True, editable=False)

    objects = RequestQuerySet.as_manager()

    class Meta:
        verbose_name = _("request")
        verbose_name_plural = _("requests")
        ordering = ["-urgency", "due_at", "submitted_at"]
        indexes = [
            models.Index(fields=["office", "status", "due_at"], name="request_queue"),
            models.Index(fields=["status", "saved_at"], name="request_forgotten"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=Status.values), name="request_status_known"),
            models.CheckConstraint(condition=Q(reference__regex=references.PATTERN), name="request_reference_shape"),
            models.CheckConstraint(
                condition=Q(
                    status=Status.AWAITING_PATIENT,
                    returns_to__in=RETURNING_STATUSES,
                    waiting_for__in=WaitingFor.values,
                    paused_since__isnull=False,
                )
                | (~Q(status=Status.AWAITING_PATIENT) & Q(returns_to="", waiting_for="", paused_since__isnull=True)),
                name="request_waits_with_a_way_back",
            ),
            models.CheckConstraint(
                condition=Q(status__in=[Status.DRAFT, Status.EXPIRED], submitted_at__isnull=True)
                | Q(status=Status.ERASED)
                | (~Q(status__in=[Status.DRAFT, Status.EXPIRED, Status.ERASED]) & Q(submitted_at__isnull=False)),
                name="request_sent_unless_draft",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=OWNED_STATUSES) | Q(owner__isnull=False), name="request_has_one_owner"
            ),
            models.CheckConstraint(
                condition=Q(status__in=ENDED_STATUSES, closed_at__isnull=False)
                | (~Q(status__in=ENDED_STATUSES) & Q(closed_at__isnull=True)),
                name="request_ended_has_a_time",
            ),
            models.CheckConstraint(
                condition=Q(
                    due_at__isnull=True, clock_started_at__isnull=True, promised_days__isnull=True, clock_province=""
                )
                | Q(
                    due_at__isnull=False,
                    due_at__gt=F("clock_started_at"),
                    clock_started_at__isnull=False,
                    promised_days__gte=1,
                    clock_province__in=Province.values,
                ),
                name="request_clock_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(status__in=[Status.EXPIRED, Status.ERASED], erased_at__isnull=False)
                | ~Q(status__in=[Status.EXPIRED, Status.ERASED]),
                name="request_erased_has_a_time",
            ),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def is_draft(self) -> bool:
        return self.status == Status.DRAFT

    @property
    def is_open(self) -> bool:
        """Return whether staff work on it."""
        return self.status in OPEN_STATUSES

    @property
    def is_ended(self) -> bool:
        return self.status in ENDED_STATUSES

    @property
    def is_erased(self) -> bool:
        """Return whether the sealed fields can never be opened again."""
        return self.erased_at is not None

    @property
    def wants_papers(self) -> bool:
        """Return whether what the checklist misses still matters: once the answer is there, nothing does."""
        return self.is_draft or (self.is_open and self.status != Status.OPINION_READY)

    @property
    def is_for_minor(self) -> bool:
        """Return whether the patient is younger than 18, the age of majority in Italy."""
        return self.age_years is not None and self.age_years < 18

    @property
    def needs_authority(self) -> bool:
        """Return whether someone acts for the patient."""
        return self.for_whom == ForWhom.RELATIVE or self.is_for_minor

    @property
    def patient_role(self) -> Role:
        return Role.RELATIVE if self.for_whom == ForWhom.RELATIVE else Role.PATIENT

    @property
    def stage(self) -> str:
        """Return the status that decides who works on it: while the patient is awaited, the one it returns to."""
        return self.returns_to or self.status

    @property
    def is_with_facility(self) -> bool:
        return self.stage in FACILITY_STATUSES

    @property
    def current_facility(self) -> Facility | None:
        """Return the facility that has the case now, read anew."""
        current = self.assignments.current().select_related("facility").first()
        return current.facility if current else None

    @property
    def papers(self) -> DocumentQuerySet:
        """Return its documents, and those of the first request that a referral shares with it."""
        return apps.get_model("teleconsult", "Document").objects.of(self)

    @property
    def linked(self) -> list["Request"]:
        """Return the request from which a referral made this one, and those made of this one; erased ones left out."""
        rows = Request.objects.filter(Q(referrals=self) | Q(referred_from=self), erased_at__isnull=True)
        return list(rows.select_related("facility").order_by("created_at"))

    @cached_property
    def treatment(self) -> Treatment | None:
        """Return the treatment asked about; lists attach it in one query (`RequestQuerySet.opened`)."""
        return Treatment.objects.filter(slug=self.treatment_slug).first() if self.treatment_slug else None

    @cached_property
    def condition(self) -> Condition | None:
        return Condition.objects.filter(slug=self.condition_slug).first() if self.condition_slug else None

    @cached_property
    def assignment(self) -> "Assignment | None":
        """Return the open assignment to a facility."""
        return self.assignments.current().select_related("facility", "specialist").first()


class Pause(models.Model):
    """A stretch in which the clock stood still; the one that still lasts is `Request.paused_since`."""

    data_class = DataClass.OPERATIONAL

    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="pauses")
    since = models.DateTimeField()
    until = models.DateTimeField()
    waiting_for = models.CharField(max_length=20, choices=WaitingFor.choices)

    class Meta:
        ordering = ["since"]
        constraints = [models.CheckConstraint(condition=Q(until__gte=F("since")), name="pause_period")]

    def __str__(self) -> str:
        return f"{self.since} – {self.until}"


class Event(models.Model):
    """One step of a request; never changed and never removed (trigger in the database)."""

    data_class = DataClass.OPERATIONAL
    is_append_only = True

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="events")
    # 1 for the first step of the request.
    number = models.PositiveIntegerField()
    at = models.DateTimeField(default=timezone.now)
    action = models.CharField(max_length=20, choices=Action.choices)
    from_status = models.CharField(max_length=20, choices=Status.choices, blank=True)
    to_status = models.CharField(max_length=20, choices=Status.choices)
    role = models.CharField(max_length=20, choices=Role.choices)
    # Who of the staff; empty for the patient and for the portal itself.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    facility = models.ForeignKey(Facility, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    # Code of DeclineReason, ReturnReason, CloseReason or WaitingFor, by the action.
    reason = models.CharField(max_length=30, blank=True)
    # What the patient reads about the step.
    note = SealedTextField(key="request.data_key", blank=True)

    class Meta:
        ordering = ["request", "number"]
        constraints = [models.UniqueConstraint(fields=["request", "number"], name="event_number_once")]

    def __str__(self) -> str:
        return f"{self.number}. {self.get_action_display()}"


class Assignment(models.Model):
    """A case at a facility, from forwarding until it ends; access follows it."""

    data_class = DataClass.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="assignments")
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="assignments")
    forwarded_at = models.DateTimeField(default=timezone.now)
    specialist = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="assigned_cases"
    )
    named_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        ordering = ["forwarded_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["request"], condition=Q(ended_at__isnull=True), name="assignment_one_current"
            ),
            models.CheckConstraint(
                condition=Q(specialist__isnull=True, named_at__isnull=True)
                | Q(specialist__isnull=False, named_at__isnull=False),
                name="assignment_specialist_named",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("forwarded_at")), name="assignment_period"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.request}, {self.facility}"


class Alternative(models.Model):
    """A facility proposed to the patient whose request was not accepted."""

    data_class = DataClass.OPERATIONAL

    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="alternatives")
    facility = models.ForeignKey(Facility, on_delete=models.CASCADE, related_name="+")
    position = models.PositiveSmallIntegerField(default=1)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["request", "facility"], name="alternative_once")]

    def __str__(self) -> str:
        return str(self.facility)
