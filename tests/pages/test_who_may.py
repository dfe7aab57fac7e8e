"""Who may open what: every address of the portal for every role, read from the URL resolver.

A new address needs one line in `TABLE`: its kind, who is let in, what it names. The rest follows from the kind: what
the others are answered, to GET and to POST, that they write nothing, and that a GET changes nothing for anybody.
"""

import base64
import copy
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from django.conf import settings
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from accounts.models import User
from facilities.enums import StaffRole
from notifications.models import OutboxMessage
from partners.models import Institution
from teleconsult import access, emergency, transitions, workflow
from teleconsult.enums import AccessLevel, Action, Role, Status
from teleconsult.forms.desk import FORMS
from teleconsult.models import AvailabilityRule, Booking, CoordinationOffice, Document, Request, SpecialistProfile
from teleconsult.permissions import Actor
from teleconsult.views.downloads import SANDBOX
from tests.accounts.factories import sign_in
from tests.pages.reading import header_faults
from tests.partners.factories import make_institution
from tests.teleconsult import consulting, factories
from tests.treatments.factories import make_condition, make_district, make_specialty, make_treatment
from treatments.enums import DocumentKind
from treatments.models import Protocol, Treatment
from vault.files import FileState
from vault.models import StoredFile
from vault.previews import Look, Preview

VISITORS = ("anonymous", "patient", "code_alone", "relative", "other_patient", "booked_patient", "drafter")
STAFF = (
    "stranger",
    "coordinator",
    "other_coordinator",
    "emergency_reader",
    "facility_office",
    "other_facility_office",
    "specialist",
    "other_specialist",
    "interpreter",
    "facility_editor",
    "editor",
    "administrator",
)
ROLES = (*VISITORS, *STAFF)
# Who has an area at all; within it each page has its own rule.
AREAS = {
    "desk": {
        "coordinator",
        "other_coordinator",
        "emergency_reader",
        "facility_office",
        "other_facility_office",
        "specialist",
        "other_specialist",
        "interpreter",
    },
    "admin": {"facility_editor", "editor", "administrator"},
}
# What these kinds answer depends on who asks; of the others a few roles are enough.
PERSONAL = {"patient", "account", *AREAS}
SAMPLE = ("anonymous", "patient", "coordinator", "administrator")
EVERYBODY = frozenset(ROLES)
NOBODY: frozenset[str] = frozenset()
OWN = frozenset({"patient"})
PATIENTS = frozenset({"patient", "relative", "other_patient", "booked_patient"})
# Her case is with a specialist, and a consultation with an interpreter is booked.
BOOKED = frozenset({"booked_patient"})
# She has the mailbox and not the receipt: she reads the status and asks for a new receipt.
CODE_ALONE = frozenset({"code_alone"})
DRAFTER = frozenset({"drafter"})
SIGNED_IN = frozenset(STAFF)
DESK = frozenset(AREAS["desk"])
ADMIN = frozenset(AREAS["admin"])
ADMINISTRATOR = frozenset({"administrator"})
EDITOR = frozenset({"editor"})
EDITORS = frozenset({"editor", "facility_editor"})
CASE = frozenset({"coordinator"})
# A coordinator of another office, for whom a second person opened the cases of the first and of the booked patient.
# She reads and does nothing else.
EMERGENCY = frozenset({"emergency_reader"})
COORDINATORS = frozenset({"coordinator", "other_coordinator"}) | EMERGENCY
BOOKERS = frozenset({"coordinator", "facility_office", "specialist"})
INTERPRETER = frozenset({"interpreter"})
WITH_HOURS = frozenset({"specialist", "other_specialist"}) | INTERPRETER


@dataclass(frozen=True)
class Row:
    """An address: what kind it is, what it names, who gets `status`; all others get what its kind refuses with.

    A form sent there is read for those who see the page, or for `sent_by`. Those in `led_on` are led to another page.
    """

    kind: str
    seen_by: frozenset[str]
    names: dict[str, object] = field(default_factory=dict)
    status: int = 200
    sent_by: frozenset[str] | None = None
    led_on: frozenset[str] = NOBODY

    @property
    def read_for(self) -> frozenset[str]:
        """Return whose form is read."""
        return self.seen_by if self.sent_by is None else self.sent_by


def public(**names: object) -> Row:
    return Row("public", EVERYBODY, names)


def form(status: int = 200, **names: object) -> Row:
    return Row("form", EVERYBODY, names, status)


def patient(
    seen_by: frozenset[str] = PATIENTS, status: int = 200, sent_by: frozenset[str] | None = None, **names: object
) -> Row:
    return Row("patient", seen_by, names, status, sent_by)


def account(seen_by: frozenset[str] = SIGNED_IN, status: int = 200, **names: object) -> Row:
    return Row("account", seen_by, names, status)


def desk(seen_by: frozenset[str] = CASE, status: int = 200, **names: object) -> Row:
    # Who has the case in hand is told in words that a step is not possible now; who reads it in an emergency may learn
    # which pages take no forms, and writes nothing.
    return Row("desk", seen_by, {"reference": "REFERENCE"} | names, status, seen_by | CASE | EMERGENCY)


