"""Words to ask for requests and what belongs to them. Only C1 columns filter and sort."""

import datetime
from typing import TYPE_CHECKING, Self, cast

from django.apps import apps
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from facilities.enums import StaffRole
from facilities.models import Membership
from teleconsult.enums import (
    ENDED_STATUSES,
    OPEN_STATUSES,
    TAKEN_STATUSES,
    BookingStatus,
    ConsentDecision,
    ConsentPurpose,
    Status,
)
from treatments.models import Condition, Treatment
from vault.previews import Look

if TYPE_CHECKING:
    from facilities.models import Facility
    from teleconsult.models import Request

Person = AbstractBaseUser | AnonymousUser

# A draft belongs to the patient alone; of what is erased nothing is left to see.
HIDDEN_FROM_STAFF = (Status.DRAFT, Status.EXPIRED, Status.ERASED)
# A page of the desk opens at most so many sealed rows.
OPENED_AT_ONCE = 200
SESSION_IDLE = datetime.timedelta(minutes=20)
SESSION_LONGEST = datetime.timedelta(hours=2)


class OfficeMemberQuerySet(models.QuerySet):
    """A list of coordinators."""

    def current(self, on: datetime.date | None = None) -> Self:
        """Keep those who hold the role on a day, today by default; it is over on the day it ends."""
        day = on or timezone.localdate()
        return self.filter(Q(until__isnull=True) | Q(until__gt=day), since__lte=day, user__is_active=True)


