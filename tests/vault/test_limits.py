"""Counters that are exact under a race."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from vault.limits import Counter, allow, forget, remove_ended, spent


def test_allows_until_the_limit(db: None) -> None:
    assert [allow("codes", "ada@example.org", 3, 60) for _ in range(5)] == [True, True, True, False, False]
    assert spent("codes", "ada@example.org") == 5


def test_keys_and_scopes_are_counted_apart(db: None) -> None:
    assert allow("codes", "a", 1, 60)
    assert allow("codes", "b", 1, 60)
    assert allow("tries", "a", 1, 60)
    assert not allow("codes", "a", 1, 60)


def test_window_ends_and_refused_tries_do_not_make_it_longer(db: None) -> None:
    start = timezone.now()
    with time_machine.travel(start, tick=False):
        allow("codes", "a", 1, 60)
    with time_machine.travel(start + timedelta(seconds=59), tick=False):
        assert not allow("codes", "a", 1, 60)
    with time_machine.travel(start + timedelta(seconds=60), tick=False):
        assert spent("codes", "a") == 0
        assert allow("codes", "a", 1, 60)
        assert spent("codes", "a") == 1


def test_forgetting_starts_anew(db: None) -> None:
    allow("codes", "a", 1, 60)
    forget("codes", "a")

    assert allow("codes", "a", 1, 60)


def test_key_is_not_stored_in_the_clear(db: None) -> None:
    allow("codes", "ada@example.org", 1, 60)
    counter = Counter.objects.get()

    assert "ada" not in counter.key
    assert len(counter.key) == 64


def test_ended_counters_are_removed(db: None) -> None:
    start = timezone.now()
    with time_machine.travel(start, tick=False):
        allow("codes", "a", 1, 60)
        allow("codes", "b", 1, 600)
    with time_machine.travel(start + timedelta(seconds=61), tick=False):
        assert remove_ended() == 1


def naive_allow(limit: int, all_have_read: threading.Barrier) -> bool:
    """Read, then write: what `allow` must not do."""
    counter, _made = Counter.objects.get_or_create(
        scope="race", key="x", defaults={"spent": 0, "ends_at": timezone.now() + timedelta(hours=1)}
    )
    all_have_read.wait()
    if counter.spent >= limit:
        return False
    Counter.objects.filter(pk=counter.pk).update(spent=counter.spent + 1)
    return True


def allowed_in_a_race(deed: Callable[[], bool], threads: int = 8, rounds: int = 10) -> int:
    """Return how many of `threads * rounds` tries were allowed."""
    barrier, answers = threading.Barrier(threads, timeout=120), []

    def run() -> None:
        connection.ensure_connection()
        barrier.wait()
        answers.extend(deed() for _ in range(rounds))
        connection.close()

    running = [threading.Thread(target=run) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert len(answers) == threads * rounds
    return sum(answers)


@pytest.mark.django_db(transaction=True)
def test_race_shows_without_the_atomic_count() -> None:
    all_have_read = threading.Barrier(8, timeout=120)

    assert allowed_in_a_race(lambda: naive_allow(20, all_have_read)) > 20


@pytest.mark.django_db(transaction=True)
def test_race_allows_exactly_the_limit() -> None:
    assert allowed_in_a_race(lambda: allow("race", "x", 20, 3600)) == 20
    assert spent("race", "x") == 80
