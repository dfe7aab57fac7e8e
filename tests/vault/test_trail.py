"""The trail: complete, ordered, and unchangeable unseen."""

import os
import threading
import uuid
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection, transaction
from django.utils import timezone

from vault import trail
from vault.keys import DataKey
from vault.trail import (
    Action,
    Actor,
    ChainBroken,
    NotInTransaction,
    TrailAnchor,
    TrailEntry,
    anchor_heads,
    record,
    verify_all_chains,
    verify_chain,
)

CASE = uuid.UUID("11111111-1111-4111-8111-111111111111")
STAFF = Actor.staff("7", role="coordinator", facility_id=3)


def write(count: int, case: uuid.UUID | None = CASE) -> list[TrailEntry]:
    """Record some views."""
    return [record(action=Action.VIEWED, by=STAFF, case=case) for _ in range(count)]


def tamper(statement: str, *values: object) -> None:
    """Change the trail as somebody who switched the guard off could."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE vault_trailentry DISABLE TRIGGER vault_trail_no_change")
        cursor.execute(statement, values)
        cursor.execute("ALTER TABLE vault_trailentry ENABLE TRIGGER vault_trail_no_change")


def test_entry_says_who_did_what_to_what(data_key: DataKey) -> None:
    entry = record(action=Action.DOWNLOADED, by=STAFF, case=CASE, object=data_key, detail="original")
    entry.refresh_from_db()

    assert (entry.actor_kind, entry.actor_id, entry.role, entry.facility_id) == ("staff", "7", "coordinator", 3)
    assert (entry.object_kind, entry.object_id) == ("vault.datakey", str(data_key.pk))
    assert (entry.number, entry.previous_hash, entry.detail) == (1, trail.NO_HASH, "original")
    assert entry.hash == entry.computed_hash()


def test_case_can_be_given_as_its_row(data_key: DataKey) -> None:
    entry = record(action=Action.CREATED, by=Actor.patient(CASE), case=data_key)

    assert entry.case_id == data_key.pk
    assert verify_chain(data_key) == 1


def test_chain_is_numbered_per_case(db: None) -> None:
    write(3)
    write(2, uuid.uuid4())
    write(2, None)
    anchor_heads()

    assert [entry.number for entry in TrailEntry.objects.of_case(CASE)] == [1, 2, 3]
    assert verify_chain(CASE) == 3
    assert verify_chain(None) == 2
    assert list(verify_all_chains()) == []


@pytest.mark.django_db(transaction=True)
def test_entry_outside_a_transaction_is_refused() -> None:
    with pytest.raises(NotInTransaction):
        record(action=Action.VIEWED, by=STAFF, case=CASE)


def test_entry_goes_with_its_deed(db: None) -> None:
    class Undo(Exception):
        pass

    with pytest.raises(Undo), transaction.atomic():
        write(1)
        raise Undo

    assert not TrailEntry.objects.exists()


def test_unknown_action_is_refused(db: None) -> None:
    with pytest.raises(ValueError, match="peeked"):
        record(action="peeked", by=STAFF)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("statement", "value"),
    [
        ("UPDATE vault_trailentry SET actor_id = %s WHERE number = 2", "8"),
        ("UPDATE vault_trailentry SET at = at - %s WHERE number = 2", timedelta(seconds=1)),
        ("UPDATE vault_trailentry SET facility_id = %s WHERE number = 2", 9),
        ("UPDATE vault_trailentry SET hash = %s WHERE number = 2", "f" * 64),
        ("DELETE FROM vault_trailentry WHERE number = %s", 2),
        ("DELETE FROM vault_trailentry WHERE number = %s", 1),
        ("UPDATE vault_trailentry SET number = number + %s WHERE number = 3", 1),
    ],
)
def test_tampering_breaks_the_chain(db: None, statement: str, value: object) -> None:
    write(3)
    assert verify_chain(CASE) == 3
    tamper(statement, value)

    with pytest.raises(ChainBroken):
        verify_chain(CASE)
    assert len(list(verify_all_chains())) == 1


def test_rewritten_entry_with_a_fitting_hash_still_breaks_the_next(db: None) -> None:
    entries = write(3)
    entries[1].actor_id = "8"
    tamper("UPDATE vault_trailentry SET actor_id = '8', hash = %s WHERE number = 2", entries[1].computed_hash())

    with pytest.raises(ChainBroken, match="Entry 3"):
        verify_chain(CASE)


def test_shortened_chain_is_seen_by_its_anchor(db: None) -> None:
    write(3)
    anchor_heads()
    tamper("DELETE FROM vault_trailentry WHERE number = 3")

    with pytest.raises(ChainBroken, match="end of the trail"):
        verify_chain(CASE)


def test_chain_deleted_whole_is_seen_by_its_anchor(db: None) -> None:
    write(2)
    anchor_heads()
    tamper("DELETE FROM vault_trailentry")

    assert len(list(verify_all_chains())) == 1


def test_rewritten_end_is_seen_by_its_anchor(db: None) -> None:
    last = write(3)[-1]
    anchor_heads()
    last.actor_id = "8"
    tamper("UPDATE vault_trailentry SET actor_id = '8', hash = %s WHERE number = 3", last.computed_hash())

    with pytest.raises(ChainBroken, match="anchored"):
        verify_chain(CASE)


def test_anchor_twice_a_day_is_one_and_only_growth_is_anchored(db: None) -> None:
    write(2)
    write(1, None)
    first = anchor_heads(date(2026, 3, 1))
    assert anchor_heads(date(2026, 3, 1)) == first
    assert TrailAnchor.objects.count() == 2

    write(1, uuid.uuid4())
    assert anchor_heads(date(2026, 3, 1)) == first, "the digest that was logged stays that of the day"

    write(1)
    anchor_heads(date(2026, 3, 2))
    grown = TrailAnchor.objects.filter(on=date(2026, 3, 2)).values_list("case_id", "number")
    assert sorted(number for _case, number in grown) == [1, 3]


@pytest.mark.parametrize("table", ["vault_trailentry", "vault_trailanchor"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET number = 7", "DELETE FROM {}"])
def test_database_refuses_changes_even_to_the_owner(db: None, table: str, statement: str) -> None:
    write(1)
    anchor_heads()
    with pytest.raises(ProgrammingError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(table))


@pytest.mark.parametrize("table", ["vault_trailentry", "vault_trailanchor"])
def test_database_refuses_truncate_even_to_the_owner(db: None, table: str) -> None:
    with connection.cursor() as cursor:
        # The session's fixture switched this one off; the rollback of this test does so again.
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER vault_trail_no_truncate")
        with pytest.raises(ProgrammingError, match="append-only"), transaction.atomic():
            cursor.execute(f"TRUNCATE {table}")


def test_entries_past_their_five_years_may_be_removed(db: None) -> None:
    with time_machine.travel(timezone.now() - timedelta(days=5 * 366 + 1), tick=False):
        write(2)
        anchor_heads()
    write(1)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM vault_trailentry WHERE number < 3")

    assert verify_chain(CASE) == 1


@pytest.fixture
def as_application(transactional_db: None) -> Iterator[None]:
    """Be connected as the application's role, with its rights and one entry in the trail."""
    with transaction.atomic():
        write(1)
        anchor_heads()
    call_command("grant_application_role")
    call_command("grant_application_role")
    application = urlsplit(os.environ["DATABASE_APPLICATION_URL"])
    owner = {name: connection.settings_dict[name] for name in ("USER", "PASSWORD")}
    connection.close()
    connection.settings_dict.update(USER=application.username, PASSWORD=unquote(application.password or ""))
    yield
    connection.close()
    connection.settings_dict.update(owner)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE vault_trailentry SET number = 7",
        "DELETE FROM vault_trailentry WHERE at < now() - interval '6 years'",
        "TRUNCATE vault_trailentry",
        "DELETE FROM vault_trailanchor",
        "UPDATE vault_trailanchor SET number = 7",
        "TRUNCATE vault_datakey CASCADE",
        "ALTER TABLE vault_trailentry DISABLE TRIGGER ALL",
        "CREATE TABLE public.own (id int)",
        "DROP TABLE vault_counter",
        "DELETE FROM django_migrations",
    ],
)
def test_application_may_not(as_application: None, statement: str) -> None:
    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), connection.cursor() as cursor:
        cursor.execute(statement)


