"""The classification: specialties and body districts."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from taxonomy.querysets import TranslatedQuerySet
from vault.data_classes import DataClass


class Entry(models.Model):
    """A named thing of the catalogue with an immutable slug and the words patients use for it."""

    data_class = DataClass.PUBLIC

    slug = models.SlugField(_("slug"), max_length=120, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=200, blank=True)
    synonyms = ArrayField(models.CharField(max_length=200), verbose_name=_("also called"), default=list, blank=True)
    # See taxonomy.collation; written by the loader and when an edit is published.
    sort_key = models.CharField(max_length=300, blank=True, editable=False)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return getattr(self, "name_en", "") or self.slug


class BodyDistrict(Entry):
    """A part of the body that a patient can point at."""

    # Number on the body plate.
    number = models.PositiveSmallIntegerField(_("number"), unique=True)

    objects = TranslatedQuerySet.as_manager()

    class Meta:
        verbose_name = _("body district")
        verbose_name_plural = _("body districts")
        ordering = ["number"]


class Specialty(Entry):
    """A branch of medicine as hospitals organise it."""

    body_districts = models.ManyToManyField(
        BodyDistrict, verbose_name=_("body districts"), related_name="specialties", blank=True
    )

    objects = TranslatedQuerySet.as_manager()

    class Meta:
        verbose_name = _("specialty")
        verbose_name_plural = _("specialties")
        ordering = ["slug"]
