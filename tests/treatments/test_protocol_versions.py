"""A version of a protocol that a request was checked against stays as it was, whatever is published."""

import datetime
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from accounts.models import User
from publishing import workflow
from publishing.enums import FactState, TextStatus
from publishing.exceptions import Invalid, Stale
from publishing.models import Change, TextState
from teleconsult.models import CoordinationOffice, Request
from tests.teleconsult.factories import make_draft
from tests.treatments.factories import make_facility, make_protocol, make_treatment
from treatments.models import Protocol, RequiredDocument

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

TODAY = datetime.date(2026, 12, 1)


@pytest.fixture
def clock() -> Any:
    with time_machine.travel("2026-12-01 12:00:00+00:00", tick=False):
        yield


@pytest.fixture
def protocol() -> Protocol:
    return make_protocol(make_facility(), slug="rules", treatments=(make_treatment(),), name_en="Rules")


@pytest.fixture
def asked(protocol: Protocol) -> Request:
    CoordinationOffice.objects.get_or_create(is_receiving=True, defaults={"name": "Health Lombardy"})
    request = make_draft(facility=protocol.facility)
    Request.objects.filter(pk=request.pk).update(protocol=protocol)
    request.refresh_from_db()
    return request


def publish(edited: Any, by: User, **after: Any) -> Change:
    change = workflow.propose_edit(edited=edited, after=after, by=by)
    assert change is not None
    return workflow.publish(change=change, by=by)


def rules_of(protocol: Protocol) -> list[Any]:
    """Return every rule of a version as it is stored, apart from its end."""
    ignored = {"valid_until"}
    row = Protocol.objects.filter(pk=protocol.pk).values().get()
    papers = list(RequiredDocument.objects.filter(protocol=protocol.pk).order_by("position").values())
    return [{name: value for name, value in row.items() if name not in ignored}, papers]


def test_an_unused_version_is_edited_in_place(protocol: Protocol, editor: User) -> None:
    publish(protocol, editor, promised_working_days=9)

    assert list(Protocol.objects.values_list("version", "promised_working_days")) == [(1, 9)]


def test_a_used_version_stays_and_the_next_begins_today(protocol: Protocol, asked: Request, editor: User) -> None:
    before = rules_of(protocol)

    change = publish(protocol, editor, promised_working_days=9, name_it="Regole")

    new = Protocol.objects.get(version=2)
    assert rules_of(protocol) == before
    assert (new.promised_working_days, new.name_it, new.name_en) == (9, "Regole", "Rules")
    assert (new.valid_from, new.valid_until) == (TODAY, None)
    assert Protocol.objects.get(version=1).valid_until == TODAY
    assert change.object_id == new.pk
    assert list(new.treatments.all()) == list(protocol.treatments.all())
    assert [paper.what_en for paper in new.required_documents.all()] == ["Scans", "Report"]
    assert list(Protocol.objects.in_force()) == [new]
    asked.refresh_from_db()
    assert asked.protocol == protocol


def test_a_new_version_may_begin_later_and_the_old_one_holds_until_then(
    protocol: Protocol, asked: Request, editor: User
) -> None:
    publish(protocol, editor, fee="80.00", valid_from="2027-01-01")

    assert [row.version for row in Protocol.objects.in_force(datetime.date(2026, 12, 31))] == [1]
    assert [row.version for row in Protocol.objects.in_force(datetime.date(2027, 1, 1))] == [2]


def test_new_rules_never_begin_in_the_past(protocol: Protocol, asked: Request, editor: User) -> None:
    with pytest.raises(Invalid, match="begin today or later"):
        publish(protocol, editor, fee="80.00", valid_from="2026-11-30")

    assert Protocol.objects.count() == 1


def test_a_version_used_on_its_first_day_is_replaced_on_that_day(asked: Request, editor: User) -> None:
    Protocol.objects.update(valid_from=TODAY)

    publish(Protocol.objects.get(), editor, fee="80.00")

    assert [row.version for row in Protocol.objects.in_force()] == [2]


