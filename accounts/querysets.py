"""Words to ask for roles, invitations and sessions."""

import datetime
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

# The cookie of a dead session opens nothing; for so long the words of a form that came with it are kept.
LONGEST_BREAK = datetime.timedelta(hours=24)


class AssociationRoleQuerySet(models.QuerySet):
    """A list of roles in the association."""

    def current(self, on: datetime.date | None = None) -> Self:
        """Keep the roles held on a day, today by default; a role is over on the day it ends."""
        day = on or timezone.localdate()
        return self.filter(Q(until__isnull=True) | Q(until__gt=day), since__lte=day)


class InvitationQuerySet(models.QuerySet):
    """A list of invitations."""

    def open(self) -> Self:
        """Keep those that can still be used."""
        return self.filter(accepted_at__isnull=True, withdrawn_at__isnull=True, expires_at__gt=timezone.now())


class SessionQuerySet(models.QuerySet):
    """A list of sessions."""

    def alive(self) -> Self:
        """Keep those neither idle for too long nor too old."""
        now = timezone.now()
        return self.filter(
            used_at__gt=now - datetime.timedelta(seconds=settings.SESSION_IDLE_SECONDS),
            created_at__gt=now - datetime.timedelta(seconds=settings.SESSION_COOKIE_AGE),
        )

    def dead(self) -> Self:
        """Keep the others."""
        return self.exclude(pk__in=self.alive().values("pk"))

    def forgotten(self) -> Self:
        """Keep the dead ones that a sweep removes: what is sent after a long break is still known to be hers."""
        return self.dead().filter(used_at__lt=timezone.now() - LONGEST_BREAK)