def read(**names: object) -> Row:
    """Return a page of a case that is opened in an emergency too."""
    return desk(CASE | EMERGENCY, **names)


def booking(
    seen_by: frozenset[str] = BOOKERS | EMERGENCY | INTERPRETER,
    status: int = 200,
    sent_by: frozenset[str] | None = None,
    led_on: frozenset[str] = NOBODY,
) -> Row:
    return Row("desk", seen_by, {"booking": "BOOKING"}, status, sent_by, led_on)


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
    Action.HAND_OVER,
    Action.REFER,
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
    "teleconsult:check_up": form(),
    "teleconsult:estimate": form(),
    "teleconsult:collaboration": form(),
    "teleconsult:my_request": form(),
    "teleconsult:lost_reference": form(),
    "teleconsult:private_link": form(reference="REFERENCE", secret="wrong"),
    # --- one patient's request: the addresses name nobody, the session does
    "teleconsult:code": form(),
    "teleconsult:request_start": patient(EVERYBODY - DRAFTER, sent_by=EVERYBODY),
    "teleconsult:request_who": patient(DRAFTER),
    "teleconsult:request_patient": patient(DRAFTER),
    # She asks for herself: there is no authority to state.
    "teleconsult:request_authority": patient(NOBODY),
    "teleconsult:request_question": patient(DRAFTER),
    "teleconsult:request_illness": patient(DRAFTER),
    "teleconsult:request_hospital": patient(DRAFTER),
    "teleconsult:request_documents": patient(DRAFTER),
    "teleconsult:request_document_remove": patient(DRAFTER | PATIENTS, 405, DRAFTER, document="DRAFTED"),
    "teleconsult:request_review": patient(DRAFTER),
    "teleconsult:receipt": patient(PATIENTS | DRAFTER | CODE_ALONE, 405),
    "teleconsult:receipt_new": patient(PATIENTS | DRAFTER | CODE_ALONE, 405),
    # A case of its own: no referral links it with another one.
    "teleconsult:linked": patient(PATIENTS | DRAFTER, 405, NOBODY, reference="REFERENCE"),
    "teleconsult:sign_out": form(405),
    # Nothing is asked of the patient now.
    "teleconsult:answer": patient(NOBODY),
    "teleconsult:message": patient(PATIENTS),
    "teleconsult:paper": patient(PATIENTS),
    "teleconsult:typed": patient(PATIENTS | DRAFTER, 405, page="question"),
    "teleconsult:settings": patient(PATIENTS | DRAFTER),
    "teleconsult:copy": patient(PATIENTS | DRAFTER),
    "teleconsult:copy_code": patient(PATIENTS | DRAFTER, 405),
    "teleconsult:copy_read": patient(PATIENTS | DRAFTER, sent_by=NOBODY),
    "teleconsult:consent": patient(NOBODY),
    "teleconsult:consent_revoke": patient(PATIENTS | DRAFTER, 405),
    "teleconsult:withdraw": patient(PATIENTS),
    "teleconsult:erase": patient(PATIENTS | DRAFTER),
    "teleconsult:document": patient(OWN, document="DOCUMENT"),
    "teleconsult:uploads": patient(PATIENTS | DRAFTER, 405),
    "teleconsult:upload": patient(PATIENTS | DRAFTER, 405, upload="DOCUMENT"),
    "teleconsult:upload_remove": patient(PATIENTS | DRAFTER, 405, upload="DOCUMENT"),
    # There is no opinion yet; tests/teleconsult/test_opinion_patient.py opens one.
    "teleconsult:opinion": patient(NOBODY, opinion=uuid.UUID(int=1)),
    "teleconsult:opinion_pdf": patient(NOBODY, opinion=uuid.UUID(int=1)),
    "teleconsult:opinion_question": patient(NOBODY, opinion=uuid.UUID(int=1)),
    "teleconsult:opinion_done": patient(PATIENTS | DRAFTER, 405),
    "teleconsult:preview": patient(OWN, document="DOCUMENT", preview="PREVIEW"),
    # Who has booked a time does not choose another one; the others are not with a specialist.
    "teleconsult:consultation_choose": patient(NOBODY),
    "teleconsult:consultation_wait": patient(PATIENTS | DRAFTER, 405, NOBODY),
    "teleconsult:consultation": patient(BOOKED, booking="BOOKING"),
    "teleconsult:consultation_confirm": patient(PATIENTS | DRAFTER, 405, BOOKED, booking="BOOKING"),
    "teleconsult:consultation_move": patient(BOOKED, booking="BOOKING"),
    "teleconsult:consultation_cancel": patient(BOOKED, booking="BOOKING"),
    "teleconsult:consultation_room": patient(PATIENTS | DRAFTER, 405, BOOKED, booking="BOOKING"),
    "teleconsult:consultation_calendar": patient(BOOKED, booking="BOOKING"),
    "teleconsult:consultation_sheet": patient(BOOKED, booking="BOOKING"),
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
    "desk:queue": Row("desk", DESK - INTERPRETER, sent_by=DESK, led_on=INTERPRETER),
    "desk:find": Row("desk", DESK, status=404),
    "desk:case": read(),
    "desk:document": read(document="DOCUMENT"),
    "desk:pictures": read(document="DOCUMENT"),
    "desk:preview": read(document="DOCUMENT", preview="PREVIEW"),
    # What is being typed: sent there, never read there.
    "desk:typed": read(status=302, step="send_message"),
    "desk:statistics": Row("desk", DESK),
    "desk:statistics_export": Row("desk", DESK, status=302),
    "desk:queue_export": Row("desk", DESK, status=302),
    "desk:emergency": Row("desk", COORDINATORS),
    "desk:emergency_confirm": Row("desk", COORDINATORS, {"access": "00000000-0000-4000-8000-000000000000"}, 302),
    # The consultations: each sees her own, an office those of its cases.
    "desk:consultations": Row("desk", DESK),
    "desk:consultation": booking(),
    "desk:consultation_calendar": booking(),
    # Who cannot move it is led to the consultation.
    "desk:consultation_move": booking(BOOKERS, led_on=EMERGENCY | INTERPRETER),
    "desk:consultation_room": booking(status=405, sent_by=frozenset({"specialist"}) | INTERPRETER),
    "desk:consultation_cancel": booking(status=405, sent_by=BOOKERS),
    "desk:consultation_late": booking(status=405, sent_by=frozenset({"specialist"})),
    # What nobody recorded keeps the next time from being booked: the coordinator may say it once it is over.
    **{
        f"desk:consultation_{name}": booking(status=405, sent_by=frozenset({"specialist", "coordinator"}))
        for name in ("done", "no_show")
    },
    "desk:availability": Row("desk", WITH_HOURS),
    # A line that is not hers is answered like one that is gone.
    "desk:availability_remove": Row("desk", WITH_HOURS, {"line": "LINE"}, 405),
    # There is no specialist yet.
    "desk:book": desk(NOBODY),
    # A case that has just been taken: the other steps are not there.
    **{f"desk:{action.value}": desk(CASE if action in POSSIBLE_IN_TRIAGE else NOBODY) for action in FORMS},
    # Nobody writes an opinion before there is a specialist; tests/teleconsult/test_opinion_desk.py goes on.
    **{
        f"desk:{name}": desk(NOBODY)
        for name in ("opinion", "opinion_preview", "opinion_sign", "opinion_pdf", "addendum", "addendum_sign")
    },
    "desk:follow_up": desk(NOBODY, question=uuid.UUID(int=1)),
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
    "demo:room": demo(404, room="wrong"),
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
    "teleconsult_interpreter": (ADMINISTRATOR, ADMINISTRATOR),
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
    "treatments_protocol": (EDITORS, EDITORS),
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


