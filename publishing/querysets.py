"""Words to ask for changes."""

from typing import Self

from django.contrib.contenttypes.models import ContentType
from django.db import models

from accounts.permissions import is_editor
from publishing.enums import OPEN_STATES, ChangeState, ReportState
from publishing.permissions import Person, facilities_of


class ChangeQuerySet(models.QuerySet):
    """A list of changes."""

    def visible_to(self, user: Person) -> Self:
        """Keep what a person may see: editors all, a facility's editors those about their facility."""
        return self if is_editor(user) else self.filter(facility_id__in=facilities_of(user))

    def open(self) -> Self:
        """Keep those about which nobody has decided."""
        return self.filter(state__in=OPEN_STATES)

    def waiting(self) -> Self:
        """Keep those that wait for an editor."""
        return self.filter(state=ChangeState.SUBMITTED)

    def of(self, edited: models.Model) -> Self:
        """Keep those of one object."""
        return self.filter(content_type=ContentType.objects.get_for_model(edited), object_id=edited.pk)


class ErrorReportQuerySet(models.QuerySet):
    """A list of error reports."""

    def visible_to(self, user: Person) -> Self:
        """Keep what a person may see: editors all, a facility's editors those about their facility."""
        return self if is_editor(user) else self.filter(facility_id__in=facilities_of(user))

    def open(self) -> Self:
        """Keep those about which nobody has decided."""
        return self.filter(state=ReportState.OPEN)
