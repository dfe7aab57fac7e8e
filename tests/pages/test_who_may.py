"""Who may open what: every address of the portal for every role, read from the URL resolver."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from facilities.enums import StaffRole
from notifications.models import OutboxMessage
from partners.models import Institution
from teleconsult import access, workflow
from teleconsult.enums import Action
from teleconsult.forms.desk import FORMS
from teleconsult.models import CoordinationOffice, Document, Request
from teleconsult.permissions import Actor
from tests.accounts.factories import sign_in
from tests.partners.factories import make_institution
from tests.teleconsult import factories
from tests.treatments.factories import make_condition, make_district, make_specialty, make_treatment
from treatments.enums import DocumentKind
from treatments.models import Treatment
from vault.files import FileState
from vault.models import StoredFile

VISITORS = ("anonymous", "patient", "other_patient", "drafter")
STAFF = (
    "stranger",
    "coordinator",
    "other_coordinator",
    "facility_office",
    "facility_editor",
    "editor",
    "administrator",
)
ROLES = (*VISITORS, *STAFF)
# Who has an area at all; within it each page has its own rule.
AREAS = {
    "desk": {"coordinator", "other_coordinator", "facility_office"},
    "admin": {"facility_editor", "editor", "administrator"},
}
# What these kinds answer depends on who asks; of the others a few roles are enough.
PERSONAL = {"patient", "account", *AREAS}
SAMPLE = ("anonymous", "patient", "coordinator", "administrator")
EVERYBODY = frozenset(ROLES)
NOBODY: frozenset[str] = frozenset()
OWN = frozenset({"patient"})
PATIENTS = frozenset({"patient", "other_patient"})
DRAFTER = frozenset({"drafter"})
SIGNED_IN = frozenset(STAFF)
DESK = frozenset(AREAS["desk"])
ADMIN = frozenset(AREAS["admin"])
ADMINISTRATOR = frozenset({"administrator"})
EDITOR = frozenset({"editor"})
EDITORS = frozenset({"editor", "facility_editor"})
CASE = frozenset({"coordinator"})


@dataclass(frozen=True)
class Row:
    """An address: what kind it is, what it names, who gets `status`; all others get what its kind refuses with."""

    kind: str
    seen_by: frozenset[str]
    names: dict[str, object] = field(default_factory=dict)
    status: int = 200


def public(**names: object) -> Row:
    return Row("public", EVERYBODY, names)


def form(status: int = 200, **names: object) -> Row:
    return Row("form", EVERYBODY, names, status)


def patient(seen_by: frozenset[str] = PATIENTS, status: int = 200, **names: object) -> Row:
    return Row("patient", seen_by, names, status)


def account(seen_by: frozenset[str] = SIGNED_IN, status: int = 200, **names: object) -> Row:
    return Row("account", seen_by, names, status)


def desk(seen_by: frozenset[str] = CASE, status: int = 200, **names: object) -> Row:
    return Row("desk", seen_by, {"reference": "REFERENCE"} | names, status)


def machine(status: int = 200, **names: object) -> Row:
    return Row("machine", EVERYBODY, names, status)


def demo(status: int = 200, **names: object) -> Row:
    return Row("demo", EVERYBODY, names, status)


POSSIBLE_IN_TRIAGE = {
    Action.FORWARD,
    Action.CONFIRM_IDENTITY,
    Action.ASK_DOCUMENT,
    Action.ASK_QUESTION,
    Action.ASK_CONSENT,
    Action.SET_URGENCY,
    Action.CLOSE,
    Action.DECLINE,
    Action.SEND_MESSAGE,
    Action.WRITE_NOTE,
}
TABLE: dict[str, Row] = {
    # --- for machines
    "root": machine(302),
    "healthz": machine(),
    "readyz": machine(),
    "sitemap_index": machine(),
    "sitemap": machine(section="pages"),
    "robots": machine(),
    "security_text": machine(),
    # --- for everybody
    "home": public(),
    "about": public(),
    "about_order": public(),
    "privacy": public(),
    "accessibility": public(),
    "general_card": public(),
    "card": public(kind="treatment", slug="cure"),
    "treatments:treatment_list": public(),
    "treatments:treatment_detail": public(slug="cure"),
    "treatments:condition_list": public(),
    "treatments:condition_detail": public(slug="illness"),
    "treatments:specialty_list": public(),
    "treatments:specialty_detail": public(slug="field"),
    "treatments:body_list": public(),
    "treatments:body_detail": public(slug="part"),
    "treatments:compare": public(),
    "facilities:facility_list": public(),
    "facilities:facility_detail": public(slug="FACILITY"),
    "partners:partner_list": public(),
    "partners:country": public(country="ae"),
    "teleconsult:second_opinion": public(),
    # --- forms that anybody may open
    "search:results": form(),
    "search:suggest": form(),
    "facilities:facility_report": form(slug="FACILITY"),
    "teleconsult:contact": form(),
    "teleconsult:my_request": form(),
    "teleconsult:lost_reference": form(),
    "teleconsult:private_link": form(reference="REFERENCE", secret="wrong"),
    # --- one patient's request: the addresses name nobody, the session does
    "teleconsult:code": form(),
    "teleconsult:request_start": patient(EVERYBODY - DRAFTER),
    "teleconsult:request_who": patient(DRAFTER),
    "teleconsult:request_patient": patient(DRAFTER),
    "teleconsult:request_question": patient(DRAFTER),
    "teleconsult:request_hospital": patient(DRAFTER),
    "teleconsult:request_documents": patient(DRAFTER),
    "teleconsult:request_document_remove": patient(DRAFTER | PATIENTS, 405, document="DRAFTED"),
    "teleconsult:request_review": patient(DRAFTER),
    "teleconsult:receipt": patient(PATIENTS | DRAFTER, 405),
    "teleconsult:receipt_new": patient(PATIENTS | DRAFTER, 405),
    "teleconsult:sign_out": form(405),
    # Nothing is asked of the patient now.
    "teleconsult:answer": patient(NOBODY),
    "teleconsult:message": patient(PATIENTS),
    "teleconsult:consent": patient(NOBODY),
    "teleconsult:consent_revoke": patient(PATIENTS | DRAFTER, 405),
    "teleconsult:withdraw": patient(PATIENTS),
    "teleconsult:erase": patient(PATIENTS | DRAFTER),
    "teleconsult:document": patient(OWN, document="DOCUMENT"),
    "teleconsult:uploads": patient(PATIENTS | DRAFTER, 405),
    "teleconsult:upload": patient(PATIENTS | DRAFTER, 405, upload="DOCUMENT"),
    "teleconsult:upload_remove": patient(PATIENTS | DRAFTER, 405, upload="DOCUMENT"),
    # --- the account of whoever signs in
    "account_login": account(EVERYBODY - SIGNED_IN),
    "account_logout": account(),
    "account_inactive": form(),
    "account_enrol": form(404, token="wrong"),
    "account_profile": account(),
    "staff_home": account(NOBODY),
    "account_new_password": account(),
    # All of them have given the second factor a moment ago.
    "account_reauthenticate": account(NOBODY),
    "mfa_index": account(),
    "mfa_authenticate": account(NOBODY),
    "mfa_reauthenticate": account(),
    "mfa_activate_totp": account(),
    "mfa_deactivate_totp": account(),
    "mfa_generate_recovery_codes": account(),
    "mfa_list_webauthn": account(),
    "mfa_add_webauthn": account(),
    "mfa_reauthenticate_webauthn": account(NOBODY),
    "mfa_edit_webauthn": account(NOBODY, pk=0),
    "mfa_remove_webauthn": account(NOBODY, pk=0),
    # --- the desk: one queue for each person, one case for those it is given to
    "desk:queue": Row("desk", DESK),
    "desk:find": Row("desk", DESK, status=404),
    "desk:case": desk(),
    "desk:document": desk(document="DOCUMENT"),
    # A case that has just been taken: the other steps are not there.
    **{f"desk:{action.value}": desk(CASE if action in POSSIBLE_IN_TRIAGE else NOBODY) for action in FORMS},
    # --- the administration, but for its models
    "admin:index": Row("admin", ADMIN),
    "admin:login": Row("admin", NOBODY),
    "admin:logout": Row("admin", ADMIN, status=405),
    "admin:autocomplete": Row("admin", NOBODY),
    "admin:jsi18n": Row("admin", ADMIN),
    "admin:app_list": Row("admin", ADMINISTRATOR, {"app_label": "accounts"}),
    # --- on this computer only
    "components": demo(),
    "demo:codes": demo(),
    "demo:mailbox": demo(),
    "demo:mail": demo(404, mail_id="none"),
    "demo:mail_html": demo(404, mail_id="none"),
    "demo:mail_attachment": demo(404, mail_id="none", number=1),
    "demo:sign_in": demo(404, token="wrong"),
}
# Model in the administration → who sees its list, who may add; nobody adds or deletes where nothing is written.
MODELS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "accounts_user": (ADMINISTRATOR, ADMINISTRATOR),
    "accounts_associationrole": (ADMINISTRATOR, ADMINISTRATOR),
    "accounts_invitation": (ADMINISTRATOR, NOBODY),
    "notifications_outboxmessage": (ADMINISTRATOR, NOBODY),
    "teleconsult_coordinationoffice": (ADMINISTRATOR, ADMINISTRATOR),
    "facilities_membership": (ADMINISTRATOR, ADMINISTRATOR),
    "publishing_change": (EDITORS, NOBODY),
    "publishing_errorreport": (EDITORS, NOBODY),
    "taxonomy_specialty": (EDITOR, NOBODY),
    "taxonomy_bodydistrict": (EDITOR, NOBODY),
    "facilities_facility": (EDITORS, NOBODY),
    "facilities_accreditation": (EDITORS, EDITOR),
    "facilities_facilityfact": (EDITOR, NOBODY),
    "facilities_ranking": (EDITOR, NOBODY),
    "search_zerohit": (EDITOR, NOBODY),
    "treatments_condition": (EDITOR, NOBODY),
    "treatments_treatment": (EDITOR, NOBODY),
    "treatments_offer": (EDITORS, EDITORS),
    "treatments_protocol": (EDITORS, NOBODY),
    "treatments_requireddocument": (EDITORS, EDITORS),
    "ecosystem_network": (EDITOR, NOBODY),
    "ecosystem_networkrole": (EDITOR, NOBODY),
    "partners_institution": (EDITOR, NOBODY),
    "partners_agreement": (EDITOR, NOBODY),
}
NOTHING = {"object_id": "0"}
for _model, (_sees, _adds) in MODELS.items():
    TABLE |= {
        f"admin:{_model}_changelist": Row("admin", _sees),
        f"admin:{_model}_add": Row("admin", _adds),
        # Of a row that is not there nobody sees anything; the next test opens rows that are.
        f"admin:{_model}_change": Row("admin", NOBODY, NOTHING),
        f"admin:{_model}_history": Row("admin", NOBODY, NOTHING),
        f"admin:{_model}_delete": Row("admin", NOBODY, NOTHING),
    }
# Django's own way from an old address to today's, and its "not found" within the administration.
WITHOUT_A_NAME = {"admin:no name"}


def names_in(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    """Yield the name of every address, once."""
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLPattern):
            yield f"{prefix}{pattern.name or 'no name'}"
        else:
            yield from names_in(pattern, f"{prefix}{pattern.namespace}:" if pattern.namespace else prefix)


@dataclass
class World:
    """One request in triage with a paper, other people's requests, and a browser for each role."""

    browsers: dict[str, Client]
    values: dict[str, object]

    def address(self, name: str) -> str:
        """Return an address that names things of this world."""
        return reverse(
            name, kwargs={key: self.values.get(str(value), value) for key, value in TABLE[name].names.items()}
        )

    def status(self, role: str, address: str) -> int:
        """Return what a role is answered, in a session that nothing before has changed."""
        return self.browsers[role].get(address).status_code