# What is written down when nothing is changed: who read or was refused, how often somebody tries, that she is awake.
TRACES = {
    "vault_trailentry",
    "vault_trailhead",
    "vault_counter",
    "teleconsult_patientsession",
    "accounts_session",
    "django_session",
    "search_zerohit",
}
WRITES = re.compile(r'^\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+(?:ONLY\s+)?"?(\w+)"?', re.IGNORECASE)
# Django's administration says more than is needed.
PRIVATE = {"no-store", "max-age=0, no-cache, no-store, must-revalidate, private"}
# A form was read: shown again, obeyed, refused in words, or there is no form at this address.
READ = {200, 201, 204, 302, 405, 409, 429}
# What a script adds to a form to begin an upload.
UPLOAD = {"Tus-Resumable": "1.0.0", "Upload-Length": "16"}


@contextmanager
def written() -> Iterator[set[str]]:
    """Collect the tables that are written to, without those that hold traces."""
    tables: set[str] = set()

    def note(execute: Callable[..., Any], sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if found := WRITES.match(sql):
            tables.add(found[1])
        return execute(sql, parameters, many, context)

    with connection.execute_wrapper(note):
        yield tables
    tables -= TRACES


@dataclass
class World:
    """Requests at several stages with a paper each, and a browser for each role."""

    browsers: dict[str, Client]
    values: dict[str, object]

    def address(self, name: str, **others: object) -> str:
        """Return an address that names things of this world."""
        values = self.values | others
        return reverse(name, kwargs={key: values.get(str(value), value) for key, value in TABLE[name].names.items()})

    def ask(
        self, role: str, address: str, data: dict[str, object] | str | None = None
    ) -> tuple[HttpResponse, set[str]]:
        """Return an answer and what was written for it, then undo it; with `data` it is a POST."""
        client = Client(raise_request_exception=False)
        client.cookies = copy.deepcopy(self.browsers[role].cookies)
        point = transaction.savepoint()
        typed = {"content_type": "application/x-www-form-urlencoded"} if isinstance(data, str) else {}
        try:
            with written() as tables:
                answer = client.get(address) if data is None else client.post(address, data, headers=UPLOAD, **typed)
        finally:
            transaction.savepoint_rollback(point)
        return answer, tables

    def status(self, role: str, address: str) -> int:
        """Return what a role is answered."""
        return self.ask(role, address)[0].status_code

    def filled_in(self, case: Request | None = None) -> dict[str, object]:
        """Return what fits the fields of any form, so that a form is no reason to refuse."""
        version = (case or self.values["CASE"]).version  # type: ignore[union-attr]
        facility = self.values["LISTING"]
        return {
            **factories.ANSWERS,
            "for_whom": "self",
            "age": "52",
            "text": "Hello",
            "note": "Hello",
            "reason": "other",
            "urgency": "1",
            "seen_version": version,
            "version": version,
            "facility": facility.slug,  # type: ignore[attr-defined]
            "specialist": self.values["PEOPLE"]["specialist"].pk,  # type: ignore[index]
            "idempotency_key": uuid.uuid4(),
            "submit_key": uuid.uuid4(),
            "coordination": "on",
            "coordination_hash": factories.coordination_hash(),
            "facility_hash": factories.facility_hash(),
            "text_hash": factories.facility_hash(),
            "agree": "1",
            "action": "delete_selected",
            "_selected_action": "1",
            "kind_of_line": "rule",
            "post": "yes",
        }


def browser_of(request: Request, level: AccessLevel = AccessLevel.FULL) -> Client:
    """Return a patient's browser with her session."""
    client = Client()
    client.cookies[settings.PATIENT_COOKIE_NAME] = access.start_session(request, level=level)
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
        seen_rules=factories.rules_of(draft),
    )


