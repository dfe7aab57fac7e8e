import datetime
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from accounts.models import User
from facilities.enums import StaffRole
from facilities.models import Facility, Membership
from teleconsult import permissions, reading, workflow
from teleconsult.enums import Role, Status
from teleconsult.exceptions import FileNotReady, NotAllowed
from teleconsult.models import CoordinationOffice, Document, OfficeMember, Request
from teleconsult.permissions import Actor
from tests.teleconsult import factories
from treatments.enums import DocumentKind
from vault.files import FileState
from vault.keys import opened_keys
from vault.trail import TrailEntry


def seen_by(user: object) -> set[str]:
    return {request.reference for request in Request.objects.visible_to(user)}


def test_each_sees_what_is_hers(
    coordinator: User,
    facility: Facility,
    facility_office: User,
    specialist: User,
    facility_editor: User,
    editor: User,
    administrator: User,
    stranger: User,
    draft: Request,
):
    submitted = factories.make_submitted()
    forwarded = factories.make_with_facility(coordinator, facility)
    named = factories.make_with_specialist(coordinator, facility, facility_office, specialist)
    everything = {submitted.reference, forwarded.reference, named.reference}

    assert seen_by(coordinator) == everything
    assert seen_by(facility_office) == {forwarded.reference, named.reference}
    assert seen_by(specialist) == {named.reference}
    for person in (facility_editor, editor, administrator, stranger, AnonymousUser()):
        assert seen_by(person) == set()


def test_documents_follow_their_request(coordinator: User, facility: Facility, facility_office: User, stranger: User):
    request = factories.make_with_facility(coordinator, facility)
    by = factories.patient_of(request)
    document = workflow.add_document(request=request, by=by, upload=factories.upload(), kind=DocumentKind.REPORT)

    assert list(Document.objects.visible_to(coordinator)) == [document]
    assert list(Document.objects.visible_to(facility_office)) == [document]
    assert not Document.objects.visible_to(stranger).exists()


def test_another_office_sees_nothing(db: None):
    factories.make_submitted()
    elsewhere = CoordinationOffice.objects.create(name="Elsewhere", is_receiving=False)

    assert seen_by(factories.add_coordinator(elsewhere)) == set()


def test_another_facility_sees_nothing(coordinator: User, facility: Facility, facility_office: User):
    factories.make_with_facility(coordinator, facility)
    other = factories.add_staff(factories.make_facility(), StaffRole.FACILITY_OFFICE)

    assert seen_by(other) == set()


def test_a_specialist_of_the_facility_sees_only_her_own_cases(
    coordinator: User, facility: Facility, facility_office: User, specialist: User
):
    factories.make_with_specialist(coordinator, facility, facility_office, specialist)
    colleague = factories.add_staff(facility, StaffRole.SPECIALIST)

    assert seen_by(colleague) == set()


def test_access_ends_with_the_role(coordinator: User, facility: Facility, facility_office: User, specialist: User):
    request = factories.make_with_specialist(coordinator, facility, facility_office, specialist)
    yesterday = timezone.localdate() - datetime.timedelta(days=1)
    Membership.objects.update(until=yesterday)
    OfficeMember.objects.update(until=yesterday)

    for person in (coordinator, facility_office, specialist):
        assert seen_by(person) == set()
        assert permissions.roles_of(person, request) == ()


def test_access_ends_with_the_account(coordinator: User):
    request = factories.make_submitted()
    coordinator.is_active = False
    coordinator.save()

    assert seen_by(coordinator) == set()
    assert permissions.roles_of(coordinator, request) == ()


def test_a_returned_case_is_no_longer_seen(coordinator: User, facility: Facility, facility_office: User):
    request = factories.make_with_facility(coordinator, facility)

    workflow.return_to_triage(
        request=request, by=Actor.staff(facility_office), seen_version=request.version, reason="no_capacity"
    )

    assert seen_by(facility_office) == set()
    assert seen_by(coordinator) == {request.reference}


@pytest.mark.parametrize("status", [Status.DRAFT, Status.EXPIRED, Status.ERASED])
def test_staff_see_no_draft_and_nothing_that_is_gone(coordinator: User, status: Status):
    request = factories.make_draft()
    if status != Status.DRAFT:
        factories.force_status(request, status, coordinator)

    assert seen_by(coordinator) == set()
    assert permissions.roles_of(coordinator, request) == ()


