from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from celery.exceptions import SoftTimeLimitExceeded
from django.utils import timezone

from accounts.models import User
from facilities.enums import StaffRole
from facilities.models import Facility
from notifications.models import OutboxMessage
from notifications.sending import build
from teleconsult import digest, tasks, workflow
from teleconsult.enums import CloseReason, Role, Status
from teleconsult.models import Request
from teleconsult.permissions import Actor
from tests.teleconsult import factories
from treatments.enums import DocumentKind

ROME = ZoneInfo("Europe/Rome")
MONDAY = datetime(2026, 3, 2, 8, 0, tzinfo=ROME)


def mails(kind: str) -> int:
    return OutboxMessage.objects.filter(kind=f"teleconsult/mail/{kind}").count()


def run_days(days: int, capture: Any) -> None:
    """Let the daily task run at each of the next days, twice a day as two schedulers would."""
    start = timezone.now()
    for day in range(1, days + 1):
        with time_machine.travel(start + timedelta(days=day), tick=False):
            for _scheduler in range(2):
                with capture(execute=True):
                    tasks.keep_deadlines()


def test_a_forgotten_draft_is_reminded_twice_and_ends(draft: Request, django_capture_on_commit_callbacks: Any):
    run_days(29, django_capture_on_commit_callbacks)
    assert mails("draft_reminder") == 2
    assert Request.objects.get(pk=draft.pk).status == Status.DRAFT

    with time_machine.travel(timezone.now() + timedelta(days=30, minutes=1), tick=False):
        tasks.expire_drafts(timezone.now())

    expired = Request.objects.get(pk=draft.pk)
    assert (expired.status, expired.email, expired.question) == (Status.EXPIRED, "", "")
    assert expired.data_key.wrapped is None
    assert expired.events.last().role == Role.SYSTEM


def test_saving_puts_the_end_off(draft: Request, patient: Actor):
    with time_machine.travel(timezone.now() + timedelta(days=29), tick=False):
        workflow.save_draft(request=draft, by=patient, answers={"question": "Still here."})
    with time_machine.travel(timezone.now() + timedelta(days=31), tick=False):
        tasks.expire_drafts(timezone.now())

    assert Request.objects.get(pk=draft.pk).status == Status.DRAFT


def test_who_does_not_answer_is_reminded_twice_and_the_request_closed(
    coordinator: User, django_capture_on_commit_callbacks: Any
):
    request = factories.make_awaiting(coordinator)

    run_days(44, django_capture_on_commit_callbacks)
    assert mails("reminder") == 2
    assert Request.objects.get(pk=request.pk).status == Status.AWAITING_PATIENT
    with time_machine.travel(timezone.now() + timedelta(days=45, minutes=1), tick=False):
        tasks.close_unanswered(timezone.now())
        tasks.close_unanswered(timezone.now())

    closed = Request.objects.get(pk=request.pk)
    assert (closed.status, closed.events.last().reason) == (Status.CLOSED, CloseReason.NO_ANSWER)
    assert mails("closed") == 1


def test_a_new_wait_is_reminded_anew(coordinator: User):
    request = factories.make_awaiting(coordinator)
    with time_machine.travel(timezone.now() + timedelta(days=8), tick=False):
        tasks.remind_waiting(timezone.now())
        request = workflow.patient_answers(
            request=request, by=factories.patient_of(request), seen_version=request.version, text="Here."
        )
        workflow.ask_question(
            request=request, by=Actor.staff(coordinator), seen_version=request.version, text="And this?"
        )
        tasks.remind_waiting(timezone.now())
        assert mails("reminder") == 1
    with time_machine.travel(timezone.now() + timedelta(days=16), tick=False):
        tasks.remind_waiting(timezone.now())

    assert mails("reminder") == 2


def test_one_that_fails_does_not_hold_up_the_others(coordinator: User, monkeypatch: pytest.MonkeyPatch):
    first, second = factories.make_draft(), factories.make_draft()
    Request.objects.update(saved_at=timezone.now() - timedelta(days=31))
    Request.objects.filter(pk=first.pk).update(saved_at=timezone.now())
    stale = [first, second]
    monkeypatch.setattr(
        type(Request.objects.all()),
        "forgotten_since",
        lambda self, moment: self.filter(pk__in=[row.pk for row in stale]),
    )

    tasks.expire_drafts(timezone.now())

    assert Request.objects.get(pk=first.pk).status == Status.DRAFT
    assert Request.objects.get(pk=second.pk).status == Status.EXPIRED


def test_one_rule_that_fails_stops_no_other_and_is_kept_at_the_next_ring(
    draft: Request, coordinator: User, monkeypatch: pytest.MonkeyPatch
):
    unanswered = factories.make_awaiting(coordinator)
    with time_machine.travel(timezone.now() + timedelta(days=46), tick=False):
        with monkeypatch.context() as broken:
            broken.setattr(tasks, "expire_drafts", lambda now: 1 / 0)
            tasks.keep_deadlines()
        assert Request.objects.get(pk=unanswered.pk).status == Status.CLOSED
        assert Request.objects.get(pk=draft.pk).status == Status.DRAFT
        tasks.keep_deadlines()
        assert Request.objects.get(pk=draft.pk).status == Status.EXPIRED