def book(case: Request, specialist: User) -> Booking:
    """Book a consultation that needs the interpreter, late enough to be moved."""
    case.protocol = factories.make_protocol(case.assignment.facility, includes_consultation=True)
    case.save()
    SpecialistProfile.objects.create(user=specialist, languages=["it"])
    consulting.add_hours(specialist)
    return consulting.book(case, consulting.free(case)[-1])


@pytest.fixture
def world(db: None, settings: Any, tmp_path: Path) -> Iterator[World]:
    documents = {**settings.STORAGES["documents"], "OPTIONS": {"location": tmp_path, "base_url": None}}
    settings.STORAGES = {**settings.STORAGES, "documents": documents}
    settings.MAIL_SPOOL = tmp_path / "mail"
    facility, other_facility = factories.make_facility(), factories.make_facility()
    draft, others, drafted = factories.make_draft(), factories.make_draft(), factories.make_draft()
    relatives = factories.make_draft(**factories.RELATIVE_ANSWERS)
    paper, drafted_paper, others_paper = add_paper(draft), add_paper(drafted), add_paper(others)
    coordinator = factories.add_coordinator()
    elsewhere = CoordinationOffice.objects.create(name="Elsewhere", province="BG", is_receiving=False)
    people = {
        "stranger": factories.make_user(),
        "coordinator": coordinator,
        "other_coordinator": factories.add_coordinator(elsewhere),
        "emergency_reader": factories.add_coordinator(elsewhere),
        "facility_office": factories.reached(facility),
        "other_facility_office": factories.reached(other_facility),
        "specialist": factories.add_staff(facility, StaffRole.SPECIALIST),
        "other_specialist": factories.add_staff(facility, StaffRole.SPECIALIST),
        "interpreter": consulting.add_interpreter(("en", "it")).user,
        "facility_editor": factories.add_staff(facility, StaffRole.FACILITY_EDITOR),
        "editor": factories.add_role(factories.make_user(), "editor"),
        "administrator": factories.add_role(factories.make_user(), "administrator"),
    }
    case = submitted(Request.objects.get(pk=draft.pk))
    case = workflow.take(request=case, by=Actor.staff(coordinator), seen_version=case.version)
    forwarded = factories.make_with_facility(coordinator, facility)
    named = factories.make_with_specialist(coordinator, facility, people["facility_office"], people["specialist"])
    booked = book(named, people["specialist"])
    named = booked.request
    for asked in (case, named):
        opened = emergency.ask(reference=asked.reference, by=people["emergency_reader"], reason="Call of the family")
        assert opened is not None
        emergency.confirm(access=opened, by=people["other_coordinator"])
    look = Look.objects.create(file=paper.file)
    preview = Preview.objects.create(look=look, position=0, place={}, jpeg=base64.b64encode(b"\xff\xd8\xff").decode())
    forwarded_paper, named_paper = add_paper(forwarded), add_paper(named)
    StoredFile.objects.update(state=FileState.CLEAN)
    make_treatment("cure")
    make_condition("illness")
    make_specialty("field")
    make_district("part")
    make_institution("AE")
    browsers = {
        "anonymous": Client(),
        "patient": browser_of(case),
        "code_alone": browser_of(case, AccessLevel.STATUS),
        "relative": browser_of(submitted(Request.objects.get(pk=relatives.pk))),
        "other_patient": browser_of(submitted(Request.objects.get(pk=others.pk))),
        "booked_patient": browser_of(named),
        "drafter": browser_of(drafted),
        **{role: sign_in(Client(), user) for role, user in people.items()},
    }
    values = {
        "FACILITY": facility.slug,
        "CASE": case,
        "STAGES": {
            Status.IN_TRIAGE: (case, paper),
            Status.WITH_FACILITY: (forwarded, forwarded_paper),
            Status.WITH_SPECIALIST: (named, named_paper),
        },
        "DOCUMENT": paper.pk,
        "DRAFTED": drafted_paper.pk,
        "OTHERS": others_paper.pk,
        "PREVIEW": preview.pk,
        "BOOKING": booked.pk,
        "LINE": AvailabilityRule.objects.filter(person=people["specialist"]).first().pk,
        "REFERENCE": case.reference,
        "PEOPLE": people,
        "LISTING": facility,
    }
    # All is asked at this moment: no session ends and no second factor grows old while a busy computer asks.
    with time_machine.travel(timezone.now(), tick=False):
        yield World(browsers, values)


