"""The queue of changes: read side by side, published, sent back, discarded, taken back."""

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from accounts.models import User
from facilities.models import Facility
from publishing import workflow
from publishing.enums import ChangeState
from publishing.models import Change
from tests.publishing.factories import address, save

pytestmark = pytest.mark.django_db

LIST = "/admin/publishing/change/"


@pytest.fixture
def change(own: Facility, facility_editor: User) -> Change:
    return workflow.propose_edit(edited=own, after={"summary_it": "Un ospedale.", "group": "G"}, by=facility_editor)


def state(change: Change) -> str:
    change.refresh_from_db()
    return change.state


def test_an_editor_reads_before_and_after(change: Change, as_editor: Client) -> None:
    page = as_editor.get(address("change", change)).content.decode()

    assert "In short (Italian)" in page
    assert "Un ospedale." in page
    assert "Fay Example" in page
    assert 'lang="it"' in page


def test_an_editor_publishes(own: Facility, change: Change, as_editor: Client) -> None:
    response = as_editor.post(address("change", change), {"_publish": "1", "note": ""})

    assert response.status_code == 302
    assert state(change) == ChangeState.PUBLISHED
    own.refresh_from_db()
    assert own.summary_it == "Un ospedale."


def test_published_is_what_patients_read(own: Facility, change: Change, as_editor: Client, client: Client) -> None:
    own_page = "/it/facilities/own/"
    assert "Un ospedale." not in client.get(own_page).content.decode()

    as_editor.post(address("change", change), {"_publish": "1"})

    assert "Un ospedale." in client.get(own_page).content.decode()


def test_an_editor_sends_back_and_the_author_reads_why(
    own: Facility, change: Change, as_editor: Client, as_facility_editor: Client
) -> None:
    refused = as_editor.post(address("change", change), {"_send_back": "1", "note": " "})
    assert "Write a note" in refused.content.decode()

    as_editor.post(address("change", change), {"_send_back": "1", "note": "Which <b>group</b>?"})

    assert state(change) == ChangeState.RETURNED
    for path in (address("change", own), address("change", change)):
        assert "Which &lt;b&gt;group&lt;/b&gt;?" in as_facility_editor.get(path).content.decode()
    save(as_facility_editor, own, group="Group G")
    assert state(change) == ChangeState.SUBMITTED


def test_what_moved_is_named_and_nothing_is_published(own: Facility, change: Change, as_editor: Client) -> None:
    Facility.objects.filter(pk=own.pk).update(summary_en="Moved.")

    response = as_editor.post(address("change", change), {"_publish": "1"})

    assert response.status_code == 200
    assert "The published values have changed since: In short (English)." in response.content.decode()
    assert state(change) == ChangeState.SUBMITTED


@pytest.mark.parametrize("step", ["_publish", "_send_back", "_undo"])
def test_a_facility_editor_takes_no_editors_step(change: Change, as_facility_editor: Client, step: str) -> None:
    response = as_facility_editor.post(address("change", change), {step: "1", "note": "x"})

    assert response.status_code == 403
    assert state(change) == ChangeState.SUBMITTED
    as_facility_editor.post(LIST, {"action": "publish_chosen", "_selected_action": [change.pk]})
    assert state(change) == ChangeState.SUBMITTED


def test_she_withdraws_her_own(change: Change, as_facility_editor: Client) -> None:
    assert "Withdraw" in as_facility_editor.get(address("change", change)).content.decode()

    as_facility_editor.post(address("change", change), {"_discard": "1"})

    assert state(change) == ChangeState.DISCARDED


def test_many_are_published_at_once_each_by_itself(
    own: Facility, foreign: Facility, change: Change, editor: User, as_editor: Client
) -> None:
    other = workflow.propose_edit(edited=foreign, after={"group": "H"}, by=editor)
    Facility.objects.filter(pk=own.pk).update(summary_en="Moved.")

    response = as_editor.post(
        LIST, {"action": "publish_chosen", "_selected_action": [change.pk, other.pk]}, follow=True
    )

    assert (state(change), state(other)) == (ChangeState.SUBMITTED, ChangeState.PUBLISHED)
    assert "1 change is published." in response.content.decode()
    assert "In short (English)" in response.content.decode()


def test_taking_back_makes_the_reverse(own: Facility, change: Change, as_editor: Client) -> None:
    as_editor.post(address("change", change), {"_publish": "1"})

    as_editor.post(address("change", change), {"_undo": "1"})

    reverse_change = Change.objects.open().get()
    assert reverse_change.after() == {"summary_it": "", "group": ""}
    page = as_editor.get(address("change", change)).content.decode()
    assert reverse("admin:publishing_change_change", args=[reverse_change.pk]) in page


def test_nobody_adds_edits_or_deletes_changes_by_hand(change: Change, as_editor: Client) -> None:
    assert as_editor.get(f"{LIST}add/").status_code == 403
    assert as_editor.post(address("delete", change), {"post": "yes"}).status_code == 403
    as_editor.post(address("change", change), {"state": "published", "title": "x"})
    assert state(change) == ChangeState.SUBMITTED


def test_django_s_log_stays_empty(own: Facility, change: Change, as_editor: Client) -> None:
    save(as_editor, own, group="H")
    as_editor.post(address("change", change), {"_publish": "1"})

    assert not LogEntry.objects.exists()


def test_pages_speak_italian(own: Facility, editor: User, as_editor: Client) -> None:
    editor.language = "it"
    editor.save()

    assert '<html lang="it"' in as_editor.get(address("change", own)).content.decode()