def test_a_run_that_was_cut_off_goes_on_where_it_was(
    draft: Request, coordinator: User, monkeypatch: pytest.MonkeyPatch
):
    unanswered = factories.make_awaiting(coordinator)
    calls: list[str] = []
    remind = tasks.remind_waiting
    monkeypatch.setattr(tasks, "remind_waiting", lambda now: (calls.append("remind"), remind(now)))

    def cut_off(now: datetime) -> None:
        raise SoftTimeLimitExceeded

    with time_machine.travel(timezone.now() + timedelta(days=46), tick=False):
        with monkeypatch.context() as slow, pytest.raises(SoftTimeLimitExceeded):
            slow.setattr(tasks, "expire_drafts", cut_off)
            tasks.keep_deadlines()
        tasks.keep_deadlines()

    assert calls == ["remind"]
    assert Request.objects.get(pk=draft.pk).status == Status.EXPIRED
    assert Request.objects.get(pk=unanswered.pk).status == Status.CLOSED


def meanwhile(deed: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the patient do something after the job has made its list."""
    each = tasks._each

    def patient_first(part: Callable[[], object]) -> None:
        deed()
        each(part)

    monkeypatch.setattr(tasks, "_each", patient_first)


def test_nobody_is_reminded_of_a_draft_sent_while_the_job_ran(draft: Request, monkeypatch: pytest.MonkeyPatch):
    meanwhile(lambda: factories.submit(draft), monkeypatch)

    with time_machine.travel(timezone.now() + timedelta(days=8), tick=False):
        tasks.remind_of_drafts(timezone.now())

    assert Request.objects.get(pk=draft.pk).status == Status.SUBMITTED
    assert mails("draft_reminder") == 0


def test_nobody_is_reminded_of_what_was_answered_while_the_job_ran(coordinator: User, monkeypatch: pytest.MonkeyPatch):
    request = factories.make_awaiting(coordinator)
    by = factories.patient_of(request)
    meanwhile(
        lambda: workflow.patient_answers(request=request, by=by, seen_version=request.version, text="Here."),
        monkeypatch,
    )

    with time_machine.travel(timezone.now() + timedelta(days=8), tick=False):
        tasks.remind_waiting(timezone.now())

    assert Request.objects.get(pk=request.pk).status == Status.IN_TRIAGE
    assert mails("reminder") == 0


def test_documents_go_after_a_year_and_everything_after_two(coordinator: User):
    request = factories.make_in_triage(coordinator)
    by = factories.patient_of(request)
    workflow.add_document(request=request, by=by, upload=factories.upload(), kind=DocumentKind.REPORT)
    request = workflow.close(request=request, by=Actor.staff(coordinator), seen_version=request.version)

    tasks.erase_old(request.closed_at + timedelta(days=364))
    assert request.documents.count() == 1
    with time_machine.travel(request.closed_at + timedelta(days=366), tick=False):
        tasks.erase_old(timezone.now())
        tasks.erase_old(timezone.now())
    assert request.documents.count() == 0
    assert Request.objects.get(pk=request.pk).question
    with time_machine.travel(request.closed_at + timedelta(days=731), tick=False):
        tasks.erase_old(timezone.now())

    assert Request.objects.get(pk=request.pk).is_erased


# --- the digest ------------------------------------------------------------------------------------------------------


def digests() -> list[OutboxMessage]:
    return list(OutboxMessage.objects.filter(kind="teleconsult/mail/digest"))


def test_one_digest_a_morning_by_reference(coordinator: User, facility: Facility, facility_office: User):
    with time_machine.travel(MONDAY - timedelta(days=3), tick=False):
        new = factories.make_submitted()
        with_facility = factories.make_with_facility(coordinator, facility)
        closed = factories.make_in_triage(coordinator)
        workflow.close(request=closed, by=Actor.staff(coordinator), seen_version=closed.version)

    for minutes in (-31, -30, 0, 60):
        digest.send_due(MONDAY + timedelta(minutes=minutes))

    to = {row.to: row.context["lanes"] for row in digests()}
    assert to == {
        coordinator.email: {"new": [new.reference], "with_facility": [with_facility.reference]},
        facility_office.email: {"with_facility": [with_facility.reference]},
    }
    body = build(digests()[0]).body
    assert with_facility.reference in body
    assert "Is the operation needed" not in body


@pytest.mark.parametrize(
    "moment",
    [
        MONDAY.replace(hour=7, minute=29),
        MONDAY.replace(hour=18),
        datetime(2026, 3, 1, 9, tzinfo=ROME),  # Sunday
        datetime(2026, 12, 7, 9, tzinfo=ROME),  # Sant'Ambrogio
    ],
    ids=str,
)
def test_no_digest_outside_the_working_day(coordinator: User, moment: datetime):
    factories.make_submitted()

    digest.send_due(moment)

    assert digests() == []


def test_no_digest_when_nothing_waits(coordinator: User):
    digest.send_due(MONDAY)

    assert digests() == []


def test_the_most_pressing_lane_has_the_reference(coordinator: User):
    with time_machine.travel(MONDAY - timedelta(days=20), tick=False):
        late = factories.make_submitted()
    with time_machine.travel(MONDAY - timedelta(days=4), tick=False):
        due = factories.make_submitted()

    lanes = digest.lanes_of(Request.objects.open(), MONDAY, "Europe/Rome")

    assert lanes == {"late": [late.reference], "due": [due.reference]}


def test_one_digest_for_somebody_with_two_offices(coordinator: User, facility: Facility, facility_office: User):
    other = factories.make_facility()
    factories.reached(other)
    factories.add_staff(other, StaffRole.FACILITY_OFFICE, facility_office)
    cases = [factories.make_with_facility(coordinator, place) for place in (facility, other)]

    for minutes in (0, 5):
        digest.send_due(MONDAY + timedelta(minutes=minutes))

    hers = [row for row in digests() if row.to == facility_office.email]
    assert len(hers) == 1
    assert {reference for lane in hers[0].context["lanes"].values() for reference in lane} == {
        case.reference for case in cases
    }
