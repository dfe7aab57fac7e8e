"""How long reports of readers are kept."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.conf import settings

from publishing.models import ErrorReport
from vault.retention import Due, Rule


class OldReports(Rule):
    """Reports of errors that were decided."""

    @property
    def says(self) -> str:
        return f"Error reports: {settings.ERROR_REPORT_DAYS} days after they were decided"

    def due(self, now: datetime) -> Iterator[Due]:
        before = now - timedelta(days=settings.ERROR_REPORT_DAYS)
        for pk in ErrorReport.objects.filter(decided_at__lt=before).values_list("pk", flat=True).iterator():
            yield Due(pk, f"report {pk}")

    def remove(self, batch: Sequence[Due], now: datetime) -> None:
        ErrorReport.objects.filter(pk__in=[due.id for due in batch]).delete()

    def left(self, batch: Sequence[Due], now: datetime) -> Iterator[str]:
        for pk in ErrorReport.objects.filter(pk__in=[due.id for due in batch]).values_list("pk", flat=True):
            yield f"Error report {pk} is still there."
