"""When specialists and interpreters can be booked, and which languages they speak."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from teleconsult.enums import ConsultationMode, ExceptionKind
from teleconsult.querysets import InterpreterQuerySet
from vault.data_classes import DataClass

# Times stand on this grid, in minutes, so that slots of different lengths fit beside each other.
GRID_MINUTES = 15
ON_GRID = Q(starts_at__minute__in=range(0, 60, GRID_MINUTES), ends_at__minute__in=range(0, 60, GRID_MINUTES))


class SpecialistProfile(models.Model):
    """What has to be known of a specialist before somebody can be led to her: the languages she speaks."""

    data_class = DataClass.OPERATIONAL

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        verbose_name=_("person"),
        on_delete=models.CASCADE,
        related_name="specialist_profile",
    )
    # In the order in which she likes to speak them.
    languages = ArrayField(models.CharField(max_length=10), verbose_name=_("languages"), default=list)

    class Meta:
        verbose_name = _("specialist")
        verbose_name_plural = _("specialists")

    def __str__(self) -> str:
        return str(self.user)


class Interpreter(models.Model):
    """A person who interprets in consultations, from a day until a day."""

    data_class = DataClass.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, verbose_name=_("person"), on_delete=models.CASCADE, related_name="interpreter"
    )
    zone = models.CharField(_("time zone"), max_length=64, default=settings.PORTAL_TIME_ZONE)
    since = models.DateField(_("from"), default=timezone.localdate)
    until = models.DateField(_("until"), null=True, blank=True)

    objects = InterpreterQuerySet.as_manager()

    class Meta:
        verbose_name = _("interpreter")
        verbose_name_plural = _("interpreters")
        constraints = [
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gte=F("since")), name="interpreter_period"
            )
        ]

    def __str__(self) -> str:
        return str(self.user)

    def spoken_with(self, language: str) -> set[str]:
        """Return the languages into which she interprets from a language; either way is the same pair."""
        pairs = ({pair.first, pair.second} for pair in self.pairs.all())
        return {other for pair in pairs if language in pair for other in pair - {language}}


class LanguagePair(models.Model):
    """Two languages between which an interpreter works, both ways."""

    data_class = DataClass.OPERATIONAL

    interpreter = models.ForeignKey(Interpreter, on_delete=models.CASCADE, related_name="pairs")
    first = models.CharField(_("language"), max_length=10, choices=settings.LANGUAGES)
    second = models.CharField(_("and"), max_length=10, choices=settings.LANGUAGES)

    class Meta:
        verbose_name = _("language pair")
        verbose_name_plural = _("language pairs")
        constraints = [
            models.UniqueConstraint(fields=["interpreter", "first", "second"], name="language_pair_once"),
            models.CheckConstraint(condition=~Q(first=F("second")), name="language_pair_of_two"),
        ]

    def __str__(self) -> str:
        return f"{self.first}–{self.second}"


class AvailabilityRule(models.Model):
    """Hours of a weekday at which a person can be booked, as the clocks of a place show them."""

    data_class = DataClass.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="availability_rules")
    # Monday is 0.
    weekday = models.PositiveSmallIntegerField(_("weekday"), validators=[MaxValueValidator(6)])
    starts_at = models.TimeField(_("from"))
    ends_at = models.TimeField(_("until"))
    zone = models.CharField(_("time zone"), max_length=64, default=settings.PORTAL_TIME_ZONE)
    mode = models.CharField(max_length=10, choices=ConsultationMode.choices, default=ConsultationMode.REMOTE)
    first_day = models.DateField(_("first day"), default=timezone.localdate)
    # The last day on which it holds; empty: until it is ended.
    last_day = models.DateField(_("last day"), null=True, blank=True)

    class Meta:
        ordering = ["weekday", "starts_at"]
        constraints = [
            models.CheckConstraint(condition=Q(weekday__lte=6), name="availability_weekday"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")) & ON_GRID, name="availability_hours"),
            models.CheckConstraint(
                condition=Q(last_day__isnull=True) | Q(last_day__gte=F("first_day")), name="availability_days"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.weekday}: {self.starts_at:%H:%M}–{self.ends_at:%H:%M} {self.zone}"


class AvailabilityException(models.Model):
    """Days, or hours of days, that differ from the weekly pattern."""

    data_class = DataClass.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="availability_exceptions"
    )
    kind = models.CharField(max_length=10, choices=ExceptionKind.choices)
    first_day = models.DateField(_("first day"))
    last_day = models.DateField(_("last day"))
    # Without hours: the whole days.
    starts_at = models.TimeField(_("from"), null=True, blank=True)
    ends_at = models.TimeField(_("until"), null=True, blank=True)
    zone = models.CharField(_("time zone"), max_length=64, default=settings.PORTAL_TIME_ZONE)

    class Meta:
        ordering = ["first_day", "starts_at"]
        constraints = [
            models.CheckConstraint(condition=Q(last_day__gte=F("first_day")), name="exception_days"),
            models.CheckConstraint(
                condition=Q(kind=ExceptionKind.OFF, starts_at__isnull=True, ends_at__isnull=True)
                | (Q(ends_at__gt=F("starts_at")) & ON_GRID),
                name="exception_hours",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.first_day} – {self.last_day}"


class VisitingDay(models.Model):
    """A day a specialist spends at a place abroad: on it her hours there hold, and those of the week do not."""

    data_class = DataClass.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="visiting_days")
    day = models.DateField(_("day"))
    city = models.CharField(_("city"), max_length=80)
    country = models.CharField(_("country or region"), max_length=2)
    zone = models.CharField(_("time zone"), max_length=64)
    starts_at = models.TimeField(_("from"))
    ends_at = models.TimeField(_("until"))
    mode = models.CharField(max_length=10, choices=ConsultationMode.choices, default=ConsultationMode.IN_PERSON)

    class Meta:
        ordering = ["day", "starts_at"]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")) & ON_GRID, name="visiting_day_hours"),
            models.CheckConstraint(condition=~Q(city=""), name="visiting_day_has_a_place"),
        ]

    def __str__(self) -> str:
        return f"{self.day}: {self.city}"
