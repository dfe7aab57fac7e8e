"""The way of an edit, without any page."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection, transaction

from accounts.models import User
from facilities.models import Accreditation, Facility, Membership
from publishing import published, workflow
from publishing.editing import kind_of, values
from publishing.enums import ChangeAction, ChangeState, FactState, TextStatus
from publishing.exceptions import (
    ChangeRefused,
    Gone,
    Invalid,
    NoteMissing,
    NothingToUndo,
    NotOpen,
    NotWaiting,
    OpenChange,
    Stale,
)
from publishing.models import Change, TextState
from search.models import Entry as SearchEntry
from tests.accounts.factories import make_user
from tests.publishing.factories import make_facility_editor
from tests.treatments.factories import make_accreditation, make_district, make_facility, make_offer, make_treatment
from treatments.models import Offer, Treatment

pytestmark = pytest.mark.django_db


def row(edited: Any) -> dict[str, Any]:
    """Return a row as the database has it."""
    return type(edited).objects.filter(pk=edited.pk).values().get()


def test_proposing_writes_a_change_and_no_row(own: Facility, facility_editor: User) -> None:
    before = row(own)

    change = workflow.propose_edit(edited=own, after={"summary_it": "Un ospedale."}, by=facility_editor)

    assert row(own) == before
    assert change.fields == {"summary_it": ["", "Un ospedale."]}
    assert (change.state, change.author, change.facility_id) == (ChangeState.SUBMITTED, facility_editor, own.pk)


def test_publishing_writes_the_row_and_keeps_the_change(own: Facility, facility_editor: User, editor: User) -> None:
    change = workflow.propose_edit(edited=own, after={"usual_name_de": "Älteres Spital"}, by=facility_editor)

    workflow.publish(change=change, by=editor)

    own.refresh_from_db()
    change.refresh_from_db()
    assert own.usual_name_de == "Älteres Spital"
    assert own.sort_key_de == "alteres spital"
    assert (change.state, change.decided_by) == (ChangeState.PUBLISHED, editor)


def test_a_second_proposal_goes_into_the_open_change(own: Facility, facility_editor: User, editor: User) -> None:
    first = workflow.propose_edit(edited=own, after={"summary_it": "Uno."}, by=facility_editor)
    second = workflow.propose_edit(edited=own, after={"summary_it": "Due.", "group": "G"}, by=facility_editor)

    assert first.pk == second.pk
    assert second.after() == {"summary_it": "Due.", "group": "G"}
    assert Change.objects.count() == 1


def test_a_facility_does_not_overwrite_what_an_editor_proposed_elsewhere(
    own: Facility, facility_editor: User, editor: User
) -> None:
    workflow.propose_edit(edited=own, after={"official_name": "Ospedale Nuovo"}, by=editor)

    with pytest.raises(OpenChange):
        workflow.propose_edit(edited=own, after={"summary_it": "Uno."}, by=facility_editor)


def test_going_back_to_what_is_published_discards_the_change(own: Facility, facility_editor: User) -> None:
    workflow.propose_edit(edited=own, after={"group": "G"}, by=facility_editor)

    change = workflow.propose_edit(edited=own, after={"group": ""}, by=facility_editor)

    assert change.state == ChangeState.DISCARDED
    assert workflow.propose_edit(edited=own, after={"group": ""}, by=facility_editor) is None


@pytest.mark.parametrize("column", ["official_name", "is_published", "latitude", "slug", "is_demo", "verified_on"])
def test_a_facility_may_not_touch_other_columns(own: Facility, facility_editor: User, column: str) -> None:
    with pytest.raises(PermissionDenied):
        workflow.propose_edit(edited=own, after={column: "x"}, by=facility_editor)


def test_strangers_former_editors_and_administrators_propose_nothing(
    own: Facility, foreign: Facility, facility_editor: User, stranger: User, administrator: User
) -> None:
    for user, facility in ((stranger, own), (administrator, own), (facility_editor, foreign)):
        with pytest.raises(PermissionDenied):
            workflow.propose_edit(edited=facility, after={"group": "G"}, by=user)
    Membership.objects.update(since="2020-01-01", until="2020-02-01")
    with pytest.raises(PermissionDenied):
        workflow.propose_edit(edited=own, after={"group": "G"}, by=facility_editor)
    assert not Change.objects.exists()


def test_only_editors_decide(own: Facility, facility_editor: User, administrator: User) -> None:
    change = workflow.propose_edit(edited=own, after={"group": "G"}, by=facility_editor)

    for user in (facility_editor, administrator):
        with pytest.raises(PermissionDenied):
            workflow.publish(change=change, by=user)
        with pytest.raises(PermissionDenied):
            workflow.send_back(change=change, note="Why?", by=user)
    with pytest.raises(PermissionDenied):
        workflow.discard(change=change, by=administrator)
    assert workflow.discard(change=change, by=facility_editor).state == ChangeState.DISCARDED


def test_a_facility_may_not_drop_an_editors_change(own: Facility, facility_editor: User, editor: User) -> None:
    change = workflow.propose_edit(edited=own, after={"is_published": False}, by=editor)

    with pytest.raises(PermissionDenied):
        workflow.discard(change=change, by=facility_editor)


def test_sent_back_needs_a_note_and_a_new_save(own: Facility, facility_editor: User, editor: User) -> None:
    change = workflow.propose_edit(edited=own, after={"group": "G"}, by=facility_editor)
    with pytest.raises(NoteMissing):
        workflow.send_back(change=change, note="  ", by=editor)

    workflow.send_back(change=change, note="Which group?", by=editor)

    with pytest.raises(NotWaiting):
        workflow.publish(change=change, by=editor)
    again = workflow.propose_edit(edited=own, after={"group": "Group G"}, by=facility_editor)
    assert (again.pk, again.state) == (change.pk, ChangeState.SUBMITTED)
    assert workflow.publish(change=again, by=editor).state == ChangeState.PUBLISHED


def test_publishing_refuses_when_the_published_values_moved(own: Facility, facility_editor: User, editor: User) -> None:
    change = workflow.propose_edit(edited=own, after={"summary_it": "Uno."}, by=facility_editor)
    Facility.objects.filter(pk=own.pk).update(summary_en="Another hospital.")

    with pytest.raises(Stale, match=r"In short \(English\)"):
        workflow.publish(change=change, by=editor)

    own.refresh_from_db()
    assert not own.summary_it
    workflow.propose_edit(edited=own, after={"summary_it": "Uno."}, by=facility_editor)
    workflow.publish(change=change, by=editor)


def test_a_change_is_decided_once(own: Facility, facility_editor: User, editor: User) -> None:
    change = workflow.propose_edit(edited=own, after={"group": "G"}, by=facility_editor)
    workflow.publish(change=change, by=editor)

    for step in (workflow.publish, workflow.discard):
        with pytest.raises(NotOpen):
            step(change=change, by=editor)


def test_publishing_checks_the_rules_again(own: Facility, editor: User) -> None:
    accreditation = make_accreditation(own, valid_from="2026-01-01")
    change = workflow.propose_edit(edited=accreditation, after={"valid_until": "2025-01-01"}, by=editor)

    with pytest.raises(Invalid, match="accreditation_period"):
        workflow.publish(change=change, by=editor)

    change = workflow.propose_edit(edited=own, after={"website": "javascript:alert(1)"}, by=editor)
    with pytest.raises(Invalid, match="Website"):
        workflow.publish(change=change, by=editor)
    change.refresh_from_db()
    assert change.state == ChangeState.SUBMITTED


def test_text_states_say_who_stands_behind(own: Facility, facility_editor: User, editor: User) -> None:
    workflow.publish(
        change=workflow.propose_edit(
            edited=own, after={"summary_it": "Uno.", "summary_de": "Eins."}, by=facility_editor
        ),
        by=editor,
    )
    state = TextState.objects.get(object_id=own.pk, field="summary", language="it")
    assert (state.status, state.reviewed_by) == (TextStatus.TRANSLATED, editor)

    workflow.publish(
        change=workflow.propose_edit(
            edited=own, after={"summary_en": "New.", "summary_de": "Neu."}, by=facility_editor
        ),
        by=editor,
    )

    states = dict(TextState.objects.filter(object_id=own.pk, field="summary").values_list("language", "status"))
    assert states == {"en": TextStatus.ORIGINAL, "it": TextStatus.OUTDATED, "de": TextStatus.TRANSLATED}


def test_an_emptied_text_is_missing(own: Facility, editor: User) -> None:
    Facility.objects.filter(pk=own.pk).update(summary_it="Uno.")

    workflow.publish(change=workflow.propose_edit(edited=own, after={"summary_it": ""}, by=editor), by=editor)

    assert TextState.objects.get(object_id=own.pk, field="summary", language="it").status == TextStatus.MISSING


def test_search_is_told_in_the_transaction(own: Facility, editor: User) -> None:
    workflow.publish(change=workflow.propose_edit(edited=own, after={"usual_name_en": "Quuxium"}, by=editor), by=editor)

    assert SearchEntry.objects.filter(language="en", name="Quuxium").exists()


def test_a_listener_that_fails_leaves_everything_as_it_was(
    own: Facility, editor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(edited: Any) -> None:
        raise RuntimeError

    monkeypatch.setitem(published._listeners, Facility, [fail])
    change = workflow.propose_edit(edited=own, after={"group": "G"}, by=editor)

    with pytest.raises(RuntimeError):
        workflow.publish(change=change, by=editor)

    own.refresh_from_db()
    change.refresh_from_db()
    assert (own.group, change.state) == ("", ChangeState.SUBMITTED)


def test_offers_are_added_and_removed_by_changes(own: Facility, facility_editor: User, editor: User) -> None:
    treatment = make_treatment()
    after = {"facility": own.pk, "treatment": treatment.pk, "state": FactState.VERIFIED.value}
    added = workflow.propose_addition(model=Offer, after=after, by=facility_editor)
    assert not Offer.objects.exists()

    added = workflow.publish(change=added, by=editor)

    offer = Offer.objects.get()
    assert (offer.facility, offer.treatment, added.object_id) == (own, treatment, offer.pk)
    removed = workflow.propose_removal(removed=offer, by=facility_editor)
    assert Offer.objects.count() == 1
    workflow.publish(change=removed, by=editor)
    assert not Offer.objects.exists()


def test_the_same_offer_is_proposed_once(own: Facility, facility_editor: User, editor: User) -> None:
    treatment = make_treatment()
    after = {"facility": own.pk, "treatment": treatment.pk}
    workflow.propose_addition(model=Offer, after=after, by=facility_editor)

    with pytest.raises(OpenChange):
        workflow.propose_addition(model=Offer, after=after | {"note": "again"}, by=editor)
    make_offer(other := make_treatment(), own)
    with pytest.raises(Invalid):
        workflow.propose_addition(model=Offer, after={"facility": own.pk, "treatment": other.pk}, by=editor)


def test_a_facility_adds_and_removes_its_own_offers_only(
    own: Facility, foreign: Facility, facility_editor: User
) -> None:
    treatment = make_treatment()
    offer = make_offer(treatment, foreign)
    accreditation = make_accreditation(own)

    with pytest.raises(PermissionDenied):
        workflow.propose_addition(
            model=Offer, after={"facility": foreign.pk, "treatment": make_treatment().pk}, by=facility_editor
        )
    for removed in (offer, accreditation):
        with pytest.raises(PermissionDenied):
            workflow.propose_removal(removed=removed, by=facility_editor)
    with pytest.raises(PermissionDenied):
        workflow.propose_addition(
            model=Accreditation, after={"facility": own.pk, "body": "B", "level": "L"}, by=facility_editor
        )
    with pytest.raises(PermissionDenied):
        workflow.propose_edit(
            edited=make_offer(make_treatment(), own), after={"facility": foreign.pk}, by=facility_editor
        )


@pytest.mark.parametrize("action", [ChangeAction.EDIT, ChangeAction.ADD, ChangeAction.REMOVE])
def test_undo_is_the_reverse_change(own: Facility, editor: User, action: ChangeAction) -> None:
    offer = make_offer(make_treatment(), own, is_confirmed=False)
    columns = kind_of(Offer).columns
    before = [values(item, columns) for item in Offer.objects.order_by("treatment")]
    if action == ChangeAction.EDIT:
        change = workflow.propose_edit(edited=offer, after={"note": "N"}, by=editor)
    elif action == ChangeAction.ADD:
        change = workflow.propose_addition(
            model=Offer, after={"facility": own.pk, "treatment": make_treatment().pk}, by=editor
        )
    else:
        change = workflow.propose_removal(removed=offer, by=editor)
    with pytest.raises(NothingToUndo):
        workflow.undo(change=change, by=editor)
    workflow.publish(change=change, by=editor)
    assert [values(item, columns) for item in Offer.objects.order_by("treatment")] != before

    reverse = workflow.undo(change=change, by=editor)
    workflow.publish(change=reverse, by=editor)

    assert [values(item, columns) for item in Offer.objects.order_by("treatment")] == before
    assert (reverse.undoes, Change.objects.count()) == (change, 2)


def test_undo_refuses_what_was_edited_since(own: Facility, editor: User) -> None:
    first = workflow.propose_edit(edited=own, after={"group": "G"}, by=editor)
    workflow.publish(change=first, by=editor)
    workflow.publish(change=workflow.propose_edit(edited=own, after={"group": "H"}, by=editor), by=editor)

    with pytest.raises(Stale, match="Group"):
        workflow.undo(change=first, by=editor)


def test_what_is_gone_is_said(own: Facility, editor: User) -> None:
    offer = make_offer(make_treatment(), own)
    change = workflow.propose_edit(edited=offer, after={"note": "N"}, by=editor)
    Offer.objects.all().delete()

    with pytest.raises(Gone):
        workflow.publish(change=change, by=editor)


def test_relations_are_part_of_a_change(editor: User) -> None:
    treatment = make_treatment()
    district = make_district()
    change = workflow.propose_edit(edited=treatment, after={"body_districts": [district.pk]}, by=editor)
    assert not treatment.body_districts.exists()

    workflow.publish(change=change, by=editor)

    assert list(treatment.body_districts.all()) == [district]


def test_lists_of_words_are_part_of_a_change(editor: User) -> None:
    treatment = make_treatment()
    change = workflow.propose_edit(edited=treatment, after={"synonyms_en": ["hip, new", "joint"]}, by=editor)

    workflow.publish(change=change, by=editor)

    assert Treatment.objects.get().synonyms_en == ["hip, new", "joint"]


def test_database_holds_one_open_change_an_object(own: Facility, editor: User) -> None:
    change = workflow.propose_edit(edited=own, after={"group": "G"}, by=editor)
    change.pk, change._state.adding = None, True

    with pytest.raises(IntegrityError), transaction.atomic():
        Change.objects.create(
            content_type=change.content_type, object_id=own.pk, title="x", base_version="x", author=editor
        )


def run_together(*steps: Callable[[], object]) -> list[object]:
    """Run steps in threads of their own, started at once; return results or exceptions."""
    barrier = threading.Barrier(len(steps), timeout=120)
    results: list[object] = [None] * len(steps)

    def run(number: int, step: Callable[[], object]) -> None:
        try:
            barrier.wait()
            results[number] = step()
        except Exception as error:
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(steps)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    return results


@pytest.mark.django_db(transaction=True)
def test_two_editors_publish_at_once() -> None:
    facility, editors = make_facility(), [make_user(roles=("editor",)), make_user(roles=("editor",))]
    for number in range(5):
        change = workflow.propose_edit(edited=facility, after={"group": f"G{number}"}, by=editors[0])

        results = run_together(*(lambda by=by, change=change: workflow.publish(change=change, by=by) for by in editors))

        refused = [result for result in results if isinstance(result, NotOpen)]
        assert (len(refused), len([item for item in results if isinstance(item, Change)])) == (1, 1), results


@pytest.mark.django_db(transaction=True)
def test_two_people_propose_at_once() -> None:
    facility = make_facility()
    people = [make_facility_editor(facility), make_facility_editor(facility)]

    results = run_together(
        *(lambda by=by: workflow.propose_edit(edited=facility, after={"group": str(by.pk)}, by=by) for by in people)
    )

    assert all(isinstance(result, Change | ChangeRefused) for result in results), results
    assert Change.objects.open().count() == 1