def refusals(row: Row, role: str) -> set[int]:
    """Return what a role is answered where it may not in: sign in first, no role here, or nothing to be found."""
    if row.kind in AREAS:
        if role in VISITORS:
            return {302}
        if role not in AREAS[row.kind]:
            return {403}
        return {404} if row.kind == "desk" else {302, 403, 404}
    return {302, 403, 404}


def answers_to_a_form(row: Row, role: str) -> set[int]:
    """Return what a role is answered when it sends a form."""
    if row.kind in {"public", "machine"}:
        return {405}
    if role in row.read_for:
        # Of a case in hand, a step that is never of this role is not found.
        return READ | ({row.status} - {200}) | ({404} if row.kind == "desk" else set())
    # Who has the area learns that a page takes no forms: of a page that names nothing, that tells nothing.
    takes_none = (
        {405} if row.kind in {"patient", "account"} or (row.kind == "admin" and role in AREAS["admin"]) else set()
    )
    return refusals(row, role) | takes_none


# What patients sent: not even a browser that opened it as a page could do anything with it.
SENT_FILES = {"teleconsult:document", "teleconsult:preview", "desk:document", "desk:preview", "teleconsult:copy"}

# A card is a picture for pages of other hosts; on this computer only, a mail is shown in a frame of the mailbox.
OWN_HEADERS = {
    "card": ("sends Cross-Origin-Resource-Policy: cross-origin",),
    "general_card": ("sends Cross-Origin-Resource-Policy: cross-origin",),
    "demo:mail": ("sends the policy",),
    "demo:mail_html": ("sends the policy", "sends X-Frame-Options: SAMEORIGIN"),
}


def unsafe_headers(name: str, answer: HttpResponse) -> Iterator[str]:
    """Yield the headers that are missing or odd; what knows a person is never kept, whatever the answer is."""
    faults = [fault for fault in header_faults(answer) if not fault.startswith(OWN_HEADERS.get(name, ()))]
    if name in SENT_FILES and answer.status_code == 200 and not answer["Content-Type"].startswith("text/html"):
        faults = [fault for fault in faults if not fault.startswith("sends the policy")]
        faults += [] if answer["Content-Security-Policy"] == SANDBOX else ["sends a file without a sandbox"]
    yield from faults
    is_public = TABLE[name].kind in {"public", "machine"} and answer.status_code < 400
    if not is_public and answer["Cache-Control"] not in PRIVATE:
        yield f"may be kept: {answer['Cache-Control']}"
    if answer.headers.get("Access-Control-Allow-Origin"):
        yield "is read by pages of other hosts"


def faults_of(world: World, name: str, role: str) -> Iterator[str]:
    """Yield what is wrong when a role opens an address and when it sends a form there."""
    row, address = TABLE[name], world.address(name)
    expected = {row.status} if role in row.seen_by else {302} if role in row.led_on else refusals(row, role)
    answer, tables = world.ask(role, address)
    if answer.status_code not in expected:
        yield f"GET is answered {answer.status_code}, not {sorted(expected)}"
    if tables:
        yield f"GET writes to {sorted(tables)}"
    yield from (f"GET {fault}" for fault in unsafe_headers(name, answer))
    answer, tables = world.ask(role, address, world.filled_in())
    yield from (f"POST {fault}" for fault in unsafe_headers(name, answer))
    expected = answers_to_a_form(row, role)
    if answer.status_code not in expected:
        yield f"POST is answered {answer.status_code}, not {sorted(expected)}"
    if tables and role not in row.read_for - (EMERGENCY if row.kind == "desk" else NOBODY):
        yield f"POST writes to {sorted(tables)}"


def test_every_address_is_in_the_table_and_no_other() -> None:
    names = set(names_in(get_resolver())) - WITHOUT_A_NAME

    assert sorted(names - TABLE.keys()) == []
    assert sorted(TABLE.keys() - names) == []


@pytest.mark.parametrize("kinds", ["public machine form demo", "patient", "account", "desk", "admin"])
def test_every_address_for_every_role_and_no_cache_keeps_what_knows_a_person(world: World, kinds: str) -> None:
    wrong = [
        f"{role} {name}: {fault}"
        for name, row in TABLE.items()
        if row.kind in kinds.split()
        for role in (ROLES if row.kind in PERSONAL else SAMPLE)
        for fault in faults_of(world, name, role)
    ]

    assert not wrong, "\n".join(wrong)