class RequestQuerySet(models.QuerySet):
    """A list of requests; whatever staff read begins with `visible_to`."""

    def visible_to(self, user: Person) -> Self:
        """Keep what a person may know of: the one rule for views, lists, exports and downloads.

        Coordinators see the requests of their office, a facility's office those forwarded to it and not taken
        away again, a specialist hers, a coordinator of another office what a second one confirmed for her in an
        emergency. Nobody else sees any, administrators included.
        """
        if not user.is_authenticated or not user.is_active:
            return self.none()
        return self.exclude(status__in=HIDDEN_FROM_STAFF).filter(
            Exists(self._offices_of(user))
            | Exists(self._facilities_of(user))
            | Exists(self._cases_of(user))
            | Exists(self._emergencies_of(user))
        )

    def open(self) -> Self:
        """Keep those staff work on."""
        return self.filter(status__in=OPEN_STATUSES)

    def ended(self) -> Self:
        return self.filter(status__in=ENDED_STATUSES)

    def drafts(self) -> Self:
        return self.filter(status=Status.DRAFT)

    def with_status(self, *statuses: str) -> Self:
        return self.filter(status__in=statuses)

    def owned_by(self, user: Person) -> Self:
        return self.filter(owner_id=user.pk)

    def new(self) -> Self:
        """Keep those nobody has taken yet."""
        return self.filter(status=Status.SUBMITTED)

    def awaiting_patient(self) -> Self:
        return self.filter(status=Status.AWAITING_PATIENT)

    def waiting_for_facility(self) -> Self:
        """Keep those on which a facility is to act: it has the case, or a question about its opinion waits."""
        questions = apps.get_model("teleconsult", "FollowUpQuestion").objects.filter(answered_at__isnull=True)
        is_asked = Q(status=Status.OPINION_READY) & Exists(questions.filter(opinion__request=OuterRef("pk")))
        return self.filter(Q(status__in=[Status.WITH_FACILITY, Status.WITH_SPECIALIST]) | is_asked)

    def due_on(self, day: datetime.date, zone: datetime.tzinfo) -> Self:
        """Keep those due on a day of that zone whose clock runs."""
        start = datetime.datetime.combine(day, datetime.time.min, tzinfo=zone)
        end = datetime.datetime.combine(day + datetime.timedelta(days=1), datetime.time.min, tzinfo=zone)
        return self.open().filter(due_at__gte=start, due_at__lt=end, paused_since__isnull=True)

    def late(self, now: datetime.datetime | None = None) -> Self:
        """Keep those whose time is over while the clock runs."""
        return self.open().filter(due_at__lt=now or timezone.now(), paused_since__isnull=True)

    def in_queue_order(self) -> Self:
        """Sort urgent first, then by the day that is due, then by arrival."""
        return self.order_by("-urgency", F("due_at").asc(nulls_last=True), "submitted_at", "pk")

    def at_facility(self, facility: "Facility") -> Self:
        """Keep those that are at a facility now."""
        return self.filter(assignments__facility=facility, assignments__ended_at__isnull=True)

    def forgotten_since(self, moment: datetime.datetime) -> Self:
        """Keep drafts in which nothing was saved since."""
        return self.drafts().filter(saved_at__lte=moment)

    def waiting_since(self, moment: datetime.datetime) -> Self:
        """Keep those that have waited for the patient since a moment or longer."""
        return self.awaiting_patient().filter(paused_since__lte=moment)

    def ended_before(self, moment: datetime.datetime) -> Self:
        """Keep those that ended before a moment and still hold something."""
        return self.ended().filter(closed_at__lte=moment, erased_at__isnull=True)

    def answered_before(self, moment: datetime.datetime) -> Self:
        """Keep the ended ones whose opinion was delivered before a moment, or that ended before it without one."""
        delivered = apps.get_model("teleconsult", "Event").objects.filter(
            request=OuterRef("pk"), to_status=Status.OPINION_READY, at__lte=moment
        )
        return self.ended().filter(Q(closed_at__lte=moment) | Exists(delivered), erased_at__isnull=True)

    def with_documents(self) -> Self:
        return self.filter(documents__isnull=False).distinct()

    def opened(self, limit: int = OPENED_AT_ONCE) -> list["Request"]:
        """Return at most `limit` rows with `treatment` and `condition` attached, in two more queries."""
        rows = cast("list[Request]", list(self.select_related("data_key", "protocol")[:limit]))
        for row in rows:
            # Opened here, the keys are at hand: else each row would fetch its own.
            row.data_key.open()
        treatments = Treatment.objects.in_bulk({row.treatment_slug for row in rows} - {""}, field_name="slug")
        conditions = Condition.objects.in_bulk({row.condition_slug for row in rows} - {""}, field_name="slug")
        for row in rows:
            row.treatment = treatments.get(row.treatment_slug)
            row.condition = conditions.get(row.condition_slug)
        return rows

    def _offices_of(self, user: Person) -> models.QuerySet:
        member = apps.get_model("teleconsult", "OfficeMember")
        return member.objects.current().filter(user_id=user.pk, office=OuterRef("office"))

    def _emergencies_of(self, user: Person) -> models.QuerySet:
        member = apps.get_model("teleconsult", "OfficeMember")
        coordinates = member.objects.current().filter(user_id=user.pk)
        access = apps.get_model("teleconsult", "EmergencyAccess")
        return access.objects.live().filter(Exists(coordinates), asked_by_id=user.pk, request=OuterRef("pk"))

    def _assignments(self) -> models.QuerySet:
        assignment = apps.get_model("teleconsult", "Assignment")
        return assignment.objects.current().filter(request=OuterRef("pk"))

    def _facilities_of(self, user: Person) -> models.QuerySet:
        roles = Membership.objects.current().filter(
            user_id=user.pk, role=StaffRole.FACILITY_OFFICE, facility=OuterRef("facility")
        )
        return self._assignments().filter(Exists(roles))

    def _cases_of(self, user: Person) -> models.QuerySet:
        roles = Membership.objects.current().filter(
            user_id=user.pk, role=StaffRole.SPECIALIST, facility=OuterRef("facility")
        )
        return self._assignments().filter(Exists(roles), specialist_id=user.pk)


class AssignmentQuerySet(models.QuerySet):
    """A list of cases at facilities."""

    def current(self) -> Self:
        """Keep those that have not ended."""
        return self.filter(ended_at__isnull=True)


class DocumentQuerySet(models.QuerySet):
    """A list of documents."""

    def visible_to(self, user: Person) -> Self:
        """Keep the documents of the requests a person may know of."""
        requests = apps.get_model("teleconsult", "Request").objects.visible_to(user)
        shared = apps.get_model("teleconsult", "SharedDocument").objects.filter(request__in=requests)
        return self.filter(Q(request__in=requests) | Q(pk__in=shared.values("document")))

    def with_file(self) -> Self:
        return self.select_related("file", "request")

    def with_looks(self) -> Self:
        """Return them with what is known of their pictures, in at most three more queries."""
        return self.with_file().prefetch_related(models.Prefetch("file__look", queryset=Look.objects.for_files()))

    def of(self, request: "Request") -> Self:
        """Keep those of a request, and those of the first one that a referral shares with it."""
        return self.filter(Q(request=request) | Q(shares__request=request))


