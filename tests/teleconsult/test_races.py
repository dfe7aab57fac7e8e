"""Two people at once, on real connections. Each race is shown first with the lock off, else the test proves nothing."""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from teleconsult import workflow
from teleconsult.enums import Action
from teleconsult.exceptions import StaleVersion
from teleconsult.models import Event, Request
from teleconsult.permissions import Actor
from teleconsult.workflow import drafts, steps
from tests.teleconsult import factories

pytestmark = pytest.mark.django_db(transaction=True)
TWO = 2


def at_once(deeds: list[Callable[[], Any]]) -> list[Any]:
    """Do all at the same time, each on its own connection; return results and errors."""

    def do(deed: Callable[[], Any]) -> Any:
        try:
            return deed()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(do, deeds))


@pytest.fixture
def two_takers(transactional_db: None) -> tuple[Request, list[Callable[[], Any]]]:
    request = factories.make_submitted()
    people = [factories.add_coordinator() for _number in range(TWO)]

    def take(person: Any) -> Callable[[], Any]:
        return lambda: workflow.take(request=request, by=Actor.staff(person), seen_version=request.version)

    return request, [take(person) for person in people]


def test_one_takes_the_request_and_the_other_reads_who(two_takers: tuple[Request, list[Callable[[], Any]]]):
    request, deeds = two_takers

    results = at_once(deeds)

    assert sorted(type(result).__name__ for result in results) == ["Request", "StaleVersion"]
    loser = next(result for result in results if isinstance(result, StaleVersion))
    assert loser.who == "Carla Coordinator"
    assert request.events.filter(action=Action.TAKE).count() == 1


def test_without_the_lock_both_would_take_it(
    two_takers: tuple[Request, list[Callable[[], Any]]], monkeypatch: pytest.MonkeyPatch
):
    _request, deeds = two_takers
    barrier = threading.Barrier(TWO, timeout=120)

    def unlocked(request: Request) -> Request:
        found = Request.objects.select_related("office", "data_key", "facility").get(pk=request.pk)
        barrier.wait()
        return found

    monkeypatch.setattr(steps, "lock", unlocked)

    results = at_once(deeds)

    assert not any(isinstance(result, StaleVersion | threading.BrokenBarrierError) for result in results)


@pytest.mark.parametrize("times", [2, 6])
def test_a_form_pressed_many_times_at_once_makes_one_row(transactional_db: None, times: int):
    key = uuid.uuid4()

    results = at_once([lambda: workflow.start_draft(answers=factories.ANSWERS, idempotency_key=key)] * times)

    assert [type(result) for result in results] == [drafts.Started] * times
    assert Request.objects.count() == 1
    assert Event.objects.filter(action=Action.START).count() == 1
    assert Request.objects.get().receipts.filter(ended_at__isnull=True).count() == 1


def test_sent_twice_at_once_it_is_sent_once(transactional_db: None):
    draft = factories.make_draft()
    about = {
        "request": draft,
        "by": factories.patient_of(draft),
        "seen_version": draft.version,
        "idempotency_key": uuid.uuid4(),
        "coordination_consent": factories.coordination_hash(),
    }

    results = at_once([lambda: workflow.submit(**about)] * TWO)

    assert [type(result) for result in results] == [Request] * TWO
    assert draft.events.filter(action=Action.SUBMIT).count() == 1
    assert draft.consents.count() == 1
