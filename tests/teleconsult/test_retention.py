"""What is over goes in time, by itself or by command; a dry run changes nothing; a real one looks again."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import User
from facilities.models import Facility
from notifications.models import OutboxMessage
from teleconsult import retention, tasks, workflow
from teleconsult.enums import Action, Role, Status, WaitingFor
from teleconsult.models import AccessCode, Event, PatientSession, Request
from teleconsult.permissions import Actor
from tests.teleconsult import consulting, factories
from tests.teleconsult.test_erasure import break_off, files_of, whole_database
from treatments.enums import DocumentKind
from vault import retention as rules
from vault.files import documents
from vault.trail import TrailEntry, anchor_heads


def closed(coordinator: User) -> Request:
    """Return a request with a document that has ended now."""
    request = factories.make_in_triage(coordinator)
    by = factories.patient_of(request)
    workflow.add_document(request=request, by=by, upload=factories.upload(), kind=DocumentKind.REPORT)
    request.refresh_from_db()
    return workflow.close(request=request, by=Actor.staff(coordinator), seen_version=request.version)


def run(capture: Any, **options: Any) -> None:
    with capture(execute=True):
        call_command("keep_retention", **options)


def in_days(days: int) -> Any:
    return time_machine.travel(timezone.now() + timedelta(days=days, minutes=1), tick=False)


def test_dry_run_says_what_would_go_and_changes_nothing(
    coordinator: User, capsys: Any, django_capture_on_commit_callbacks: Any
) -> None:
    draft, ended = factories.make_draft(), closed(coordinator)
    with in_days(731):
        before = whole_database()
        run(django_capture_on_commit_callbacks, dry_run=True)
        assert whole_database() == before
    said = capsys.readouterr().out

    assert f"Drafts: 30 days after they were last saved: 1\n  {draft.reference}\n" in said
    assert f"Requests: 730 days after the end: 1\n  {ended.reference}\n" in said
    assert f"Documents: 365 days after the opinion, or after the end without one: 1\n  {ended.reference}\n" in said
    assert "Ada Example" not in said
    assert "@" not in said


@pytest.mark.django_db(transaction=True)
def test_real_run_removes_and_looks_again(coordinator: User, capsys: Any) -> None:
    draft, ended = factories.make_draft(), closed(coordinator)
    names = files_of(ended)
    with in_days(731):
        call_command("keep_retention")
        said = capsys.readouterr().out
        call_command("keep_retention", dry_run=True)
        left = capsys.readouterr().out

    assert "Drafts: 30 days after they were last saved: 1 due, 1 gone" in said
    assert "Requests: 730 days after the end: 1 due, 1 gone" in said
    assert Request.objects.get(pk=draft.pk).status == Status.EXPIRED
    assert Request.objects.get(pk=ended.pk).status == Status.ERASED
    assert not any(documents().exists(name) for name in names)
    # The last mails have not left yet; everything else is gone.
    assert all(line.endswith(": 0") for line in left.splitlines() if not line.startswith(" ")), left


@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_removed_is_said_and_fails(
    coordinator: User, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = closed(coordinator)
    monkeypatch.setattr(type(storages["documents"]), "delete", lambda self, name: None)

    with in_days(731), pytest.raises(CommandError, match="could not be removed"):
        call_command("keep_retention")

    assert f"{ended.reference}: a file is still stored." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("days", "is_there"), [({"DOCUMENT_DAYS": 10}, False), ({"DOCUMENT_DAYS": 12}, True)], ids=["over", "not yet"]
)
def test_times_are_settings(
    coordinator: User, settings: Any, days: dict[str, int], *, is_there: bool, django_capture_on_commit_callbacks: Any
) -> None:
    for name, value in days.items():
        setattr(settings, name, value)
    request = closed(coordinator)

    with in_days(11), django_capture_on_commit_callbacks(execute=True):
        tasks.erase_old(timezone.now())

    assert request.documents.exists() is is_there


def test_documents_go_a_year_after_the_opinion_not_after_the_end(coordinator: User) -> None:
    request = closed(coordinator)
    with time_machine.travel(timezone.now() - timedelta(days=30), tick=False):
        Event.objects.create(
            request=request,
            number=request.events.count() + 1,
            action=Action.ANSWER,
            to_status=Status.OPINION_READY,
            role=Role.SPECIALIST,
        )

    with in_days(336):
        tasks.erase_old(timezone.now())

    assert not request.documents.exists()
    assert Request.objects.get(pk=request.pk).question


def test_last_mail_forgets_its_address_once_it_has_left(coordinator: User) -> None:
    request = factories.make_in_triage(coordinator)
    workflow.erase(request=request, by=factories.patient_of(request))
    rows = OutboxMessage.objects.filter(about=str(request.pk), kind="teleconsult/mail/erased")
    assert rows.get().to

    retention.LastMails().keep(timezone.now())
    assert rows.get().to, "it has not left yet"
    rows.update(state="sent", sent_at=timezone.now(), ended_at=timezone.now())
    retention.LastMails().keep(timezone.now() + timedelta(minutes=1))

    assert (rows.get().to, rows.get().to_key) == ("", f"erased-{rows.get().pk}")


@pytest.mark.django_db(transaction=True)
def test_upload_that_broke_off_goes_after_a_week(transactional_db: None, capsys: Any) -> None:
    draft = factories.make_draft()
    break_off(draft)
    names = files_of(draft)
    assert len(names) == 1

    with in_days(6):
        call_command("keep_retention")
    assert documents().exists(names[0])
    with in_days(8):
        call_command("keep_retention")

    assert not draft.uploads.exists()
    assert not documents().exists(names[0])
    assert "Uploads that broke off: 7 days after something of them arrived: 1 due, 1 gone" in capsys.readouterr().out


def test_codes_and_sessions_go_after_a_day(draft: Request) -> None:
    now = timezone.now()
    old = PatientSession.objects.create(
        request=draft, token_hash="a" * 64, level="full", started_at=now - timedelta(hours=27)
    )
    signed_out = PatientSession.objects.create(
        request=draft,
        token_hash="e" * 64,
        level="full",
        started_at=now - timedelta(hours=25),
        ended_at=now - timedelta(hours=24, minutes=30),
    )
    young = PatientSession.objects.create(request=draft, token_hash="b" * 64, level="full")
    AccessCode.objects.create(
        request=draft,
        level="full",
        code_hash="c" * 64,
        browser_hash="d" * 64,
        created_at=now - timedelta(days=2),
        expires_at=now - timedelta(days=2) + timedelta(minutes=10),
    )

    retention.OldDoors().keep(now)

    assert not AccessCode.objects.exists()
    assert not PatientSession.objects.filter(pk__in=[old.pk, signed_out.pk]).exists()
    assert PatientSession.objects.filter(pk=young.pk).exists()


def test_every_promise_has_a_rule() -> None:
    """Drafts, answers, documents, requests, messages, reports, the trail, and what lets patients in."""
    names = {type(rule).__name__ for rule in rules.rules()}

    assert {
        "ForgottenDrafts",
        "Unanswered",
        "OldDocuments",
        "EndedRequests",
        "LastMails",
        "OldDoors",
        "BrokenUploads",
        "OldBodies",
        "OldReports",
        "OldTrail",
    } <= names


@pytest.mark.django_db(transaction=True)
def test_trail_of_an_erased_case_goes_after_five_years(coordinator: User, capsys: Any) -> None:
    with time_machine.travel(timezone.now() - timedelta(days=5 * 366 + 400), tick=False):
        request = closed(coordinator)
    with time_machine.travel(timezone.now() - timedelta(days=5 * 366 + 30), tick=False):
        anchor_heads()

    call_command("keep_retention")

    # What told of the erasure itself is young.
    assert [entry.action for entry in TrailEntry.objects.of_case(request)] == ["changed", "erased"]
    call_command("verify_trail")
    assert "The trail is whole" in capsys.readouterr().out


def test_whoever_has_a_consultation_to_come_is_not_closed_and_is_no_fault(facility: Facility) -> None:
    booked = consulting.book(consulting.make_bookable(consulting.add_specialist(facility)))
    now = booked.starts_at - timedelta(hours=1)
    Request.objects.filter(pk=booked.request_id).update(
        status=Status.AWAITING_PATIENT,
        waiting_for=WaitingFor.ANSWER,
        returns_to=Status.WITH_SPECIALIST,
        paused_since=now - timedelta(days=46),
    )

    kept = retention.Unanswered().keep(now)
    assert (kept.due, kept.wrong) == (0, [])

    over = booked.ends_at + timedelta(hours=1)
    with time_machine.travel(over, tick=False):
        assert retention.Unanswered().keep(over).gone == 1
    assert Request.objects.get(pk=booked.request_id).status == Status.CLOSED