class DocumentUploadQuerySet(models.QuerySet):
    """A list of files that are arriving."""

    def on_the_way(self) -> Self:
        """Return them with all that a page shows, oldest first."""
        return self.select_related("incoming", "request").order_by("incoming__created_at")

    def unfinished(self) -> Self:
        """Keep those of which something is missing."""
        return self.filter(incoming__received__lt=F("incoming__size"))


class OpinionQuerySet(models.QuerySet):
    """A list of opinions."""

    def visible_to(self, user: Person) -> Self:
        """Keep those a person may know of: those of the cases she sees, and what she signed herself of a closed one.

        Who signed an opinion can add to it after the case is closed, as long as she works there and the patient has
        not taken the consent back; of the case itself she sees nothing any more.
        """
        requests = apps.get_model("teleconsult", "Request").objects.visible_to(user)
        if not user.is_authenticated or not user.is_active:
            return self.none()
        # The row of an assignment that has ended opens nothing: a facility reads what its own specialist wrote.
        offices = apps.get_model("teleconsult", "OfficeMember").objects.current()
        is_office = Exists(offices.filter(user_id=user.pk, office=OuterRef("request__office")))
        return self.filter(
            Q(request__in=requests) & (Q(is_office) | Q(assignment__ended_at__isnull=True))
            | Q(pk__in=self.model.objects.own_of_closed(user).values("pk"))
        )

    def with_open_questions(self) -> Self:
        """Keep those about which a question of the patient waits for its answer."""
        return self.filter(follow_up_questions__isnull=False, follow_up_questions__answered_at__isnull=True)

    def own_of_closed(self, user: Person) -> Self:
        """Keep what a person signed herself of cases that are closed."""
        works_there = Membership.objects.current().filter(
            user_id=user.pk, role=StaffRole.SPECIALIST, facility=OuterRef("facility")
        )
        agreed = apps.get_model("teleconsult", "Consent").objects.live()
        agreed = agreed.filter(
            request=OuterRef("request"), purpose=ConsentPurpose.FACILITY, facility=OuterRef("facility")
        )
        return self.filter(Exists(works_there), Exists(agreed), signed_by_id=user.pk, request__status=Status.CLOSED)

    def signed(self) -> Self:
        """Keep those that were delivered."""
        return self.filter(signed_at__isnull=False)

    def drafts(self) -> Self:
        return self.filter(signed_at__isnull=True)

    def over_at(self, moment: datetime.datetime) -> Self:
        """Keep those whose case closes by itself at a moment, unless a question waits for its answer."""
        return self.signed().filter(
            closes_at__lte=moment, assignment__ended_at__isnull=True, request__status=Status.OPINION_READY
        )


class ConsentQuerySet(models.QuerySet):
    """A list of decisions, oldest first."""

    def live(self) -> Self:
        """Keep the grants that no later row revokes."""
        later = self.model.objects.filter(
            Q(facility=OuterRef("facility")) | Q(facility__isnull=True, purpose=ConsentPurpose.COORDINATION),
            request=OuterRef("request"),
            purpose=OuterRef("purpose"),
            number__gt=OuterRef("number"),
        )
        return self.filter(~Exists(later), decision=ConsentDecision.GRANT)

    def for_facility(self, facility: "Facility") -> Self:
        return self.filter(purpose=ConsentPurpose.FACILITY, facility=facility)

    def for_coordination(self) -> Self:
        return self.filter(purpose=ConsentPurpose.COORDINATION)


class ReceiptQuerySet(models.QuerySet):
    """A list of receipts."""

    def live(self) -> Self:
        """Keep those that open something."""
        return self.filter(ended_at__isnull=True)

    def waiting(self) -> Self:
        """Keep those that open the status only, until the office knows who asked for them."""
        return self.live().filter(confirmed_at__isnull=True)


