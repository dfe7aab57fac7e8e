"""Whatever writes to a public table is noticed, from any process, once it is committed."""

import functools
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace

import pytest
import time_machine
from django.apps import apps
from django.core.management import call_command
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from pytest_django.asserts import assertNumQueries

from accounts.models import User
from catalogue.loading import load
from demo.loading import load_facilities
from facilities.models import Facility
from publishing import freshness, workflow
from publishing.freshness import TRIGGER, WATCHED, PublicVersion, public_tables, version_of_writes
from publishing.models import PublicWrite
from tests.accounts.factories import make_user
from tests.treatments.factories import make_facility, make_specialty
from vault.data_classes import DataClass

committed = pytest.mark.django_db(transaction=True)


def rename(facility: Facility) -> None:
    """Write past the models, as a console does."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE facilities_facility SET short_name = 'Other' WHERE id = %s", [facility.pk])


def publish_edit(facility: Facility) -> None:
    """Publish an editor's edit of a hospital."""
    editor = make_user(roles=("editor",))
    change = workflow.propose_edit(edited=facility, after={"short_name": "Other"}, by=editor)
    assert change
    workflow.publish(change=change, by=editor)


def load_everything(_facility: Facility) -> None:
    load()


WRITERS: dict[str, Callable[[Facility], object]] = {
    "an edit is published": publish_edit,
    "a row is saved": lambda facility: facility.save(),
    "rows are updated": lambda facility: Facility.objects.update(city="Lodi"),
    "rows are inserted": lambda facility: make_facility("other"),
    "a row is deleted": lambda facility: facility.delete(),
    "a many-to-many field is written": lambda facility: facility.specialties.add(make_specialty("some")),
    "statements are typed": rename,
    "the catalogue is loaded": load_everything,
}


@committed
@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_version_is_another_one_after(writer: Callable[[Facility], object]) -> None:
    facility = make_facility("first")
    before = version_of_writes()

    writer(facility)

    assert version_of_writes() != before


@committed
def test_version_is_another_one_after_the_demo_is_loaded() -> None:
    load()
    before = version_of_writes()

    load_facilities()

    assert version_of_writes() != before


@committed
def test_version_is_another_one_after_the_index_is_rebuilt() -> None:
    make_facility("first")
    before = version_of_writes()

    call_command("rebuild_search", verbosity=0)

    assert version_of_writes() != before


@committed
def test_what_is_undone_or_private_leaves_no_trace() -> None:
    facility = make_facility("first")
    before = version_of_writes()

    with pytest.raises(ZeroDivisionError), transaction.atomic():
        rename(facility)
        1 / 0  # noqa: B018
    make_user(name="Somebody")

    assert version_of_writes() == before


@committed
def test_transactions_that_write_at_once_do_not_wait_for_each_other() -> None:
    make_facility("first")
    other = connection.copy()
    try:
        with transaction.atomic():
            Facility.objects.update(city="Lodi")
            with other.cursor() as cursor:
                cursor.execute("SET lock_timeout = '20s'")
                cursor.execute("UPDATE taxonomy_specialty SET sort_key_en = 'x'")
    finally:
        other.close()

    assert PublicWrite.objects.count() >= 2


@committed
def test_writes_are_forgotten_after_an_hour() -> None:
    for number in range(3):
        make_facility(f"old-{number}")
    PublicWrite.objects.update(written_at=timezone.now() - timedelta(hours=2))

    make_facility("new")

    assert PublicWrite.objects.count() == 1


@pytest.mark.django_db
def test_every_public_table_is_watched_and_no_other() -> None:
    with connection.cursor() as cursor:
        cursor.execute(WATCHED, [TRIGGER])
        watched = {name for (name,) in cursor.fetchall()}

    assert watched == public_tables()
    declared = {model._meta.db_table for model in apps.get_models() if is_declared_public(model)}
    assert declared <= watched
    assert {"facilities_facility", "treatments_treatment_conditions", "publishing_textstate"} <= watched
    assert User._meta.db_table not in watched


def is_declared_public(model: type) -> bool:
    return getattr(model, "data_class", None) == DataClass.PUBLIC


@pytest.mark.django_db
def test_a_new_public_table_is_watched_after_the_next_migrate() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {TRIGGER} ON facilities_ranking")
        cursor.execute(
            f"CREATE TRIGGER {TRIGGER} AFTER INSERT ON accounts_user FOR EACH STATEMENT "
            "EXECUTE FUNCTION publishing_note_write()"
        )

    freshness.watch_public_tables()

    test_every_public_table_is_watched_and_no_other()


# --- what a process knows -----------------------------------------------------------------------------------------


@pytest.fixture
def stopwatch(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[float], None]]:
    """Stop the clock by which the interval is measured; return how it is set on by seconds."""
    now = time.monotonic()

    def set_on(seconds: float) -> None:
        nonlocal now
        now += seconds

    clock = SimpleNamespace(monotonic=lambda: now)
    monkeypatch.setattr(freshness, "time", clock)
    # No midnight comes between two questions either.
    with time_machine.travel("2026-11-21T12:00:00Z", tick=False):
        yield set_on


@pytest.mark.django_db
def test_version_is_asked_once_a_second(stopwatch: Callable[[float], None]) -> None:
    version = PublicVersion()

    with assertNumQueries(1):
        assert version.current() == version.current()
        stopwatch(0.99)
        version.current()
    stopwatch(0.02)
    with assertNumQueries(1):
        assert len({version.current() for _ in range(20)}) == 1


@committed
def test_edit_is_known_after_the_interval_and_not_before(stopwatch: Callable[[float], None]) -> None:
    facility = make_facility("first")
    version = PublicVersion(seconds=0.3)
    before = version.current()
    rename(facility)

    stopwatch(0.29)
    assert version.current() == before
    stopwatch(0.02)
    assert version.current() != before


@pytest.mark.django_db
def test_version_is_another_one_the_next_day_in_milan() -> None:
    versions = []
    for moment in ("2026-11-21T22:59:59Z", "2026-11-21T23:00:00Z", "2026-11-21T23:59:59Z", "2026-11-22T00:00:00Z"):
        with time_machine.travel(moment, tick=False):
            versions.append(PublicVersion(seconds=0).current())

    assert versions[1] == versions[2]
    assert len(set(versions)) == 3


@pytest.mark.django_db
def test_last_version_serves_while_the_database_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    version = PublicVersion(seconds=0)
    known = version.current()
    asked = []

    def gone() -> str:
        asked.append(1)
        raise OperationalError

    monkeypatch.setattr(freshness, "version_of_writes", gone)

    assert version.current() == known
    assert PublicVersion(seconds=0).current() is None
    assert len(asked) == 2


@pytest.mark.django_db
def test_nobody_waits_for_a_database_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    version = PublicVersion(seconds=0)
    known = version.current()
    monkeypatch.setattr(freshness, "version_of_writes", functools.partial(_raise, OperationalError))
    version.current()

    # As if another thread were trying.
    with version._lock:
        assert version.current() == known


def _raise(error: type[Exception]) -> str:
    raise error
