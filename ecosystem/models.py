"""Networks of hospitals, and who has a role in them."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from ecosystem.enums import NetworkKind, Role
from ecosystem.querysets import NetworkQuerySet, NetworkRoleQuerySet
from facilities.models import Facility
from publishing.models import Provenance
from taxonomy.models import Specialty
from vault.data_classes import DataClass


class Network(models.Model):
    """A network of hospitals of Lombardy, or a field of research they share."""

    data_class = DataClass.PUBLIC

    slug = models.SlugField(_("slug"), max_length=120, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=200, blank=True)
    sort_key = models.CharField(max_length=300, blank=True, editable=False)
    kind = models.CharField(_("kind"), max_length=30, choices=NetworkKind.choices)
    specialty = models.ForeignKey(
        Specialty, verbose_name=_("specialty"), on_delete=models.PROTECT, related_name="networks"
    )
    is_published = models.BooleanField(_("published"), default=True, db_index=True)
    note = models.CharField(_("note for editors"), max_length=300, blank=True)

    objects = NetworkQuerySet.as_manager()

    class Meta:
        verbose_name = _("network")
        verbose_name_plural = _("networks")
        ordering = ["slug"]

    def __str__(self) -> str:
        return getattr(self, "name_en", "") or self.slug


class NetworkRole(Provenance):
    """What a facility does in a network, as a source says."""

    data_class = DataClass.PUBLIC

    network = models.ForeignKey(Network, verbose_name=_("network"), on_delete=models.CASCADE, related_name="roles")
    facility = models.ForeignKey(
        Facility, verbose_name=_("facility"), on_delete=models.CASCADE, related_name="network_roles"
    )
    role = models.CharField(_("role"), max_length=20, choices=Role.choices)
    note = models.CharField(_("note for editors"), max_length=300, blank=True)

    objects = NetworkRoleQuerySet.as_manager()

    class Meta:
        verbose_name = _("role in a network")
        verbose_name_plural = _("roles in networks")
        ordering = ["network", "facility"]
        constraints = [models.UniqueConstraint(fields=["network", "facility"], name="network_role_once")]

    def __str__(self) -> str:
        return f"{self.network}, {self.facility}"
