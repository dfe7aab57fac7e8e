"""Who reaches what in the administration: every address of every table, for every role."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse

from accounts.models import User
from ecosystem.models import Network, NetworkRole
from facilities.models import Accreditation, Facility, FacilityFact, Membership, Ranking
from partners.models import Agreement, Institution
from publishing import workflow
from publishing.models import Change, ErrorReport
from publishing.reports import report_error
from search.models import ZeroHit
from taxonomy.models import BodyDistrict, Specialty
from tests.publishing.factories import address, client_of
from tests.treatments.factories import (
    make_accreditation,
    make_condition,
    make_district,
    make_offer,
    make_protocol,
    make_ranking,
    make_specialty,
    make_treatment,
)
from treatments.models import Condition, Offer, Protocol, RequiredDocument, Treatment

pytestmark = pytest.mark.django_db

SECRET = "Xenonym"
# What a facility's editor works with; the rest of the tables is closed to her.
OWN_TABLES = {Facility, Accreditation, Offer, Protocol, RequiredDocument, Change, ErrorReport}
# What editors read beside it: words that search did not know.
FOR_EDITORS = {ZeroHit}
CATALOGUE = {
    *OWN_TABLES,
    *(FacilityFact, Ranking, Treatment, Condition, Specialty, BodyDistrict),
    *(Institution, Agreement, Network, NetworkRole),
}


def rows_of(facility: Facility, editor: User) -> dict[type[Model], Model]:
    """Return a row of every table of a catalogue that belongs to, or is shown with, a facility."""
    treatment = make_treatment(name_en=f"{SECRET} treatment", is_published=False)
    rows: list[Model] = [
        facility,
        treatment,
        make_offer(treatment, facility),
        make_condition(name_en=f"{SECRET} condition"),
        make_specialty(name_en=f"{SECRET} specialty"),
        make_district(name_en=f"{SECRET} district"),
        make_accreditation(facility, body=f"{SECRET} board"),
        make_ranking(facility, publisher=f"{SECRET} press"),
        protocol := make_protocol(facility, slug=f"{SECRET.lower()}-protocol"),
        RequiredDocument.objects.create(protocol=protocol, position=3, kind="other", what_en=SECRET),
        FacilityFact.objects.create(facility=facility, name="beds", value=SECRET),
        Institution.objects.create(slug="i", country="AE", name=SECRET, kind="hospital"),
        network := Network.objects.create(
            slug="n", name_en=f"{SECRET} network", kind="pathology_network", specialty=make_specialty()
        ),
        NetworkRole.objects.create(network=network, facility=facility, role="coordinates"),
        Agreement.objects.create(slug="a", title_en=SECRET, facility=facility, other_party=SECRET, countries=["AE"]),
        workflow.propose_edit(edited=facility, after={"group": SECRET}, by=editor),
        report_error(about=facility, facility_id=facility.pk, kind="wrong", words=SECRET, language="en"),
    ]
    return {type(row): row for row in rows}


@pytest.fixture
def foreign_rows(foreign: Facility, editor: User) -> dict[type[Model], Model]:
    Facility.objects.filter(pk=foreign.pk).update(short_name=SECRET, official_name=SECRET)
    foreign.refresh_from_db()
    return rows_of(foreign, editor)


@pytest.fixture
def own_rows(own: Facility, editor: User) -> dict[type[Model], Model]:
    return rows_of(own, editor)


def pages() -> Iterator[tuple[type[Model], str]]:
    """Yield table and kind of page of every named address of every registered table, from the resolver."""
    names = {name for name in names_of(get_resolver()) if name}
    for model in admin.site._registry:
        start = f"{model._meta.app_label}_{model._meta.model_name}_"
        yield from ((model, name.removeprefix(start)) for name in sorted(names) if name.startswith(start))


def names_of(resolver: URLResolver) -> Iterator[str | None]:
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLPattern):
            yield pattern.name
        else:
            yield from names_of(pattern)


def path_of(model: type[Model], page: str, row: Model | None) -> str:
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}"
    try:
        return reverse(name)
    except NoReverseMatch:
        return reverse(name, args=[row.pk if row else 1])


def test_the_matrix_covers_every_table() -> None:
    found = list(pages())

    assert {model for model, _page in found} == set(admin.site._registry)
    assert set(admin.site._registry) >= CATALOGUE
    for model in CATALOGUE:
        assert {page for of, page in found if of is model} == {"add", "change", "changelist", "delete", "history"}


def test_a_facility_editor_never_sees_what_is_foreign(
    own: Facility, as_facility_editor: Client, foreign_rows: dict[type[Model], Model]
) -> None:
    before = {model: list(model._base_manager.order_by("pk").values()) for model in foreign_rows}

    for model, page in pages():
        path = path_of(model, page, foreign_rows.get(model))
        for response in (as_facility_editor.get(path), as_facility_editor.post(path, {"post": "yes", "group": "G"})):
            is_list_or_new = model in OWN_TABLES and page in {"changelist", "add"}
            allowed = {200, 302, 403} if is_list_or_new else {302, 403}
            assert response.status_code in allowed, (path, response.status_code)
            assert SECRET not in response.content.decode(), path
            assert SECRET.lower() not in response.content.decode(), path
            if response.status_code == 302:
                assert response.url in {"/admin/", path}, (path, response.url)

    assert {model: list(model._base_manager.order_by("pk").values()) for model in foreign_rows} == before


def test_a_facility_editor_reads_what_is_her_own(
    as_facility_editor: Client, own_rows: dict[type[Model], Model]
) -> None:
    for model, page in pages():
        if model not in OWN_TABLES or page not in {"changelist", "change", "history"}:
            continue
        response = as_facility_editor.get(path_of(model, page, own_rows[model]))
        assert response.status_code == (302 if (model, page) == (Change, "history") else 200), (model, page)


def test_messages_of_the_redirect_tell_nothing(
    own: Facility, as_facility_editor: Client, foreign_rows: dict[type[Model], Model]
) -> None:
    for model in OWN_TABLES:
        response = as_facility_editor.get(path_of(model, "change", foreign_rows[model]), follow=True)
        missing = as_facility_editor.get(path_of(model, "change", None), follow=True)
        assert response.status_code == missing.status_code
        assert SECRET not in response.content.decode()


@pytest.mark.parametrize("action", ["confirm", "propose_removals", "delete_selected", "publish_chosen"])
def test_actions_do_not_reach_foreign_rows(
    own: Facility, as_facility_editor: Client, foreign_rows: dict[type[Model], Model], action: str
) -> None:
    before = Change.objects.count()

    for model in CATALOGUE:
        row = foreign_rows[model]
        answer = as_facility_editor.post(
            path_of(model, "changelist", None), {"action": action, "_selected_action": [row.pk], "post": "yes"}
        )
        assert answer.status_code in {200, 302, 403}
        assert SECRET not in answer.content.decode()

    assert Change.objects.count() == before
    assert Offer.objects.filter(pk=foreign_rows[Offer].pk).exists()


def look_up(client: Client, **asked: str) -> tuple[int, str]:
    response = client.get(reverse("admin:autocomplete"), asked)
    return response.status_code, response.content.decode()


def test_look_ups_leak_nothing(
    own: Facility, as_facility_editor: Client, foreign_rows: dict[type[Model], Model]
) -> None:
    make_treatment("hip-replacement", name_en="Hip replacement")
    status, answer = look_up(
        as_facility_editor, app_label="treatments", model_name="offer", field_name="treatment", term=""
    )
    assert status == 200
    assert [item["text"] for item in json.loads(answer)["results"]] == ["Hip replacement"]

    for model in [*foreign_rows, Membership, User]:
        for field in model._meta.get_fields():
            if not field.is_relation:
                continue
            for term in ("", SECRET, "\x00"):
                asked = {"app_label": model._meta.app_label, "model_name": model._meta.model_name, "term": term}
                status, answer = look_up(as_facility_editor, field_name=field.name, **asked)
                assert status in {200, 302, 403, 404}, (model, field)
                assert SECRET not in answer, (model, field)
                assert "@" not in answer


def test_questions_past_the_filters_are_refused(
    own: Facility, as_facility_editor: Client, foreign_rows: dict[type[Model], Model]
) -> None:
    make_offer(make_treatment(), own)
    path = reverse("admin:treatments_offer_changelist")

    for question in (
        "treatment__offers__facility__short_name__startswith=X",
        "facility__memberships__user__email_key__startswith=a",
        "facility__website__startswith=h",
        "pk__in=1",
        "facility__id__exact=1",
    ):
        response = as_facility_editor.get(f"{path}?{question}")
        assert response.status_code in {400, 302}, question


def test_odd_addresses_are_answered(own: Facility, as_facility_editor: Client) -> None:
    for path in (
        "/admin/facilities/facility/abc/change/",
        "/admin/facilities/facility/99999999999999999999999/change/",
        "/admin/facilities/facility/%00/change/",
        "/admin/facilities/facility/?q=%00",
        "/admin/facilities/facility/?kind__exact=%00",
        "/admin/publishing/change/nothing/change/",
        f"/admin/facilities/facility/{own.pk}/change/?_popup=1",
        f"/admin/facilities/facility/{own.pk}/change/?_to_field=official_name",
        "/admin/r/1/1/",
        "/admin/password_change/",
        "/admin/jsi18n/",
    ):
        assert as_facility_editor.get(path).status_code in {200, 302, 400, 403, 404}, path
    for chosen in ("abc", "\x00", "9" * 30):
        sent = {"action": "confirm", "_selected_action": [chosen]}
        assert as_facility_editor.post(reverse("admin:treatments_offer_changelist"), sent).status_code in {200, 302}


def shown_tables(client: Client) -> set[type[Model]]:
    response = client.get("/admin/")
    return {item["model"] for app in response.context["app_list"] for item in app["models"]}


def test_the_first_page_shows_what_is_open_to_each(
    as_facility_editor: Client, as_editor: Client, as_administrator: Client
) -> None:
    assert shown_tables(as_facility_editor) == OWN_TABLES
    assert shown_tables(as_editor) == CATALOGUE | FOR_EDITORS
    assert shown_tables(as_administrator) & CATALOGUE == set()
    assert User in shown_tables(as_administrator)
    assert Membership in shown_tables(as_administrator)


def test_administrators_and_strangers_reach_no_catalogue(
    as_administrator: Client, stranger: User, own_rows: dict[type[Model], Model]
) -> None:
    as_stranger = client_of(stranger)

    for model, page in pages():
        path = path_of(model, page, own_rows.get(model))
        assert as_stranger.get(path).status_code == 403, path
        if model in CATALOGUE:
            assert as_administrator.get(path).status_code in {302, 403}, path
            assert SECRET not in as_administrator.post(path).content.decode()


def test_editors_see_the_whole_catalogue_and_no_people(as_editor: Client, own_rows: dict[type[Model], Model]) -> None:
    for model, page in pages():
        response = as_editor.get(path_of(model, page, own_rows.get(model)))
        if model in FOR_EDITORS:
            assert response.status_code == 200 or page != "changelist", (model, page)
        elif model not in CATALOGUE:
            assert response.status_code in {302, 403}, (model, page)
        elif page in {"changelist", "change"}:
            assert response.status_code == 200, (model, page)


def test_nothing_of_patients_is_in_the_administration() -> None:
    labels = {model._meta.label for model in admin.site._registry if model._meta.app_label == "teleconsult"}

    assert labels <= {"teleconsult.CoordinationOffice", "teleconsult.Interpreter"}


def test_a_role_that_ended_closes_the_door(own: Facility, facility_editor: User) -> None:
    client = client_of(facility_editor)
    assert client.get(address("change", own)).status_code == 200

    Membership.objects.update(since="2020-01-01", until="2020-02-01")

    assert client.get(address("change", own)).status_code == 403


def test_administrators_give_and_end_roles_at_a_facility(
    own: Facility, as_administrator: Client, stranger: User
) -> None:
    client_of(stranger)
    sent = {"user": stranger.pk, "facility": own.pk, "role": "facility_editor"}

    as_administrator.post(reverse("admin:facilities_membership_add"), sent)

    membership: Any = Membership.objects.get()
    assert (membership.user, membership.facility) == (stranger, own)
    assert not stranger.sessions.exists()
    as_administrator.post(
        reverse("admin:facilities_membership_changelist"), {"action": "end_roles", "_selected_action": [membership.pk]}
    )
    membership.refresh_from_db()
    assert membership.until is not None
