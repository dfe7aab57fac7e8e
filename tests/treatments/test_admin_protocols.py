"""A hospital proposes a protocol of its own, paper by paper; an editor publishes it."""

import pytest
from django.test import Client

from accounts.models import User
from facilities.models import Facility
from publishing import workflow
from publishing.enums import ChangeAction, FactState, SourceKind
from publishing.models import Change
from tests.treatments.factories import make_protocol, make_treatment
from treatments.models import Protocol, RequiredDocument

pytestmark = pytest.mark.django_db

ADD = "/admin/treatments/protocol/add/"
PAPER = "/admin/treatments/requireddocument/add/"


def typed(facility: Facility, **others: object) -> dict[str, object]:
    return {
        "facility": facility.pk,
        "name_en": "Opinion on hearts",
        "name_it": "Parere sul cuore",
        "document_languages": "en\nit",
        "report_languages": "en",
        "promised_working_days": "5",
        "clock_starts": "file_complete",
        "restarts_with_documents": "on",
        "update_months": "12",
        "includes_consultation": "unknown",
        "valid_from": "2026-01-01",
    } | others


def test_she_adds_a_protocol_and_its_papers(own: Facility, as_facility_editor: Client, editor: User) -> None:
    treatment = make_treatment()

    response = as_facility_editor.post(ADD, typed(own, treatments=[treatment.pk]))

    assert response.status_code == 302, response.context["adminform"].form.errors
    assert not Protocol.objects.exists()
    change = Change.objects.get()
    assert (change.action, change.facility_id) == (ChangeAction.ADD, own.pk)
    workflow.publish(change=change, by=editor)
    protocol = Protocol.objects.get()
    assert (protocol.slug, protocol.version) == (f"{own.slug}-opinion-on-hearts", 1)
    assert (protocol.state, protocol.source_kind) == (FactState.VERIFIED, SourceKind.FACILITY)
    assert (protocol.restarts_with_documents, protocol.update_months) == (True, 12)
    assert list(protocol.treatments.all()) == [treatment]
    assert list(Protocol.objects.in_force()) == [protocol]

    paper = {"protocol": protocol.pk, "position": 1, "kind": "report", "what_en": "Letter", "what_it": "Lettera"}
    as_facility_editor.post(PAPER, paper)
    workflow.publish(change=Change.objects.open().get(), by=editor)
    assert RequiredDocument.objects.get().what_en == "Letter"


def test_two_hospitals_may_wait_at_once_and_a_name_taken_gets_a_number(
    own: Facility, as_facility_editor: Client, editor: User
) -> None:
    make_protocol(own, slug=f"{own.slug}-opinion-on-hearts")

    as_facility_editor.post(ADD, typed(own))
    workflow.publish(change=Change.objects.get(), by=editor)

    assert Protocol.objects.filter(slug=f"{own.slug}-opinion-on-hearts-2", version=1).exists()


def test_she_cannot_add_one_for_another_hospital(own: Facility, foreign: Facility, as_facility_editor: Client) -> None:
    response = as_facility_editor.post(ADD, typed(foreign))

    assert response.status_code == 200
    assert not Change.objects.exists()


def test_the_form_asks_her_for_no_source(own: Facility, as_facility_editor: Client) -> None:
    page = as_facility_editor.get(ADD).content.decode()

    assert 'name="restarts_with_documents"' in page
    assert 'name="source"' not in page


def test_what_the_database_would_refuse_is_said(own: Facility, as_facility_editor: Client) -> None:
    response = as_facility_editor.post(ADD, typed(own, minimum_age="60", maximum_age="18"))

    assert response.status_code == 200
    assert "The highest age is lower than the lowest." in response.content.decode()
