"""Words to ask for networks."""

from typing import Self

from django.db import models

from publishing.enums import FactState
from taxonomy.querysets import TranslatedQuerySet


class NetworkQuerySet(TranslatedQuerySet):
    """A list of networks."""

    def published(self) -> Self:
        return self.filter(is_published=True)


class NetworkRoleQuerySet(models.QuerySet):
    """A list of roles in networks."""

    def published(self) -> Self:
        """Keep what a source names: a fit by theme is no membership."""
        return self.filter(state=FactState.VERIFIED, facility__is_published=True, network__is_published=True)