def test_application_may_do_its_work(as_application: None, settings: Any, capsys: Any) -> None:
    with transaction.atomic():
        write(2)
    anchor_heads()
    key = DataKey.objects.make()
    key.erase()
    key.delete()

    assert verify_chain(CASE) == 3
    capsys.readouterr()
    call_command("grant_application_role")
    assert "itself" in capsys.readouterr().out


def test_missing_role_is_skipped_with_a_sentence(db: None, settings: Any, capsys: Any) -> None:
    settings.APPLICATION_ROLE = "nobody_made_this"
    call_command("grant_application_role")

    assert "There is no database role nobody_made_this" in capsys.readouterr().out


def errors_of_racing_writers() -> int:
    """Return how many of eight threads with five entries each failed."""
    barrier, errors = threading.Barrier(8, timeout=120), []

    def run() -> None:
        connection.ensure_connection()
        barrier.wait()
        for _ in range(5):
            try:
                with transaction.atomic():
                    write(1)
            except (IntegrityError, DatabaseError) as error:
                errors.append(error)
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(errors)


@pytest.mark.django_db(transaction=True)
def test_race_shows_without_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    all_have_read, last_of = threading.Barrier(8, timeout=120), trail._last_of

    def read_together(model: type[TrailEntry] | type[TrailAnchor], case_id: uuid.UUID | None) -> Any:
        last = last_of(model, case_id)
        if model is TrailEntry:
            all_have_read.wait()
        return last

    monkeypatch.setattr(trail, "_lock_chain", lambda case_id: None)
    monkeypatch.setattr(trail, "_last_of", read_together)

    assert errors_of_racing_writers() > 0