def test_what_is_no_rule_is_written_in_place(protocol: Protocol, asked: Request, editor: User) -> None:
    publish(protocol, editor, note="asked by phone", valid_until="2027-01-01", state=FactState.UNVERIFIED.value)

    assert Protocol.objects.get().note == "asked by phone"


def test_who_stands_behind_the_texts_goes_along(protocol: Protocol, asked: Request, editor: User) -> None:
    publish(protocol, editor, name_it="Regole")

    new = Protocol.objects.get(version=2)
    publish(Protocol.objects.get(version=2), editor, name_de="Regeln")
    Request.objects.update(protocol=new)
    publish(new, editor, minimum_age=3)

    newest = Protocol.objects.get(version=3)
    states = TextState.objects.filter(object_id=newest.pk, content_type__model="protocol", status=TextStatus.TRANSLATED)
    assert set(states.values_list("language", flat=True)) == {"it", "de"}


def test_an_edit_of_a_paper_makes_a_version_too(protocol: Protocol, asked: Request, editor: User) -> None:
    before = rules_of(protocol)

    publish(protocol.required_documents.get(position=2), editor, maximum_age_days=10)

    assert rules_of(protocol) == before
    new = Protocol.objects.get(version=2)
    assert [paper.maximum_age_days for paper in new.required_documents.all()] == [None, 10]


def test_a_paper_is_added_to_the_next_version_and_taken_back(protocol: Protocol, asked: Request, editor: User) -> None:
    before = rules_of(protocol)
    after = {"protocol": protocol.pk, "position": 3, "kind": "authority", "what_en": "Proof"}

    change = workflow.propose_addition(model=RequiredDocument, after=after, by=editor)
    change = workflow.publish(change=change, by=editor)

    assert rules_of(protocol) == before
    new = Protocol.objects.get(version=2)
    assert [paper.what_en for paper in new.required_documents.all()] == ["Scans", "Report", "Proof"]
    workflow.publish(change=workflow.undo(change=change, by=editor), by=editor)
    assert new.required_documents.count() == 2


def test_a_paper_is_removed_from_the_next_version_and_comes_back(
    protocol: Protocol, asked: Request, editor: User
) -> None:
    before = rules_of(protocol)

    change = workflow.propose_removal(removed=protocol.required_documents.get(position=1), by=editor)
    change = workflow.publish(change=change, by=editor)

    assert rules_of(protocol) == before
    new = Protocol.objects.get(version=2)
    assert [paper.what_en for paper in new.required_documents.all()] == ["Report"]
    workflow.publish(change=workflow.undo(change=change, by=editor), by=editor)
    assert [paper.what_en for paper in new.required_documents.all()] == ["Scans", "Report"]


def test_an_edit_is_taken_back_in_the_new_version(protocol: Protocol, asked: Request, editor: User) -> None:
    change = publish(protocol, editor, promised_working_days=9)

    workflow.publish(change=workflow.undo(change=change, by=editor), by=editor)

    assert list(Protocol.objects.order_by("version").values_list("version", "promised_working_days")) == [
        (1, 5),
        (2, 5),
    ]


def test_a_change_of_a_version_that_was_replaced_is_refused(protocol: Protocol, asked: Request, editor: User) -> None:
    paper = protocol.required_documents.get(position=1)
    waiting = workflow.propose_edit(edited=paper, after={"maximum_age_days": 7}, by=editor)
    assert waiting is not None
    publish(protocol, editor, promised_working_days=9)

    with pytest.raises((Invalid, Stale), match=r"newer version|have changed"):
        workflow.publish(change=waiting, by=editor)

    assert Protocol.objects.count() == 2
    assert not RequiredDocument.objects.filter(maximum_age_days=7).exists()


def test_a_protocol_of_today_is_the_day_of_milan(protocol: Protocol, asked: Request, editor: User) -> None:
    with time_machine.travel("2026-12-01 23:30:00+00:00", tick=False):
        publish(protocol, editor, promised_working_days=9)
        assert Protocol.objects.get(version=2).valid_from == timezone.localdate()
