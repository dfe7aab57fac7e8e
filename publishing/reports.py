"""Error reports of readers: kept for those who edit the listing, then decided."""

from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.utils import timezone

from accounts.models import User
from publishing.enums import ReportState
from publishing.exceptions import AlreadyDecided
from publishing.models import ErrorReport


def report_error(*, about: models.Model, facility_id: int | None, kind: str, words: str, language: str) -> ErrorReport:
    """Keep what a reader found wrong; the editors of the facility and of the association see it."""
    return ErrorReport.objects.create(
        content_type=ContentType.objects.get_for_model(about),
        object_id=about.pk,
        facility_id=facility_id,
        title=str(about)[:300],
        kind=kind,
        words=words,
        language=language,
    )


@transaction.atomic
def decide(*, report: ErrorReport, state: str, by: User) -> ErrorReport:
    """Say what became of a report; raises PermissionDenied, AlreadyDecided (somebody was faster)."""
    locked = ErrorReport.objects.visible_to(by).select_for_update().filter(pk=report.pk).first()
    if locked is None:
        raise PermissionDenied
    if locked.state != ReportState.OPEN:
        raise AlreadyDecided
    locked.state, locked.decided_by, locked.decided_at = state, by, timezone.now()
    locked.save(update_fields=["state", "decided_by", "decided_at"])
    return locked