# Who has the case in hand at a stage, and in which quality.
HOLDERS = {
    Status.IN_TRIAGE: {"coordinator": Role.COORDINATOR},
    Status.WITH_FACILITY: {"coordinator": Role.COORDINATOR, "facility_office": Role.FACILITY_OFFICE},
    Status.WITH_SPECIALIST: {
        "coordinator": Role.COORDINATOR,
        "facility_office": Role.FACILITY_OFFICE,
        "specialist": Role.SPECIALIST,
    },
}
OPENED_IN_AN_EMERGENCY = {Status.IN_TRIAGE, Status.WITH_SPECIALIST}


@pytest.mark.parametrize("stage", HOLDERS)
def test_each_page_of_a_case_opens_for_those_who_have_it_in_hand_alone(world: World, stage: Status) -> None:
    case, paper = world.values["STAGES"][stage]  # type: ignore[index]
    wrong = []
    for name, row in TABLE.items():
        if row.kind != "desk" or "reference" not in row.names:
            continue
        address = world.address(name, REFERENCE=case.reference, DOCUMENT=paper.pk)
        for role in ROLES:
            opened, read = world.ask(role, address)
            sent, changed = world.ask(role, address, world.filled_in(case))
            if role in EMERGENCY and stage in OPENED_IN_AN_EMERGENCY:
                is_step = name.removeprefix("desk:") in FORMS
                reads = name not in {"desk:case", "desk:document"} or opened.status_code == 200
                if changed or not reads or (is_step and {opened.status_code, sent.status_code} != {404}):
                    wrong.append(f"{role} {name}: {opened.status_code}, {sent.status_code}, {changed}")
                continue
            if role not in HOLDERS[stage]:
                expected = refusals(row, role)
                if {opened.status_code, sent.status_code} - expected or read | changed:
                    wrong.append(f"{role} {name}: {opened.status_code}, {sent.status_code}, {read | changed}")
                continue
            action = name.removeprefix("desk:")
            if action in FORMS:
                quality = HOLDERS[stage][role]
                can = transitions.find(Action(action), stage, quality, kind=case.kind) is not None
                # She owns it already; nothing waits for a fee or for proof of who is asking.
                needless = action in {Action.TAKE_OVER, Action.SETTLE_FEE, Action.CONFIRM_IDENTITY}
                if not needless and (opened.status_code == 200) is not can:
                    wrong.append(f"{role} {name}: {opened.status_code}")
            elif name in {"desk:case", "desk:document"} and opened.status_code != 200:
                wrong.append(f"{role} {name}: {opened.status_code}")
            if sent.status_code not in READ | {404}:
                wrong.append(f"{role} {name}: a form is answered {sent.status_code}")

    assert not wrong, "\n".join(wrong)


def test_a_paper_of_another_case_is_not_found_under_ones_own(world: World) -> None:
    papers = {key: world.values[key] for key in ("DRAFTED", "OTHERS")}
    reference = world.values["REFERENCE"]
    wrong = []
    for paper in papers.values():
        addresses = {
            "coordinator": reverse("desk:document", args=[reference, paper]),
            "patient": reverse("teleconsult:document", args=[paper]),
            "code_alone": reverse("teleconsult:document", args=[world.values["DOCUMENT"]]),
            "relative": reverse("teleconsult:document", args=[paper]),
        }
        for role, address in addresses.items():
            for data in (None, world.filled_in()):
                answer, tables = world.ask(role, address, data)
                expected = {302} if role == "code_alone" else {404, 405}
                if answer.status_code not in expected or tables:
                    wrong.append(f"{role} {address}: {answer.status_code} {tables}")
    remove = reverse("teleconsult:request_document_remove", args=[papers["DRAFTED"]])
    for role in ("patient", "relative", "other_patient", "code_alone", "anonymous"):
        answer, tables = world.ask(role, remove, {})
        if "teleconsult_document" in tables or answer.status_code not in {302, 404}:
            wrong.append(f"{role} removes a foreign paper: {answer.status_code} {tables}")

    assert not wrong, "\n".join(wrong)


TOKEN = re.compile(rb'name="csrfmiddlewaretoken" value="[^"]*"')
# Who has an area and might look for what is not hers there.
CURIOUS = {
    "patient": ("patient", "relative", "other_patient", "booked_patient", "drafter"),
    "desk": ("other_coordinator", "other_facility_office", "other_specialist", "interpreter", "coordinator"),
}