def browser_of(request: Request) -> Client:
    """Return a patient's browser with her session."""
    client = Client()
    client.cookies[settings.PATIENT_COOKIE_NAME] = access.start_session(request)
    return client


def add_paper(request: Request) -> Document:
    return workflow.add_document(
        request=request,
        by=factories.patient_of(request),
        upload=factories.upload(content=uuid.uuid4().bytes),
        kind=DocumentKind.REPORT,
    )


def submitted(draft: Request) -> Request:
    return workflow.submit(
        request=draft,
        by=factories.patient_of(draft),
        seen_version=draft.version,
        idempotency_key=uuid.uuid4(),
        coordination_consent=factories.coordination_hash(),
        facility_consent="",
        shown_in="en",
    )


@pytest.fixture
def world(db: None, settings: Any, tmp_path: Path) -> World:
    documents = {**settings.STORAGES["documents"], "OPTIONS": {"location": tmp_path, "base_url": None}}
    settings.STORAGES = {**settings.STORAGES, "documents": documents}
    settings.MAIL_SPOOL = tmp_path / "mail"
    facility = factories.make_facility()
    draft, others, drafted = factories.make_draft(), factories.make_draft(), factories.make_draft()
    paper, drafted_paper = add_paper(draft), add_paper(drafted)
    StoredFile.objects.update(state=FileState.CLEAN)
    coordinator = factories.add_coordinator()
    case = submitted(Request.objects.get(pk=draft.pk))
    case = workflow.take(request=case, by=Actor.staff(coordinator), seen_version=case.version)
    elsewhere = CoordinationOffice.objects.create(name="Elsewhere", province="BG", is_receiving=False)
    people = {
        "stranger": factories.make_user(),
        "coordinator": coordinator,
        "other_coordinator": factories.add_coordinator(elsewhere),
        "facility_office": factories.reached(facility),
        "facility_editor": factories.add_staff(facility, StaffRole.FACILITY_EDITOR),
        "editor": factories.add_role(factories.make_user(), "editor"),
        "administrator": factories.add_role(factories.make_user(), "administrator"),
    }
    make_treatment("cure")
    make_condition("illness")
    make_specialty("field")
    make_district("part")
    make_institution("AE")
    browsers = {
        "anonymous": Client(),
        "patient": browser_of(case),
        "other_patient": browser_of(submitted(Request.objects.get(pk=others.pk))),
        "drafter": browser_of(drafted),
        **{role: sign_in(Client(), user) for role, user in people.items()},
    }
    values = {
        "FACILITY": facility.slug,
        "DOCUMENT": paper.pk,
        "DRAFTED": drafted_paper.pk,
        "REFERENCE": case.reference,
        "PEOPLE": people,
        "LISTING": facility,
    }
    return World(browsers, values)


