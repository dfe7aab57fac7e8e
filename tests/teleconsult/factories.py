"""Requests at every stage, invented facilities, and the people around them."""

import datetime
import uuid
from itertools import count
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from accounts.models import AssociationRole, User
from facilities.enums import StaffRole
from facilities.models import Facility, Membership
from publishing.enums import FactState
from taxonomy.models import Specialty
from teleconsult import consent, workflow
from teleconsult.enums import ConsentPurpose, ForWhom, OptionKind, RequestKind, Status
from teleconsult.models import Addendum, CoordinationOffice, FollowUpQuestion, OfficeMember, Opinion, Request
from teleconsult.models.opinions import option
from teleconsult.permissions import Actor
from teleconsult.workflow import promises
from treatments.enums import DocumentKind
from treatments.models import Offer, Protocol, RequiredDocument, Treatment

_number = count(1)
ANSWERS = {
    "email": "patient@example.org",
    "patient_name": "Ada Example",
    "age_years": 52,
    "country": "AE",
    "language": "en",
    "zone": "Asia/Dubai",
    "question": "Is the operation needed?",
}


def make_user(name: str = "Ada Example", language: str = "en") -> User:
    return User.objects.create_user(f"staff{next(_number)}@example.org", name=name, language=language)


def make_facility(**fields: Any) -> Facility:
    """Return an invented hospital in Milan."""
    number = next(_number)
    values = {
        "slug": f"example-hospital-{number}",
        "official_name": f"Ospedale Esempio {number}",
        "short_name": f"Esempio {number}",
        "kind": "general_hospital",
        "ownership": "public",
        "address": "Via Esempio 1",
        "postal_code": "20100",
        "city": "Milano",
        "province": "MI",
        "latitude": 45.46,
        "longitude": 9.19,
    }
    return Facility.objects.create(**values | fields)


def make_treatment(slug: str = "") -> Treatment:
    """Return a treatment whose name would tell of an illness."""
    specialty, _is_new = Specialty.objects.get_or_create(slug="oncology")
    number = next(_number)
    return Treatment.objects.create(
        slug=slug or f"secretectomy-{number}", name_en="Secretectomy", kind="surgery", specialty=specialty
    )


def make_protocol(facility: Facility, **fields: Any) -> Protocol:
    values = {
        "slug": f"protocol-{next(_number)}",
        "facility": facility,
        "state": FactState.VERIFIED,
        "document_languages": ["en", "it"],
        "promised_working_days": 5,
        "valid_from": datetime.date(2020, 1, 1),
    }
    protocol = Protocol.objects.create(**values | fields)
    RequiredDocument.objects.create(
        protocol=protocol, position=1, kind=DocumentKind.REPORT, what_en="Report", maximum_age_days=30
    )
    RequiredDocument.objects.create(
        protocol=protocol, position=2, kind=DocumentKind.IMAGING, what_en="Scans", only_when_en="after surgery"
    )
    return protocol


def add_staff(facility: Facility, role: StaffRole, user: User | None = None) -> User:
    person = user or make_user()
    Membership.objects.create(user=person, facility=facility, role=role, since=datetime.date(2020, 1, 1))
    return person


def add_coordinator(office: CoordinationOffice | None = None) -> User:
    person = make_user("Carla Coordinator")
    OfficeMember.objects.create(
        office=office or CoordinationOffice.receiving(), user=person, since=datetime.date(2020, 1, 1)
    )
    return person


def add_role(user: User, role: str) -> User:
    AssociationRole.objects.create(user=user, role=role, since=datetime.date(2020, 1, 1))
    return user


def reached(facility: Facility, treatment: Treatment | None = None) -> User:
    """Give a facility an office here and a confirmed offer; return a person of the office."""
    Offer.objects.create(facility=facility, treatment=treatment or make_treatment(), state=FactState.VERIFIED)
    return add_staff(facility, StaffRole.FACILITY_OFFICE)


def coordination_hash(language: str = "en") -> str:
    return consent.text(ConsentPurpose.COORDINATION, language).hash


def facility_hash(language: str = "en") -> str:
    return consent.text(ConsentPurpose.FACILITY, language).hash


def upload(name: str = "report.pdf", content: bytes = b"%PDF-1.4 example") -> SimpleUploadedFile:
    """Return a file; the same one sent twice is kept once."""
    return SimpleUploadedFile(name, content)


def patient_of(request: Request) -> Actor:
    return Actor.author(request)