class PatientSessionQuerySet(models.QuerySet):
    """A list of patients' sessions."""

    def over_before(self, moment: datetime.datetime) -> Self:
        """Keep those that were over before a moment, whichever way they ended."""
        return self.filter(Q(ended_at__lt=moment) | Q(started_at__lt=moment - SESSION_LONGEST))

    def alive(self, now: datetime.datetime | None = None) -> Self:
        """Keep those neither ended, nor idle for 20 minutes, nor older than two hours."""
        moment = now or timezone.now()
        return self.filter(
            ended_at__isnull=True,
            seen_at__gt=moment - SESSION_IDLE,
            started_at__gt=moment - SESSION_LONGEST,
        )


class InterpreterQuerySet(models.QuerySet):
    """A list of interpreters."""

    def current(self, on: datetime.date | None = None) -> Self:
        """Keep those who hold the role on a day, today by default."""
        day = on or timezone.localdate()
        return self.filter(Q(until__isnull=True) | Q(until__gt=day), since__lte=day, user__is_active=True)

    def speaking(self, language: str) -> Self:
        """Keep those who interpret from or into a language, with all their pairs at hand."""
        pairs = apps.get_model("teleconsult", "LanguagePair").objects.filter(
            Q(first=language) | Q(second=language), interpreter=OuterRef("pk")
        )
        return self.filter(Exists(pairs)).prefetch_related("pairs")


class BookingQuerySet(models.QuerySet):
    """A list of consultations; whatever staff read begins with `visible_to`."""

    def visible_to(self, user: Person) -> Self:
        """Keep what a person may know of.

        Coordinators know those of their office, in an emergency those of the case they opened; people of a facility
        those agreed with that facility, of cases it has; an interpreter her own, once they are confirmed.
        """
        if not user.is_authenticated or not user.is_active:
            return self.none()
        requests = apps.get_model("teleconsult", "Request").objects.visible_to(user)
        offices = apps.get_model("teleconsult", "OfficeMember").objects.current()
        emergencies = apps.get_model("teleconsult", "EmergencyAccess").objects.live()
        assignments = apps.get_model("teleconsult", "Assignment").objects.current()
        is_office = Exists(offices.filter(user_id=user.pk, office=OuterRef("request__office")))
        is_emergency = Exists(emergencies.filter(asked_by_id=user.pk, request=OuterRef("request")))
        is_here = Exists(assignments.filter(request=OuterRef("request"), facility=OuterRef("facility")))
        interpreters = apps.get_model("teleconsult", "Interpreter").objects.current().filter(user_id=user.pk)
        hers = Q(interpreter__in=interpreters) & ~Q(status__in=[BookingStatus.HELD, BookingStatus.RELEASED])
        return self.filter(Q(request__in=requests) & (Q(is_office) | Q(is_emergency) | Q(is_here)) | hers)

    def taken(self, now: datetime.datetime | None = None) -> Self:
        """Keep those that take their time away from others: confirmed, or held and the ten minutes not over."""
        moment = now or timezone.now()
        held = Q(status=BookingStatus.HELD, hold_until__gt=moment)
        return self.filter(Q(status=BookingStatus.CONFIRMED) | held)

    def unended(self) -> Self:
        """Keep those that are held or confirmed, also past ones that nobody recorded."""
        return self.filter(status__in=TAKEN_STATUSES)

    def confirmed(self) -> Self:
        return self.filter(status=BookingStatus.CONFIRMED)

    def to_come(self, now: datetime.datetime | None = None) -> Self:
        """Keep the confirmed ones that are not over."""
        return self.confirmed().filter(period__endswith__gt=now or timezone.now())

    def with_forgotten_hold(self, now: datetime.datetime | None = None) -> Self:
        """Keep holds whose ten minutes are over."""
        return self.filter(status=BookingStatus.HELD, hold_until__lte=now or timezone.now())

    def between(self, start: datetime.datetime, end: datetime.datetime) -> Self:
        """Keep those that overlap a stretch of time."""
        return self.filter(period__overlap=(start, end))

    def with_people(self) -> Self:
        return self.select_related("request", "specialist", "interpreter__user", "facility")


class WaitingQuerySet(models.QuerySet):
    """A list of patients who wait for a time."""

    def waiting(self) -> Self:
        """Keep those not told yet, the first come first."""
        return self.filter(told_at__isnull=True, left_at__isnull=True).order_by("joined_at", "pk")