def refusals(row: Row, role: str) -> set[int]:
    """Return what a role is answered where it may not in: sign in first, no role here, or nothing to be found."""
    if row.kind in AREAS:
        if role in VISITORS:
            return {302}
        if role not in AREAS[row.kind]:
            return {403}
        return {404} if row.kind == "desk" else {302, 403, 404}
    return {302, 403, 404}


def test_every_address_is_in_the_table_and_no_other() -> None:
    names = set(names_in(get_resolver())) - WITHOUT_A_NAME

    assert sorted(names - TABLE.keys()) == []
    assert sorted(TABLE.keys() - names) == []


def test_every_address_for_every_role_and_no_cache_keeps_what_knows_a_person(world: World) -> None:
    wrong = []
    for name, row in TABLE.items():
        address = world.address(name)
        for role in ROLES if row.kind in PERSONAL else SAMPLE:
            expected = {row.status} if role in row.seen_by else refusals(row, role)
            answer = world.browsers[role].get(address)
            if answer.status_code not in expected:
                wrong.append(f"{role} {name}: {answer.status_code}, not {sorted(expected)}")
            if row.kind not in {"public", "machine"} and "no-store" not in answer["Cache-Control"]:
                wrong.append(f"{role} {name}: {answer['Cache-Control']}")

    assert not wrong, "\n".join(wrong)


