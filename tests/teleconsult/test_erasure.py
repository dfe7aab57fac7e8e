"""Erasing a case reaches every table it stands in, whoever made the table."""

import uuid
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from django.apps import apps
from django.core.files.storage import storages
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from facilities.models import Facility
from notifications.models import OutboxMessage
from teleconsult import workflow
from teleconsult.enums import BookingStatus, Status
from teleconsult.exceptions import IllegalStep
from teleconsult.models import Event, Request
from teleconsult.permissions import Actor
from tests.teleconsult import consulting, factories
from treatments.enums import DocumentKind
from vault import erasure, trail
from vault.data_classes import SECRET_CLASSES, data_class_of
from vault.fields import KeyedHashField, SealedField
from vault.keys import DataKey, KeyErased
from vault.tombstones import Kind, Tombstone

# Sealed with the portal's own key, so that the key of a case does not erase them; and what erases them instead.
NOT_OF_A_CASE = {
    "accounts.User": "staff, kept as long as they work here",
    "accounts.Session": "staff, ends after eight hours",
    "notifications.OutboxMessage": "outbox.erase(about=…) with every id of the case",
    "publishing.ErrorReport": "of readers who are nobody to us; removed in time",
}
WORDS = ("Ada Example", "patient@example.org", "Is the operation needed", "It hurts at night", "Ask the surgeon")


@pytest.fixture
def case(coordinator: User, facility: Facility, facility_office: User) -> Request:
    """Return a case in which everybody has written something."""
    request = factories.make_in_triage(coordinator, facility=facility, with_consent=True)
    by = factories.patient_of(request)
    workflow.add_document(request=request, by=by, upload=factories.upload(), kind=DocumentKind.REPORT)
    workflow.send_message(request=request, by=by, text="It hurts at night.", idempotency_key=uuid.uuid4())
    break_off(request)
    office = Actor.staff(coordinator)
    workflow.write_note(request=request, by=office, text="Ask the surgeon.", idempotency_key=uuid.uuid4())
    request.refresh_from_db()
    return workflow.forward(request=request, by=office, seen_version=request.version, facility=facility)


def break_off(request: Request) -> None:
    """Let an upload break off after a few bytes."""
    by = factories.patient_of(request)
    upload = workflow.begin_upload(
        request=request, by=by, name="scan.pdf", size=100, kind=DocumentKind.REPORT, idempotency_key=uuid.uuid4()
    )
    workflow.receive_upload(upload=upload, by=by, offset=0, body=BytesIO(b"%PDF-1.4 half"))


def files_of(request: Request) -> list[str]:
    return erasure.stored_names(request.data_key_id)


def sealed_values(key: DataKey) -> Iterator[tuple[models.Model, str]]:
    for table in erasure.tables():
        for row in table.rows(key.pk):
            yield from ((row, name) for name in table.sealed)


def whole_database() -> str:
    """Return every row of every table as text."""
    found = []
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            cursor.execute(f'SELECT t::text FROM "{model._meta.db_table}" t')  # noqa: S608
            found += [row[0] for row in cursor.fetchall()]
    return "\n".join(found)


def test_nothing_of_an_erased_case_opens(case: Request, django_capture_on_commit_callbacks: Any) -> None:
    names, key, mailbox = files_of(case), case.data_key, case.email_key
    assert len(names) == 2
    assert all(storages["documents"].exists(name) for name in names)
    assert len(list(sealed_values(key))) > 10

    with django_capture_on_commit_callbacks(execute=True):
        erased = workflow.erase(request=case, by=factories.patient_of(case))

    assert erased.status == Status.ERASED
    assert workflow.remains(erased) == []
    for row, name in sealed_values(key):
        if isinstance(row, Event):
            with pytest.raises(KeyErased):
                getattr(row, name) or key.refresh_from_db() or key.open()
        else:
            assert not getattr(row, name), f"{row._meta.label}.{name}"
    assert not any(storages["documents"].exists(name) for name in names)
    assert mailbox not in whole_database().replace(last_mail(erased).to_key, "")
    assert Tombstone.objects.filter(kind=Kind.KEY, of=key.pk).exists()
    assert trail.TrailEntry.objects.of_case(case).last().action == trail.Action.ERASED


def last_mail(request: Request) -> OutboxMessage:
    """Return the mail that tells of the erasure, the only one that still has an address."""
    rows = list(OutboxMessage.objects.filter(about=str(request.pk), erased_at=None))
    assert [row.kind for row in rows] == ["teleconsult/mail/erased"]
    return rows[0]


def test_words_of_a_case_stand_nowhere_in_the_clear(case: Request) -> None:
    dump = whole_database()

    assert case.reference in dump
    assert [word for word in WORDS if word in dump or word.encode().hex() in dump] == []


