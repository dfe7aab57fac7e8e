"""The hospitals and centres, what certifies them, how they rank, who works on their listing."""

import datetime
from typing import Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from facilities.enums import CAPITALS, FacilityKind, Ownership, Province, RankingCategory, StaffRole
from facilities.querysets import AccreditationQuerySet, FacilityQuerySet, MembershipQuerySet, RankingQuerySet
from publishing.models import Provenance
from taxonomy.models import Specialty
from vault.data_classes import DataClass


class Facility(models.Model):
    """A healthcare facility of Lombardy, accredited by the regional health service.

    The official name stays Italian; `usual_name` is what readers of a language call it. Coordinates are
    WGS84 degrees as geocoded by the region. Facts that need a source of their own are in `facts`.
    """

    data_class = DataClass.PUBLIC

    slug = models.SlugField(_("slug"), max_length=120, unique=True, editable=False)
    official_name = models.CharField(_("official name"), max_length=300)
    short_name = models.CharField(_("short name"), max_length=120)
    usual_name = models.CharField(_("usual name"), max_length=200, blank=True)
    summary = models.TextField(_("in short"), blank=True, max_length=2000)
    sort_key = models.CharField(max_length=300, blank=True, editable=False)
    kind = models.CharField(_("kind"), max_length=30, choices=FacilityKind.choices)
    ownership = models.CharField(_("ownership"), max_length=20, choices=Ownership.choices)
    group = models.CharField(_("group"), max_length=120, blank=True)
    irccs_discipline = models.CharField(_("recognised discipline"), max_length=300, blank=True)
    address = models.CharField(_("address"), max_length=200)
    postal_code = models.CharField(_("postal code"), max_length=5)
    city = models.CharField(_("town"), max_length=80)
    province = models.CharField(_("province"), max_length=2, choices=Province.choices)
    latitude = models.FloatField(_("latitude"), validators=[MinValueValidator(44.6), MaxValueValidator(46.7)])
    longitude = models.FloatField(_("longitude"), validators=[MinValueValidator(8.4), MaxValueValidator(11.5)])
    regional_code = models.CharField(_("regional code"), max_length=20, blank=True)
    website = models.URLField(_("website"), blank=True)
    is_website_verified = models.BooleanField(_("website opened and checked"), default=False)
    international_url = models.URLField(_("page for patients from abroad"), blank=True)
    has_inpatient_care = models.BooleanField(_("has beds for inpatients"), default=True)
    specialties = models.ManyToManyField(
        Specialty, verbose_name=_("specialties"), related_name="facilities", blank=True
    )
    is_published = models.BooleanField(_("published"), default=True, db_index=True)
    is_demo = models.BooleanField(_("invented, for the demo"), default=False, editable=False)
    verified_on = models.DateField(_("last verified on"), null=True, blank=True)
    # Pages on which the listing as a whole rests; single facts name their own.
    sources = ArrayField(models.CharField(max_length=600), verbose_name=_("sources"), default=list, blank=True)
    note = models.TextField(_("note for editors"), blank=True, max_length=4000)

    objects = FacilityQuerySet.as_manager()

    class Meta:
        verbose_name = _("facility")
        verbose_name_plural = _("facilities")
        ordering = ["short_name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(latitude__range=(44.6, 46.7)) & Q(longitude__range=(8.4, 11.5)),
                name="facility_in_lombardy",
            )
        ]

    def __str__(self) -> str:
        return self.short_name

    @property
    def is_irccs(self) -> bool:
        return self.kind == FacilityKind.RESEARCH_HOSPITAL_IRCCS

    @property
    def place(self) -> str:
        """Return town and province in the reader's language; a town that gives its province the name is said once."""
        province = str(Province(self.province).label)
        return province if CAPITALS.get(self.province) == self.city else f"{self.city} ({province})"

    def get_absolute_url(self) -> str:
        return reverse("facilities:facility_detail", args=[self.slug])


