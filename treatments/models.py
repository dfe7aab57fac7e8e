"""Conditions, treatments, who offers them, and the rules for a second opinion."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from facilities.models import Facility
from publishing.models import Provenance
from taxonomy.models import BodyDistrict, Entry, Specialty
from treatments.enums import ClockStart, DocumentKind, TreatmentKind
from treatments.querysets import ConditionQuerySet, OfferQuerySet, ProtocolQuerySet, TreatmentQuerySet
from vault.data_classes import DataClass


class Condition(Entry):
    """An illness or problem that patients search for; `icd10` holds WHO ICD-10 (2019) codes."""

    summary = models.TextField(_("in plain words"), blank=True, max_length=2000)
    specialty = models.ForeignKey(
        Specialty, verbose_name=_("specialty"), on_delete=models.PROTECT, related_name="conditions"
    )
    body_districts = models.ManyToManyField(
        BodyDistrict, verbose_name=_("body districts"), related_name="conditions", blank=True
    )
    icd10 = ArrayField(models.CharField(max_length=8), verbose_name=_("ICD-10 codes"), default=list, blank=True)
    is_published = models.BooleanField(_("published"), default=True, db_index=True)

    objects = ConditionQuerySet.as_manager()

    class Meta:
        verbose_name = _("condition")
        verbose_name_plural = _("conditions")
        ordering = ["slug"]

    def get_absolute_url(self) -> str:
        return reverse("treatments:condition_detail", args=[self.slug])


class Treatment(Entry):
    """A treatment, test or check-up; `icd9cm` holds ICD-9-CM procedure codes (volume 3).

    Links to conditions help to navigate; they are no clinical indication.
    """

    summary = models.TextField(_("in plain words"), blank=True, max_length=2000)
    kind = models.CharField(_("kind"), max_length=20, choices=TreatmentKind.choices)
    specialty = models.ForeignKey(
        Specialty, verbose_name=_("specialty"), on_delete=models.PROTECT, related_name="treatments"
    )
    body_districts = models.ManyToManyField(
        BodyDistrict, verbose_name=_("body districts"), related_name="treatments", blank=True
    )
    conditions = models.ManyToManyField(Condition, verbose_name=_("conditions"), related_name="treatments", blank=True)
    icd9cm = ArrayField(models.CharField(max_length=8), verbose_name=_("ICD-9-CM codes"), default=list, blank=True)
    # Those of `icd9cm` that are newer than the 2007 edition, with which Italy codes discharges.
    icd9cm_newer = ArrayField(
        models.CharField(max_length=8), verbose_name=_("codes newer than the edition of 2007"), default=list, blank=True
    )
    is_published = models.BooleanField(_("published"), default=True, db_index=True)

    objects = TreatmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("treatment")
        verbose_name_plural = _("treatments")
        ordering = ["slug"]

    def get_absolute_url(self) -> str:
        return reverse("treatments:treatment_detail", args=[self.slug])


class Offer(Provenance):
    """A treatment at a facility; `state` says whether the hospital has confirmed it."""

    data_class = DataClass.PUBLIC

    facility = models.ForeignKey(Facility, verbose_name=_("facility"), on_delete=models.CASCADE, related_name="offers")
    treatment = models.ForeignKey(
        Treatment, verbose_name=_("treatment"), on_delete=models.CASCADE, related_name="offers"
    )
    note = models.CharField(_("note for editors"), max_length=300, blank=True)

    objects = OfferQuerySet.as_manager()

    class Meta:
        verbose_name = _("offer")
        verbose_name_plural = _("offers")
        ordering = ["facility", "treatment"]
        constraints = [models.UniqueConstraint(fields=["facility", "treatment"], name="offer_once")]
        # Who offers a treatment, and how sure that is, without opening the rows.
        indexes = [models.Index(fields=["treatment", "state", "facility"], name="offer_of_treatment")]

    def __str__(self) -> str:
        return f"{self.treatment}, {self.facility}"


class Protocol(Provenance):
    """The rules by which a facility gives a second opinion, for all its treatments or for some.

    `promised_working_days` are working days of the facility's province. Fees are in euro, 0 is free of charge; no
    amount and not "on request" means that nobody knows. A version that a request was checked against is never edited:
    a new one replaces it (treatments.versions).
    """

    data_class = DataClass.PUBLIC

    slug = models.SlugField(_("slug"), max_length=120, editable=False)
    version = models.PositiveSmallIntegerField(_("version"), default=1, editable=False)
    facility = models.ForeignKey(
        Facility, verbose_name=_("facility"), on_delete=models.CASCADE, related_name="protocols"
    )
    treatments = models.ManyToManyField(Treatment, verbose_name=_("treatments"), related_name="protocols", blank=True)
    name = models.CharField(_("name"), max_length=200, blank=True)
    for_whom = models.TextField(_("for whom"), blank=True, max_length=500)
    exclusions = models.TextField(_("when not, one a line"), blank=True, max_length=2000)
    translation_rule = models.TextField(_("translation"), blank=True, max_length=500)
    document_languages = ArrayField(
        models.CharField(max_length=10), verbose_name=_("languages of documents"), default=list
    )
    minimum_age = models.PositiveSmallIntegerField(_("minimum age, years"), null=True, blank=True)
    maximum_age = models.PositiveSmallIntegerField(_("maximum age, years"), null=True, blank=True)
    fee = models.DecimalField(_("fee in euro"), max_digits=8, decimal_places=2, null=True, blank=True)
    is_fee_on_request = models.BooleanField(_("the hospital tells the fee on request"), default=False)
    fee_note = models.TextField(_("about the fee"), blank=True, max_length=500)
    promised_working_days = models.PositiveSmallIntegerField(_("promised working days"), null=True, blank=True)
    is_promise_approximate = models.BooleanField(_("about so many days"), default=False)
    clock_starts = models.CharField(
        _("the clock starts when"),
        max_length=20,
        choices=ClockStart.choices,
        default=ClockStart.FILE_COMPLETE,
        # Where nothing is promised, nobody knows.
        blank=True,
    )
    restarts_with_documents = models.BooleanField(
        _("the days count anew when further papers asked for have arrived"), default=False
    )
    report_languages = ArrayField(
        models.CharField(max_length=10), verbose_name=_("languages of the report"), default=list, blank=True
    )
    includes_consultation = models.BooleanField(_("includes a live consultation"), null=True, blank=True)
    follow_up_questions = models.PositiveSmallIntegerField(_("follow-up questions"), null=True, blank=True)
    follow_up_days = models.PositiveSmallIntegerField(_("days for follow-up questions"), null=True, blank=True)
    update_months = models.PositiveSmallIntegerField(
        _("the opinion can be updated within, months"), null=True, blank=True
    )
    valid_from = models.DateField(_("valid from"), default=timezone.localdate)
    valid_until = models.DateField(_("valid until"), null=True, blank=True)
    note = models.TextField(_("note for editors"), blank=True, max_length=2000)

    objects = ProtocolQuerySet.as_manager()

    class Meta:
        verbose_name = _("second-opinion protocol")
        verbose_name_plural = _("second-opinion protocols")
        ordering = ["facility", "slug", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["slug", "version"], name="protocol_version_once"),
            # A version that is replaced on its first day has no day left.
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_until__gte=F("valid_from")),
                name="protocol_period",
                violation_error_message=_("The last day of validity is before the first."),
            ),
            models.CheckConstraint(
                condition=Q(fee__isnull=True) | Q(is_fee_on_request=False),
                name="protocol_fee",
                violation_error_message=_("A fee that is known is not told on request."),
            ),
            models.CheckConstraint(
                condition=Q(promised_working_days__isnull=True) | ~Q(clock_starts=""),
                name="protocol_clock",
                violation_error_message=_("A promise says from when its days count."),
            ),
            models.CheckConstraint(
                condition=Q(maximum_age__isnull=True)
                | Q(minimum_age__isnull=True)
                | Q(maximum_age__gte=F("minimum_age")),
                name="protocol_ages",
                violation_error_message=_("The highest age is lower than the lowest."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.slug}, {self.version}"

    @property
    def is_used(self) -> bool:
        """Return whether a request was checked against this version."""
        return self.requests.exists()


class RequiredDocument(models.Model):
    """A paper that a protocol asks for."""

    data_class = DataClass.PUBLIC

    protocol = models.ForeignKey(Protocol, on_delete=models.CASCADE, related_name="required_documents")
    position = models.PositiveSmallIntegerField(_("position"), default=1)
    kind = models.CharField(_("kind"), max_length=20, choices=DocumentKind.choices)
    what = models.CharField(_("what"), max_length=300, blank=True)
    # Empty: always asked for.
    only_when = models.CharField(_("only when"), max_length=200, blank=True)
    maximum_age_days = models.PositiveSmallIntegerField(_("not older than, days"), null=True, blank=True)

    class Meta:
        verbose_name = _("required document")
        verbose_name_plural = _("required documents")
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["protocol", "position"], name="required_document_position_once")]

    def __str__(self) -> str:
        return getattr(self, "what_en", "") or self.get_kind_display()