def test_rows_of_the_administration_for_every_role(world: World) -> None:
    people, listing = world.values["PEOPLE"], world.values["LISTING"]
    foreign = factories.make_facility()
    rows = {
        ("accounts_user", people["stranger"].pk): ADMINISTRATOR,
        ("teleconsult_coordinationoffice", CoordinationOffice.receiving().pk): ADMINISTRATOR,
        ("notifications_outboxmessage", OutboxMessage.objects.first().pk): ADMINISTRATOR,
        ("facilities_facility", listing.pk): EDITORS,
        ("facilities_facility", foreign.pk): EDITOR,
        ("treatments_offer", listing.offers.first().pk): EDITORS,
        ("treatments_treatment", Treatment.objects.first().pk): EDITOR,
        ("partners_institution", Institution.objects.first().pk): EDITOR,
    }
    wrong = []
    for (model, key), seen_by in rows.items():
        address = reverse(f"admin:{model}_change", args=[key])
        wrong += [
            f"{role} {model}: {status}"
            for role in ROLES
            if ((status := world.status(role, address)) == 200) is not (role in seen_by)
        ]

    assert not wrong, "\n".join(wrong)


def test_without_the_second_factor_nobody_enters_a_staff_area(world: World) -> None:
    for role in ADMIN | DESK:
        client = Client()
        client.force_login(world.values["PEOPLE"][role])
        for address in (reverse("desk:queue"), reverse("admin:index"), reverse("account_profile")):
            answer = client.get(address)
            assert answer.status_code == 302
            assert answer["Location"].startswith(reverse("mfa_reauthenticate"))


def test_a_paper_is_opened_by_its_patient_and_the_desk_it_lies_on_alone(world: World) -> None:
    own = reverse("teleconsult:document", args=[world.values["DOCUMENT"]])
    at_desk = reverse("desk:document", args=[world.values["REFERENCE"], world.values["DOCUMENT"]])

    assert {role for role in ROLES if world.status(role, own) == 200} == OWN
    assert {role for role in ROLES if world.status(role, at_desk) == 200} == CASE
