"""A facility's editor confirms, adds and removes what her hospital offers."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from facilities.models import Facility
from publishing import workflow
from publishing.enums import ChangeAction, FactState, SourceKind
from publishing.models import Change
from tests.publishing.factories import address, client_of, form_values, make_facility_editor, save
from tests.treatments.factories import make_condition, make_offer, make_protocol, make_treatment
from treatments.models import Offer, RequiredDocument

pytestmark = pytest.mark.django_db

ADD = "/admin/treatments/offer/add/"
LIST = "/admin/treatments/offer/"


def test_she_confirms_an_indicative_offer(own: Facility, as_facility_editor: Client, editor: User) -> None:
    offer = make_offer(make_treatment(), own, is_confirmed=False)

    save(as_facility_editor, offer, is_confirmed="on")
    offer.refresh_from_db()
    assert offer.state == FactState.INDICATIVE
    workflow.publish(change=Change.objects.get(), by=editor)

    offer.refresh_from_db()
    assert (offer.state, offer.source, offer.source_kind) == (
        FactState.VERIFIED,
        "confirmed by the hospital",
        SourceKind.FACILITY,
    )
    assert offer.read_on is not None


def test_she_confirms_many_at_once(own: Facility, foreign: Facility, as_facility_editor: Client) -> None:
    offers = [make_offer(make_treatment(), facility, is_confirmed=False) for facility in (own, own, foreign)]
    confirmed = make_offer(make_treatment(), own)

    chosen = [offer.pk for offer in [*offers, confirmed]]
    as_facility_editor.post(LIST, {"action": "confirm", "_selected_action": chosen})

    assert {change.object_id for change in Change.objects.all()} == {offer.pk for offer in offers[:2]}


def test_a_tick_taken_away_withdraws_the_proposal(own: Facility, as_facility_editor: Client) -> None:
    offer = make_offer(make_treatment(), own, is_confirmed=False)
    save(as_facility_editor, offer, is_confirmed="on")
    sent = form_values(as_facility_editor, address("change", offer))
    assert sent.pop("is_confirmed") == "on"

    as_facility_editor.post(address("change", offer), sent)

    assert not Change.objects.open().exists()


def test_what_is_confirmed_stays_confirmed(own: Facility, as_facility_editor: Client) -> None:
    offer = make_offer(make_treatment(), own)
    sent = form_values(as_facility_editor, address("change", offer))
    sent.pop("is_confirmed", None)

    as_facility_editor.post(address("change", offer), sent | {"state": "unverified", "source": "x"})

    assert not Change.objects.exists()


def test_she_adds_an_offer(own: Facility, as_facility_editor: Client, editor: User) -> None:
    treatment = make_treatment()

    response = as_facility_editor.post(ADD, {"facility": own.pk, "treatment": treatment.pk})

    assert response.status_code == 302
    assert not Offer.objects.exists()
    change = Change.objects.get()
    assert (change.action, change.facility_id) == (ChangeAction.ADD, own.pk)
    workflow.publish(change=change, by=editor)
    offer = Offer.objects.get()
    assert (offer.facility, offer.treatment, offer.state) == (own, treatment, FactState.VERIFIED)


def test_the_only_facility_is_chosen(own: Facility, as_facility_editor: Client) -> None:
    page = as_facility_editor.get(ADD).content.decode()

    assert f'<option value="{own.pk}" selected>' in page


def test_she_cannot_add_for_another_facility_nor_an_unpublished_treatment(
    own: Facility, foreign: Facility, as_facility_editor: Client
) -> None:
    treatment, hidden = make_treatment(), make_treatment(is_published=False)

    for sent, wrong in (
        ({"facility": foreign.pk, "treatment": treatment.pk}, "facility"),
        ({"facility": own.pk, "treatment": hidden.pk}, "treatment"),
    ):
        response = as_facility_editor.post(ADD, sent)
        assert list(response.context["adminform"].form.errors) == [wrong]
        assert "Alienum" not in response.content.decode()
    assert not Change.objects.exists()


def test_what_is_offered_or_proposed_already_is_said(own: Facility, as_facility_editor: Client) -> None:
    offered, proposed = make_treatment(), make_treatment()
    make_offer(offered, own)
    as_facility_editor.post(ADD, {"facility": own.pk, "treatment": proposed.pk})

    for treatment in (offered, proposed):
        response = as_facility_editor.post(ADD, {"facility": own.pk, "treatment": treatment.pk})
        assert response.status_code == 200
        assert response.context["adminform"].form.non_field_errors()
    assert Change.objects.count() == 1


def test_she_proposes_to_remove_an_offer(own: Facility, as_facility_editor: Client) -> None:
    offer = make_offer(make_treatment(), own)
    assert as_facility_editor.get(address("delete", offer)).status_code == 200

    as_facility_editor.post(address("delete", offer), {"post": "yes"})

    assert Offer.objects.filter(pk=offer.pk).exists()
    assert Change.objects.get().action == ChangeAction.REMOVE
    page = as_facility_editor.get(address("change", offer)).content.decode()
    assert "It was proposed to remove this entry" in page
    assert save(as_facility_editor, offer, is_confirmed="on").status_code in {200, 302}
    assert Change.objects.get().action == ChangeAction.REMOVE


def test_a_person_of_two_facilities_sees_both(own: Facility, foreign: Facility) -> None:
    client = client_of(make_facility_editor(own, foreign))
    for facility in (own, foreign):
        make_offer(make_treatment(), facility)

    page = client.get(LIST)

    assert page.context["cl"].result_count == 2
    assert {
        pk.value for pk, _name in list(client.get(ADD).context["adminform"].form["facility"].field.choices)[1:]
    } == {
        own.pk,
        foreign.pk,
    }


def test_a_hospital_proposes_its_own_rules_and_no_other_facts(own: Facility, as_facility_editor: Client) -> None:
    protocol = make_protocol(own, name_en="Own rules", note="internal remark")

    page = as_facility_editor.get(address("change", protocol)).content.decode()
    assert "Own rules" in page
    assert "internal remark" not in page
    save(as_facility_editor, protocol, promised_working_days="7", state="unverified")

    assert Change.objects.get().after() == {"promised_working_days": 7}


def test_a_paper_is_proposed_from_the_page_of_its_protocol(own: Facility, as_facility_editor: Client) -> None:
    protocol, paper = make_protocol(own), RequiredDocument.objects.last()
    assert paper is not None
    page = as_facility_editor.get(address("change", protocol)).content.decode()
    add = f"{reverse('admin:treatments_requireddocument_add')}?protocol={protocol.pk}"
    assert address("change", paper) in page
    assert add in page

    typed = {"protocol": protocol.pk, "position": 3, "kind": "other", "what_en": "Photo"}
    assert as_facility_editor.post(add, typed).status_code == 302

    assert Change.objects.get().action == ChangeAction.ADD
    assert protocol.required_documents.count() == 2


def test_a_version_that_was_replaced_is_not_edited(own: Facility, as_editor: Client) -> None:
    old = make_protocol(own, slug="rules")
    make_protocol(own, slug="rules", version=2)

    response = save(as_editor, old, promised_working_days="7")

    assert "A newer version of these rules exists" in response.content.decode()
    assert not Change.objects.exists()


def test_an_editor_edits_names_words_and_links(as_editor: Client, editor: User) -> None:
    treatment = make_treatment(synonyms_en=["one", "two"])
    condition = make_condition()

    save(as_editor, treatment, name_ru="Имя", synonyms_en="one\r\nnew, with a comma\r\n\r\n", conditions=[condition.pk])
    change = Change.objects.get()
    assert change.after() == {
        "name_ru": "Имя",
        "synonyms_en": ["one", "new, with a comma"],
        "conditions": [condition.pk],
    }
    workflow.publish(change=change, by=editor)

    treatment.refresh_from_db()
    assert (treatment.name_ru, treatment.sort_key_ru) == ("Имя", "имя")
    assert list(treatment.conditions.all()) == [condition]


def test_an_editor_saves_what_she_opened_without_a_change(own: Facility, as_editor: Client) -> None:
    treatment = make_treatment(synonyms_en=["one, two"], icd9cm=["81.51"])
    for edited in (treatment, make_offer(treatment, own), treatment.specialty, make_condition(icd10=["I21"])):
        assert save(as_editor, edited).status_code == 302

    assert not Change.objects.exists()


def test_lists_and_forms_do_not_grow_with_rows(
    own: Facility, as_facility_editor: Client, django_assert_max_num_queries
) -> None:
    for _number in range(15):
        make_offer(make_treatment(), own)
    as_facility_editor.get(LIST)

    with django_assert_max_num_queries(75):
        as_facility_editor.get(LIST)


def test_history_shows_changes(own: Facility, as_facility_editor: Client, editor: User) -> None:
    offer = make_offer(make_treatment(), own, is_confirmed=False)
    save(as_facility_editor, offer, is_confirmed="on")
    workflow.publish(change=Change.objects.get(), by=editor)

    page = as_facility_editor.get(address("history", offer)).content.decode()

    assert reverse("admin:publishing_change_change", args=[Change.objects.get().pk]) in page
    assert "Ed Example" in page
