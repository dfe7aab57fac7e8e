"""Institutions abroad that are contacts of the portal, and agreements with them."""

from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from facilities.models import Facility
from partners.enums import InstitutionKind
from publishing.enums import FactState
from publishing.models import Provenance
from vault.data_classes import DataClass


class InstitutionQuerySet(models.QuerySet):
    """A list of institutions."""

    def published(self) -> Self:
        return self.exclude(state=FactState.UNVERIFIED)

    def in_country(self, code: str) -> Self:
        """Keep those of a country or region, by ISO 3166-1 code in either case."""
        return self.filter(country=code.upper())


class AgreementQuerySet(models.QuerySet):
    """A list of agreements."""

    def published(self) -> Self:
        """Keep those an editor has seen, of facilities that are published."""
        return self.exclude(state=FactState.UNVERIFIED).filter(facility__is_published=True)

    def with_country(self, code: str) -> Self:
        """Keep those with a country or region, by ISO 3166-1 code in capitals."""
        return self.filter(countries__contains=[code])


class Institution(Provenance):
    """An institution listed as a contact in a country or region; no more is said than the facts say."""

    data_class = DataClass.PUBLIC

    slug = models.SlugField(_("slug"), max_length=120, unique=True, editable=False)
    country = models.CharField(_("country or region"), max_length=2)
    name = models.CharField(_("name"), max_length=200)
    # As the source wrote it, for editors.
    name_given = models.CharField(_("name as given"), max_length=200, blank=True)
    correction = models.CharField(_("what was corrected"), max_length=200, blank=True)
    kind = models.CharField(_("kind"), max_length=30, choices=InstitutionKind.choices)
    website = models.URLField(_("website"), blank=True)
    is_website_verified = models.BooleanField(_("website opened and checked"), default=False)
    has_memorandum = models.BooleanField(_("has a memorandum of understanding"), default=False)
    note = models.CharField(_("note for editors"), max_length=300, blank=True)

    objects = InstitutionQuerySet.as_manager()

    class Meta:
        verbose_name = _("institution")
        verbose_name_plural = _("institutions")
        ordering = ["country", "name"]

    def __str__(self) -> str:
        return self.name


class Agreement(Provenance):
    """A cooperation between a facility and an institution abroad."""

    data_class = DataClass.PUBLIC

    slug = models.SlugField(_("slug"), max_length=120, unique=True, editable=False)
    title = models.CharField(_("title"), max_length=200, blank=True)
    summary = models.TextField(_("in short"), blank=True, max_length=2000)
    facility = models.ForeignKey(
        Facility, verbose_name=_("facility"), on_delete=models.PROTECT, related_name="agreements"
    )
    other_party = models.CharField(_("other party"), max_length=200)
    countries = ArrayField(models.CharField(max_length=2), verbose_name=_("countries or regions"), default=list)
    met_on = models.DateField(_("meeting on"), null=True, blank=True)
    framework_signed_on = models.DateField(_("framework between the states signed on"), null=True, blank=True)
    note = models.CharField(_("note for editors"), max_length=300, blank=True)

    objects = AgreementQuerySet.as_manager()

    class Meta:
        verbose_name = _("agreement")
        verbose_name_plural = _("agreements")
        ordering = ["-met_on"]

    def __str__(self) -> str:
        return getattr(self, "title_en", "") or self.slug