def foreign_things(world: World) -> dict[str, tuple[object, set[str]]]:
    """Return, by what addresses call it, something that is there, and the roles to which it belongs."""
    others = Request.objects.get(documents=world.values["OTHERS"])
    upload = workflow.begin_upload(
        request=Request.objects.get(documents=world.values["DRAFTED"]),
        by=Actor.author(Request.objects.get(documents=world.values["DRAFTED"])),
        name="a.pdf",
        size=10,
        kind=DocumentKind.REPORT,
        idempotency_key=uuid.uuid4(),
    )
    waiting = emergency.ask(
        reference=others.reference,
        by=world.values["PEOPLE"]["other_coordinator"],
        reason="Family",  # type: ignore[index]
    )
    named, _paper = world.values["STAGES"][Status.WITH_SPECIALIST]  # type: ignore[index]
    specialist = Actor.staff(world.values["PEOPLE"]["specialist"])  # type: ignore[index]
    Protocol.objects.filter(pk=named.protocol_id).update(follow_up_questions=2, follow_up_days=10)
    opinion = factories.deliver_opinion(Request.objects.get(pk=named.pk), specialist)
    question = factories.ask_follow_up(Request.objects.get(pk=named.pk))
    assert waiting is not None
    return {
        "document": (world.values["OTHERS"], {"other_patient"}),
        "preview": (world.values["PREVIEW"], {"patient", "coordinator", "emergency_reader"}),
        "upload": (upload.pk, {"drafter"}),
        "opinion": (opinion.pk, {"booked_patient"}),
        "question": (question.pk, {"specialist", "facility_office"}),
        "booking": (world.values["BOOKING"], {"booked_patient", "interpreter"} | BOOKERS | EMERGENCY),
        "line": (world.values["LINE"], {"specialist"}),
        "access": (waiting.pk, {"coordinator", "emergency_reader"}),
        "reference": (named.reference, {"booked_patient"} | BOOKERS | EMERGENCY),
    }


def told_by(world: World, role: str, name: str, what: str, it: object) -> Iterator[tuple[int, str, bytes]]:
    """Yield what a role is told of something, to GET and POST, without its name; nothing may be written."""
    given = {key: world.values.get(str(value), value) for key, value in TABLE[name].names.items()}
    for data in (None, world.filled_in()):
        answer, tables = world.ask(role, reverse(name, kwargs=given | {what: it}), data)
        place = answer.headers.get("Location", "").replace(str(it), "it")
        assert not tables, f"{role} {name} {what}: writes to {sorted(tables)}"
        yield answer.status_code, place, TOKEN.sub(b"", answer.content).replace(str(it).encode(), b"it")


def test_what_is_anothers_is_answered_like_what_is_not_there(world: World) -> None:
    foreign, wrong, seen = foreign_things(world), [], set()
    # The forms of a case are one view: one of them speaks for all.
    others = {f"desk:{action.value}" for action in FORMS} - {"desk:close"}
    for name in TABLE.keys() - others:
        row = TABLE[name]
        for what in foreign.keys() & row.names.keys() if row.kind in CURIOUS else ():
            there, owners = foreign[what]
            missing = "HL-3333-3333-3" if what == "reference" else uuid.uuid4()
            for role in sorted(set(CURIOUS[row.kind]) - owners):
                seen.add(what)
                pairs = zip(*(told_by(world, role, name, what, it) for it in (there, missing)), strict=True)
                wrong += [
                    f"{role} {name} {what}: {first[:2]}, {second[:2]}" for first, second in pairs if first != second
                ]

    assert not wrong, "\n".join(wrong)
    assert seen == foreign.keys()


def test_a_form_without_the_token_is_refused_at_every_address(world: World) -> None:
    wrong = []
    for name, row in TABLE.items():
        if row.kind in {"public", "machine"}:
            continue
        for role in (set(row.seen_by) | {"anonymous"}) & {"anonymous", "patient", "drafter", "coordinator", "editor"}:
            client = Client(enforce_csrf_checks=True, raise_request_exception=False)
            client.cookies = copy.deepcopy(world.browsers[role].cookies)
            point = transaction.savepoint()
            with written() as tables:
                answer = client.post(world.address(name), world.filled_in())
            transaction.savepoint_rollback(point)
            if answer.status_code not in {302, 403, 404, 405} or tables:
                wrong.append(f"{role} {name}: {answer.status_code} {sorted(tables)}")

    assert not wrong, "\n".join(wrong)


SCRIPT = "<script>alert(7)</script>"
HOSTILE = {
    "NUL": "a\x00b",
    "script": f"\"'>{SCRIPT}{{{{7*7}}}}",
    "line breaks": "a\r\nBcc: everybody@example.org\r\n\r\nb",
    "a long word": "x" * 20_000,
    "turned text": "\u202egpj.exe\ufeff\u2066",
    "half a character": "\ud800",
    "a number too large": "9" * 400,
}


# Of those who may, the first opens each address.
TYPISTS = ("drafter", "patient", "booked_patient", "coordinator", "specialist", "editor", "administrator", "anonymous")


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_words_are_no_failure_anywhere_and_never_run(world: World, kind: str) -> None:
    text = HOSTILE[kind].encode("utf-8", "surrogatepass")
    # Encoded here: the test client would send each byte as a value of its own.
    in_forms = urlencode(dict.fromkeys(world.filled_in(), text) | {"website": b""})
    in_address = {"q": text[:3000], "next": text[:3000], "words": text[:3000], "reference": text[:3000]}
    in_address |= dict.fromkeys(("lane", "owner", "language", "country", "facility", "treatment", "page"), text[:200])
    wrong = []
    for name, row in TABLE.items():
        for role in [role for role in TYPISTS if role in row.read_for][:1]:
            address = world.address(name)
            for answer in (
                world.ask(role, f"{address}?{urlencode(in_address)}")[0],
                world.ask(role, address, in_forms)[0],
            ):
                if answer.status_code >= 500:
                    wrong.append(f"{role} {name}: {answer.status_code}")
                elif not answer.streaming and SCRIPT.encode() in answer.content:
                    wrong.append(f"{role} {name}: prints the script")
                elif any("\n" in value or "\r" in value for value in answer.headers.values()):
                    wrong.append(f"{role} {name}: a header has lines")

    assert not wrong, "\n".join(wrong)