def test_messages_about_anything_of_the_case_are_forgotten(case: Request) -> None:
    assignment = case.assignments.get()
    row = OutboxMessage.objects.create(
        kind="teleconsult/mail/status_changed", to="a@example.org", language="en", zone="UTC", about=str(assignment.pk)
    )

    workflow.erase(request=case, by=factories.patient_of(case))

    row.refresh_from_db()
    assert (row.to, row.context, row.state) == ("", {}, "cancelled")
    assert row.to_key.startswith("erased-")


def test_every_sealed_table_is_reached() -> None:
    """A new table under the key of a case needs no word here; one under the portal's own key needs a reason."""
    reached = {table.model._meta.label: set(table.sealed) for table in erasure.tables()}
    missed = [
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.local_concrete_fields
        if isinstance(field, SealedField)
        and field.name not in reached.get(model._meta.label, set())
        and not (field.key is None and model._meta.label in NOT_OF_A_CASE)
    ]

    assert missed == []
    assert {"teleconsult.Request", "teleconsult.Message", "vault.StoredFile"} <= reached.keys()


def test_every_table_with_stored_bytes_is_reached() -> None:
    stored = {
        model._meta.label
        for model in apps.get_models()
        if any(field.name.endswith("storage_name") for field in model._meta.local_concrete_fields)
    }
    private_files = [
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.local_concrete_fields
        if isinstance(field, models.FileField) and data_class_of(field) in SECRET_CLASSES
    ]

    assert stored == {table.model._meta.label for table in erasure.tables() if table.is_stored}
    assert private_files == []


def test_every_look_up_of_a_case_is_reached() -> None:
    """A keyed hash says whose case it was: on a table of cases it goes with the case."""
    reached = {table.model._meta.label for table in erasure.tables() if table.hashes}
    kept = {"accounts.User", "notifications.OutboxMessage", "vault.Counter"}
    hashed = {
        model._meta.label
        for model in apps.get_models()
        if any(isinstance(field, KeyedHashField) for field in model._meta.local_concrete_fields)
    }

    assert hashed - kept == reached


def test_erasing_writes_to_every_table_it_claims_to_reach(case: Request) -> None:
    with CaptureQueriesContext(connection) as queries:
        workflow.erase(request=case, by=factories.patient_of(case))

    written = " ".join(query["sql"] for query in queries if query["sql"].startswith(("UPDATE", "DELETE")))
    for table in erasure.tables():
        if not getattr(table.model, "is_append_only", False) and table.rows(case.data_key_id).exists():
            assert f'"{table.model._meta.db_table}"' in written, table.model._meta.label


def test_what_is_left_is_found(case: Request) -> None:
    """The look afterwards must be able to fail."""
    assert any("is still there" in sentence for sentence in workflow.remains(force_erased(case)))
    assert any("opens" in sentence for sentence in workflow.remains(force_erased(case)))
    assert any("its file is still there" in sentence for sentence in workflow.remains(force_erased(case)))
    assert any("still has its text" in sentence for sentence in workflow.remains(force_erased(case)))


def force_erased(request: Request) -> Request:
    request.erased_at = timezone.now()
    return request


def test_erasing_again_wants_a_tombstone(case: Request) -> None:
    system = Actor.portal("restore")
    with pytest.raises(IllegalStep):
        workflow.erase_again(request=case, by=system)

    Tombstone.objects.note(Kind.KEY, case.data_key_id)
    erased = workflow.erase_again(request=case, by=system)

    assert erased.status == Status.ERASED
    assert workflow.remains(erased) == []
    assert not OutboxMessage.objects.filter(about=str(case.pk), erased_at=None).exists()


def test_erasing_again_ends_a_consultation_and_tells_nobody(facility: Facility) -> None:
    """After a restore everybody was told long ago."""
    case = consulting.make_bookable(consulting.add_specialist(facility))
    booking = consulting.book(case)
    Tombstone.objects.note(Kind.KEY, case.data_key_id)
    OutboxMessage.objects.all().delete()

    workflow.erase_again(request=case, by=Actor.portal("restore"))

    booking.refresh_from_db()
    assert booking.status == BookingStatus.CANCELLED
    assert not OutboxMessage.objects.exists()


def test_erasing_leaves_the_day_on_which_the_case_ended(coordinator: User) -> None:
    request = factories.make_in_triage(coordinator)
    closed = workflow.close(request=request, by=Actor.staff(coordinator), seen_version=request.version)

    erased = workflow.erase(request=closed, by=factories.patient_of(request))

    assert erased.closed_at == closed.closed_at < erased.erased_at