def make_draft(**answers: Any) -> Request:
    key = uuid.uuid4()
    return workflow.start_draft(answers=ANSWERS | answers, idempotency_key=key).request


def make_submitted(*, facility: Facility | None = None, with_consent: bool = False, **answers: Any) -> Request:
    return submit(make_draft(facility=facility, **answers), with_consent=with_consent)


def rules_of(draft: Request) -> int | None:
    """Return the key of the hospital's rules that stand on the last screen."""
    return promises.protocol_id_for(draft, draft.facility)


def submit(request: Request, *, with_consent: bool = False) -> Request:
    """Send a draft with the consent of the office, and with that of the wished facility if it is asked for."""
    return workflow.submit(
        request=request,
        by=patient_of(request),
        seen_version=request.version,
        idempotency_key=uuid.uuid4(),
        coordination_consent=coordination_hash(),
        facility_consent=facility_hash() if with_consent else "",
        shown_in="en",
        seen_rules=rules_of(request),
    )


def make_in_triage(coordinator: User, **about: Any) -> Request:
    request = make_submitted(**about)
    return workflow.take(request=request, by=Actor.staff(coordinator), seen_version=request.version)


def make_with_facility(coordinator: User, facility: Facility, **about: Any) -> Request:
    request = make_in_triage(coordinator, facility=facility, with_consent=True, **about)
    return workflow.forward(
        request=request, by=Actor.staff(coordinator), seen_version=request.version, facility=facility
    )


def make_with_specialist(coordinator: User, facility: Facility, office: User, specialist: User) -> Request:
    request = make_with_facility(coordinator, facility)
    return workflow.name_specialist(
        request=request, by=Actor.staff(office), seen_version=request.version, specialist=specialist
    )


def make_awaiting(coordinator: User, **about: Any) -> Request:
    request = make_in_triage(coordinator, **about)
    return workflow.ask_document(
        request=request, by=Actor.staff(coordinator), seen_version=request.version, text="Send the report."
    )


def force_status(request: Request, status: Status, owner: User) -> Request:
    """Put a row into a status no step leads to yet, or that a test does not want to walk to."""
    now = timezone.now()
    is_waiting = status == Status.AWAITING_PATIENT
    ended = {Status.DECLINED, Status.WITHDRAWN, Status.CLOSED, Status.EXPIRED, Status.ERASED}
    request.status = status
    request.owner = owner
    request.submitted_at = None if status in {Status.DRAFT, Status.EXPIRED} else now
    request.returns_to = Status.IN_TRIAGE if is_waiting else ""
    request.waiting_for = "document" if is_waiting else ""
    request.paused_since = now if is_waiting else None
    request.closed_at = now if status in ended else None
    request.erased_at = now if status in {Status.EXPIRED, Status.ERASED} else None
    request.save()
    return request


RELATIVE_ANSWERS = {"for_whom": ForWhom.RELATIVE, "asker_name": "Bea Example", "relationship": "daughter"}
QUESTION = RequestKind.QUESTION


def opinion_text(request: Request, **fields: Any) -> workflow.OpinionText:
    """Return a whole opinion on the question of a request."""
    part = {"question": request.question, "answer": "No, not now.", "is_joined": False, "is_patients": True}
    values = {
        "language": "en",
        "plain_words": "You can wait.",
        "letter": "Dear colleague,\nplease check again in spring.",
        "answers": [part],
        "options": [option(OptionKind.HOME, "Wait and check in spring.")],
    }
    return workflow.OpinionText(**values | fields)


def deliver_opinion(request: Request, by: Actor, **fields: Any) -> Opinion:
    """Write and sign an opinion, as its specialist does."""
    draft = workflow.write_opinion(request=request, by=by, seen_version=0, text=opinion_text(request, **fields))
    return workflow.sign_opinion(request=request, by=by, seen_version=draft.version, factor_at=timezone.now())


def add_addendum(request: Request, by: Actor, text: str = "One more thing.") -> Addendum:
    draft = workflow.write_addendum(request=request, by=by, seen_version=0, text=text, language="en")
    return workflow.sign_addendum(request=request, by=by, seen_version=draft.version, factor_at=timezone.now())


def ask_follow_up(request: Request, text: str = "And then?") -> FollowUpQuestion:
    return workflow.ask_follow_up(request=request, by=patient_of(request), text=text, idempotency_key=uuid.uuid4())