ELSEWHERE = (
    "//evil.example/",
    "https://evil.example/",
    "/\\evil.example",
    "javascript:alert(7)",
    "http:///evil.example",
)


def test_nobody_is_led_to_another_host(world: World) -> None:
    """Whatever an address says of where to go next, and whatever host it names, the way leads within this portal."""
    wrong = []
    for name, row in TABLE.items():
        # The account is where people are led on; elsewhere one try is enough, and of the models one page.
        is_model = row.kind == "admin" and not name.endswith(("_changelist", "index", "login", "logout"))
        roles = ("anonymous", "coordinator") if row.kind in {"account", "desk"} else ("anonymous", "administrator")
        for role in () if is_model or row.kind == "machine" else roles:
            for target in ELSEWHERE if row.kind == "account" else ELSEWHERE[:1]:
                query = urlencode({"next": target})
                for data in (None, {**world.filled_in(), "next": target}):
                    answer, _tables = world.ask(role, f"{world.address(name)}?{query}", data)
                    location = answer.get("Location", "")
                    if location and (not location.startswith("/") or location.startswith(("//", "/\\"))):
                        wrong.append(f"{role} {name}: {location}")

    assert not wrong, "\n".join(wrong)


def test_a_header_changes_neither_the_method_nor_the_network(world: World) -> None:
    erase = reverse("teleconsult:erase")
    client = Client(raise_request_exception=False)
    client.cookies = copy.deepcopy(world.browsers["patient"].cookies)
    with written() as tables:
        for value in ("POST", "DELETE"):
            client.get(erase, {"_method": value, "agree": "1"}, headers={"X-HTTP-Method-Override": value})
    assert tables == set()

    tried = [
        client.post(
            reverse("teleconsult:lost_reference"),
            {"email": f"somebody{number}@example.org"},
            headers={"X-Forwarded-For": f"192.0.2.{number}", "Forwarded": f"for=192.0.2.{number}", "X-Real-IP": "::1"},
        ).status_code
        for number in range(access.TRIES_PER_NETWORK + 2)
    ]
    assert tried[-1] == 429


def test_a_session_given_by_somebody_else_is_not_used(world: World) -> None:
    """Whoever plants a cookie before a person comes in knows nothing afterwards: the token is always a new one."""
    client = Client()
    client.cookies[settings.PATIENT_COOKIE_NAME] = "planted"
    page = client.get(reverse("teleconsult:request_start"))
    answers = world.filled_in() | {"idempotency_key": uuid.uuid4()}

    answer = client.post(reverse("teleconsult:request_start"), answers)

    assert page.status_code == 200
    assert answer.status_code == 302
    cookie = answer.cookies[settings.PATIENT_COOKIE_NAME]
    assert cookie.value != "planted"
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_rows_of_the_administration_for_every_role(world: World) -> None:
    people, listing = world.values["PEOPLE"], world.values["LISTING"]
    foreign = factories.make_facility()
    rows = {
        ("accounts_user", people["stranger"].pk): ADMINISTRATOR,
        ("teleconsult_coordinationoffice", CoordinationOffice.receiving().pk): ADMINISTRATOR,
        ("teleconsult_interpreter", people["interpreter"].interpreter.pk): ADMINISTRATOR,
        ("notifications_outboxmessage", OutboxMessage.objects.first().pk): ADMINISTRATOR,
        ("facilities_facility", listing.pk): EDITORS,
        ("facilities_facility", foreign.pk): EDITOR,
        ("treatments_offer", listing.offers.first().pk): EDITORS,
        ("treatments_treatment", Treatment.objects.first().pk): EDITOR,
        ("partners_institution", Institution.objects.first().pk): EDITOR,
    }
    wrong = []
    for (model, key), seen_by in rows.items():
        for page in ("change", "history", "delete"):
            address = reverse(f"admin:{model}_{page}", args=[key])
            for role in ROLES:
                opened, _read = world.ask(role, address)
                sent, changed = world.ask(role, address, world.filled_in())
                if page == "change" and (opened.status_code == 200) is not (role in seen_by):
                    wrong.append(f"{role} {model}: {opened.status_code}")
                if role not in seen_by and (not {opened.status_code, sent.status_code} <= {302, 403, 404} or changed):
                    wrong.append(f"{role} {model} {page}: {opened.status_code}, {sent.status_code}, {changed}")

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
    assert {role for role in ROLES if world.status(role, at_desk) == 200} == CASE | EMERGENCY


def test_lines_of_hours_are_removed_by_their_person_alone(world: World) -> None:
    remove = world.address("desk:availability_remove")

    writing = {role for role in ROLES if world.ask(role, remove, world.filled_in())[1]}

    assert writing == {"specialist"}
