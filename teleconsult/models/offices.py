"""The offices of the association that coordinate requests, and who works there."""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from facilities.enums import Province
from teleconsult.querysets import OfficeMemberQuerySet
from vault.data_classes import DataClass

# A quarter of an hour to two hours, on the grid of the calendar.
CONSULTATION_MINUTES = tuple(range(15, 121, 15))


class CoordinationOffice(models.Model):
    """An office of the association that receives requests; its province decides its working days."""

    data_class = DataClass.OPERATIONAL

    name = models.CharField(_("name"), max_length=120)
    province = models.CharField(_("province"), max_length=2, choices=Province.choices, default=Province.MI)
    zone = models.CharField(_("time zone"), max_length=64, default="Europe/Rome")
    # Our own promise for a first answer; empty: no day is promised.
    first_answer_working_days = models.PositiveSmallIntegerField(
        _("working days to a first answer"), null=True, blank=True, default=2
    )
    # Live consultations, in minutes: with an interpreter everything is said twice.
    consultation_minutes = models.PositiveSmallIntegerField(_("minutes of a consultation"), default=30)
    interpreted_minutes = models.PositiveSmallIntegerField(_("minutes of an interpreted consultation"), default=45)
    is_receiving = models.BooleanField(_("receives new requests"), default=True)

    class Meta:
        verbose_name = _("coordination office")
        verbose_name_plural = _("coordination offices")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    consultation_minutes__in=CONSULTATION_MINUTES, interpreted_minutes__in=CONSULTATION_MINUTES
                ),
                name="office_minutes_on_the_grid",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def receiving(cls) -> Self:
        """Return the office to which a new request goes; raises DoesNotExist when none receives."""
        return cls.objects.filter(is_receiving=True).earliest("pk")


class OfficeMember(models.Model):
    """A coordinator of an office, from a day until a day."""

    data_class = DataClass.OPERATIONAL

    office = models.ForeignKey(
        CoordinationOffice, verbose_name=_("office"), on_delete=models.CASCADE, related_name="members"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("person"), on_delete=models.CASCADE, related_name="office_members"
    )
    since = models.DateField(_("from"), default=timezone.localdate)
    until = models.DateField(_("until"), null=True, blank=True)

    objects = OfficeMemberQuerySet.as_manager()

    class Meta:
        verbose_name = _("coordinator")
        verbose_name_plural = _("coordinators")
        constraints = [
            models.UniqueConstraint(fields=["office", "user", "since"], name="office_member_once"),
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gte=F("since")), name="office_member_period"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}, {self.office}"