class FacilityFact(Provenance):
    """One sourced fact about a facility; no row where it is not known."""

    data_class = DataClass.PUBLIC

    class Name(models.TextChoices):
        FOUNDED = "founded", _("Founded")
        IRCCS_SINCE = "irccs_since", _("Recognised as research hospital since")
        BEDS = "beds", _("Beds")
        UNIVERSITY = "university_affiliation", _("University")
        MEMBER = "health_lombardy_member", _("Takes part in Health Lombardy")
        DISCIPLINE = "irccs_discipline", _("Recognised discipline")
        COORDINATES = "coordinates", _("Place on the map")

    facility = models.ForeignKey(Facility, on_delete=models.CASCADE, related_name="facts")
    name = models.CharField(_("fact"), max_length=30, choices=Name.choices)
    # As the source gives it: a year, a number, a name; texts that are translated stand on the facility.
    value = models.CharField(_("value"), max_length=300)
    year = models.PositiveSmallIntegerField(_("year"), null=True, blank=True)
    note = models.CharField(_("note for editors"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("fact")
        verbose_name_plural = _("facts")
        constraints = [models.UniqueConstraint(fields=["facility", "name"], name="facility_fact_once")]

    def __str__(self) -> str:
        return f"{self.get_name_display()}: {self.value}"


class Accreditation(Provenance):
    """A certificate of a quality body. Only one whose end date is entered and not past is a badge."""

    data_class = DataClass.PUBLIC

    facility = models.ForeignKey(Facility, on_delete=models.CASCADE, related_name="accreditations")
    body = models.CharField(_("body"), max_length=60)
    level = models.CharField(_("level"), max_length=200)
    certificate = models.CharField(_("certificate number"), max_length=80, blank=True)
    register_url = models.URLField(_("entry in the body's register"), blank=True)
    last_known_year = models.PositiveSmallIntegerField(_("last renewal known to us"), null=True, blank=True)
    valid_from = models.DateField(_("valid from"), null=True, blank=True)
    valid_until = models.DateField(_("valid until"), null=True, blank=True)
    note = models.CharField(_("note for editors"), max_length=300, blank=True)

    objects = AccreditationQuerySet.as_manager()

    class Meta:
        verbose_name = _("accreditation")
        verbose_name_plural = _("accreditations")
        ordering = ["body", "level"]
        constraints = [
            models.UniqueConstraint(fields=["facility", "body", "level"], name="accreditation_once"),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_from__isnull=True) | Q(valid_until__gt=F("valid_from")),
                name="accreditation_period",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.body}, {self.level}"

    def validity(self, on: datetime.date | None = None) -> str:
        """Return `lapsed`, `expires_soon` or `in_date` on a day, today by default; `history` without a proved end."""
        if self.valid_until is None or not self.is_confirmed:
            return "history"
        if not self.is_in_date(on):
            return "lapsed"
        return "expires_soon" if self.expires_soon(on) else "in_date"

    def is_in_date(self, on: datetime.date | None = None) -> bool:
        """Return whether the certificate is valid on a day, today by default."""
        return self.valid_until is not None and self.valid_until >= (on or timezone.localdate())

    def expires_soon(self, on: datetime.date | None = None) -> bool:
        """Return whether it ends within 90 days."""
        day = on or timezone.localdate()
        return self.valid_until is not None and day <= self.valid_until <= day + datetime.timedelta(days=90)


class Ranking(Provenance):
    """A place in a published list, with its year.

    A rank may be a range (`world_rank` to `world_rank_to`): two pages disagree, or only an upper bound is given.
    """

    data_class = DataClass.PUBLIC

    facility = models.ForeignKey(Facility, on_delete=models.CASCADE, related_name="rankings")
    publisher = models.CharField(_("publisher"), max_length=120)
    ranking = models.CharField(_("ranking"), max_length=120)
    edition = models.PositiveSmallIntegerField(_("edition"))
    category = models.CharField(_("category"), max_length=40, choices=RankingCategory.choices)
    world_rank = models.PositiveSmallIntegerField(_("place in the world"), null=True, blank=True)
    world_rank_to = models.PositiveSmallIntegerField(_("place in the world, up to"), null=True, blank=True)
    italian_rank = models.PositiveSmallIntegerField(_("place in Italy"), null=True, blank=True)
    note = models.CharField(_("note for editors"), max_length=300, blank=True)

    objects = RankingQuerySet.as_manager()

    class Meta:
        verbose_name = _("ranking")
        verbose_name_plural = _("rankings")
        ordering = ["-edition", "category"]
        constraints = [
            models.UniqueConstraint(
                fields=["facility", "publisher", "ranking", "edition", "category"], name="ranking_once"
            ),
            models.CheckConstraint(
                condition=Q(world_rank__isnull=False) | Q(world_rank_to__isnull=False) | Q(italian_rank__isnull=False),
                name="ranking_has_a_place",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ranking} {self.edition}, {self.get_category_display()}"

    @property
    def place(self) -> str:
        """Return the place in the world as published: `9`, or `68–78` where it is a range; empty if not given."""
        first, last = self.world_rank, self.world_rank_to
        if first is None and last is None:
            return ""
        if last is None:
            return str(first)
        return f"{first or 1}–{last}"


class Membership(models.Model):
    """A person's role at a facility, from a day until a day."""

    data_class = DataClass.OPERATIONAL

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("person"), on_delete=models.CASCADE, related_name="memberships"
    )
    facility = models.ForeignKey(
        Facility, verbose_name=_("facility"), on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(_("role"), max_length=20, choices=StaffRole.choices)
    since = models.DateField(_("from"), default=timezone.localdate)
    until = models.DateField(_("until"), null=True, blank=True)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        verbose_name = _("staff role")
        verbose_name_plural = _("staff roles")
        constraints = [
            models.UniqueConstraint(fields=["user", "facility", "role", "since"], name="membership_once"),
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gte=F("since")), name="membership_period"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()}, {self.facility}"

    def end(self) -> Self:
        """End the role at once: the day it ends is the first without it. The caller ends the person's sessions."""
        self.until = timezone.localdate()
        self.save(update_fields=["until"])
        return self