def test_visible_and_permitted_agree(
    coordinator: User, facility: Facility, facility_office: User, specialist: User, stranger: User
):
    elsewhere = CoordinationOffice.objects.create(name="Another office", is_receiving=False)
    others = [
        factories.reached(factories.make_facility()),
        factories.add_staff(factories.make_facility(), StaffRole.SPECIALIST),
        factories.add_staff(facility, StaffRole.SPECIALIST),
        factories.add_coordinator(elsewhere),
    ]
    requests = [
        factories.make_submitted(),
        factories.make_with_facility(coordinator, facility),
        factories.make_with_specialist(coordinator, facility, facility_office, specialist),
        factories.make_draft(),
    ]

    for person in (coordinator, facility_office, specialist, stranger, *others):
        visible = set(Request.objects.visible_to(person))
        assert visible == {request for request in requests if permissions.roles_of(person, request)}


def test_opening_a_list_costs_two_queries(coordinator: User, facility: Facility, django_assert_num_queries: Any):
    treatment = factories.make_treatment()
    for _number in range(3):
        factories.make_submitted(treatment=treatment)

    opened_keys.clear()
    with django_assert_num_queries(2):
        rows = Request.objects.visible_to(coordinator).in_queue_order().opened()
        questions = [row.question for row in rows]

    assert questions == [factories.ANSWERS["question"]] * 3
    assert [row.treatment for row in rows] == [treatment] * 3


def test_the_desk_is_open_to_three_roles(
    coordinator: User, facility_office: User, specialist: User, facility_editor: User, administrator: User
):
    desk = [coordinator, facility_office, specialist]

    assert [permissions.works_at_the_desk(user) for user in desk] == [True] * 3
    assert [permissions.works_at_the_desk(user) for user in (facility_editor, administrator)] == [False] * 2


# --- reading leaves a trace ------------------------------------------------------------------------------------------


@pytest.fixture
def document(coordinator: User, facility: Facility, facility_office: User) -> Document:
    request = factories.make_with_facility(coordinator, facility)
    by = factories.patient_of(request)
    made = workflow.add_document(request=request, by=by, upload=factories.upload(), kind=DocumentKind.REPORT)
    made.file.state = FileState.CLEAN
    made.file.save(update_fields=["state"])
    return made


def test_the_patient_reads_who_opened_what(document: Document, facility: Facility, facility_office: User):
    reading.view_request(request=document.request, by=Actor.staff(facility_office))
    file = reading.open_document(document=document, by=Actor.staff(facility_office))

    openings = reading.openings_of(document.request)
    assert file == document.file
    assert [(item.role, item.facility) for item in openings[str(document.pk)]] == [(Role.FACILITY_OFFICE, facility)]
    assert len(openings[str(document.request.pk)]) == 1


def test_what_a_person_opens_again_soon_is_told_once(document: Document, facility_office: User, time_machine: Any):
    begun = datetime.datetime(2026, 3, 10, 9, 0, tzinfo=datetime.UTC)
    moments = [begun + datetime.timedelta(minutes=minutes) for minutes in (0, 20, 45, 120)]
    for moment in moments:
        time_machine.move_to(moment, tick=False)
        reading.open_document(document=document, by=Actor.staff(facility_office))

    def told(*, every: bool) -> list[datetime.datetime]:
        return [opening.at for opening in reading.openings_of(document.request, every=every)[str(document.pk)]]

    assert told(every=False) == [moments[3], moments[0]]
    assert told(every=True) == moments[::-1]


def test_the_patients_own_reading_is_no_opening(document: Document):
    reading.open_document(document=document, by=factories.patient_of(document.request))

    assert reading.openings_of(document.request) == {}
    assert TrailEntry.objects.of_case(document.request).last().action == "downloaded"


def test_a_stranger_reads_nothing_and_leaves_a_refusal(document: Document, stranger: User):
    by = Actor.staff(stranger)
    with pytest.raises(NotAllowed):
        reading.open_document(document=document, by=by)

    reading.refuse(request=document.request, by=by, what="download")

    last = TrailEntry.objects.of_case(document.request).last()
    assert (last.action, last.actor_id) == ("refused", str(stranger.pk))


@pytest.mark.parametrize("state", [FileState.RECEIVED, FileState.JUDGED])
def test_a_file_waits_until_it_is_judged(document: Document, coordinator: User, state: str):
    document.file.state = state
    document.file.save(update_fields=["state"])

    with pytest.raises(FileNotReady):
        reading.open_document(document=document, by=Actor.staff(coordinator))