@pytest.mark.django_db(transaction=True)
def test_racing_writers_make_one_chain() -> None:
    assert errors_of_racing_writers() == 0
    assert verify_chain(CASE) == 40


# --- five years ------------------------------------------------------------------------------------------------------


def write_in_the_past(days: int, count: int, case: uuid.UUID | None = CASE) -> None:
    """Record and anchor as it was so many days ago."""
    with time_machine.travel(timezone.now() - timedelta(days=days), tick=False):
        write(count, case)
        anchor_heads()


def test_old_beginning_is_removed_and_the_rest_stays_whole(db: None) -> None:
    write_in_the_past(6 * 366, 2)
    write_in_the_past(5 * 366 + 1, 2)
    write_in_the_past(30, 3)
    write(1)
    assert trail.removable() == {CASE: 4}

    assert trail.remove_old() == 4

    assert [entry.number for entry in TrailEntry.objects.of_case(CASE)] == [5, 6, 7, 8]
    assert verify_chain(CASE) == 4
    assert trail.remove_old() == 0


def test_chain_that_is_over_is_removed_whole_and_can_go_on(db: None) -> None:
    write_in_the_past(6 * 366, 3)
    trail.remove_old()

    assert verify_chain(CASE) == 0
    assert [entry.number for entry in write(2)] == [4, 5]
    assert verify_chain(CASE) == 2


def test_beginning_removed_before_its_time_is_seen(db: None) -> None:
    write_in_the_past(4 * 366, 2)
    write(2)
    tamper("DELETE FROM vault_trailentry WHERE number < 3")

    with pytest.raises(ChainBroken, match="beginning"):
        verify_chain(CASE)


def test_chain_removed_whole_before_its_time_stays_seen_when_it_goes_on(db: None) -> None:
    write_in_the_past(100, 2)
    tamper("DELETE FROM vault_trailentry")
    write(1)

    with pytest.raises(ChainBroken, match="beginning"):
        verify_chain(CASE)


def test_nothing_goes_before_five_years_whatever_is_asked(db: None) -> None:
    write_in_the_past(4 * 366, 1)

    with pytest.raises(ProgrammingError, match="five years"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT vault_remove_old_trail(3)")
    assert trail.remove_old() == 0


def test_application_may_remove_what_is_old_and_nothing_else(as_application: None) -> None:
    with transaction.atomic():
        write_in_the_past(6 * 366, 1, uuid.uuid4())

    assert trail.remove_old() == 1
    assert TrailEntry.objects.count() == 1


def test_entry_put_in_between_is_seen(db: None) -> None:
    write(3)
    tamper(
        "INSERT INTO vault_trailentry SELECT gen_random_uuid(), case_id, 4, at, actor_kind, actor_id, role,"
        " facility_id, action, object_kind, object_id, detail, previous_hash, hash"
        " FROM vault_trailentry WHERE number = 2"
    )

    with pytest.raises(ChainBroken, match="Entry 4"):
        verify_chain(CASE)


def test_entries_in_another_order_are_seen(db: None) -> None:
    write(3)
    tamper("UPDATE vault_trailentry SET number = 9 WHERE number = 2")
    tamper("UPDATE vault_trailentry SET number = 2 WHERE number = 3")
    tamper("UPDATE vault_trailentry SET number = 3 WHERE number = 9")

    with pytest.raises(ChainBroken, match="Entry 2"):
        verify_chain(CASE)


def test_command_says_that_the_trail_is_whole_and_what_is_broken(db: None, capsys: Any) -> None:
    write(3)
    digest = anchor_heads(date(2026, 3, 1))
    call_command("verify_trail", digest=[f"2026-03-01={digest}"])
    assert "The trail is whole: 3 entries, 1 anchors." in capsys.readouterr().out

    with pytest.raises(CommandError, match="The trail is broken"):
        call_command("verify_trail", digest=[f"2026-03-01={'0' * 64}"])
    assert "The anchors of 2026-03-01 are not those that were logged." in capsys.readouterr().err

    tamper("DELETE FROM vault_trailentry WHERE number = 2")
    with pytest.raises(CommandError, match="The trail is broken"):
        call_command("verify_trail")
    assert f"Entry 2 of case {CASE}" in capsys.readouterr().err


@pytest.mark.parametrize("pair", ["2026-03-01", "yesterday=abc"])
def test_command_wants_a_day_and_a_digest(db: None, pair: str) -> None:
    with pytest.raises(CommandError):
        call_command("verify_trail", digest=[pair])
