"""The people of the demonstration: visibly invented, one for each role."""

from dataclasses import dataclass
from secrets import token_urlsafe

from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.db import transaction
from django.utils import timezone

from accounts import roles
from accounts.enums import Role
from accounts.models import User
from facilities.enums import StaffRole
from facilities.models import Facility, Membership
from teleconsult.models import CoordinationOffice, Interpreter, OfficeMember

OFFICE = "Demo Coordination Office"
FACILITY = "demo-hospital-a"
INTERPRETER = "interpreter"
# Each has an office and a specialist of its own, so that a request can go all the way to each.
OTHER_FACILITIES = {"b": "demo-hospital-b", "c": "demo-hospital-c", "d": "demo-hospital-d"}


@dataclass(frozen=True)
class Person:
    """Someone who does not exist."""

    # As `demo_sign_in` names the person.
    role: str
    name: str
    language: str = "en"
    staff_role: str = ""
    facility: str = FACILITY

    @property
    def email(self) -> str:
        """Return an address that no mail can reach (RFC 2606)."""
        return f"{self.role.replace('_', '-')}@demo.invalid"


def _at_other_facilities() -> tuple[Person, ...]:
    return tuple(
        Person(f"{role.value}_{letter}", f"{name} {letter.upper()}", staff_role=role.value, facility=facility)
        for letter, facility in OTHER_FACILITIES.items()
        for role, name in (
            (StaffRole.FACILITY_OFFICE, "Demo Facility Office"),
            (StaffRole.SPECIALIST, "Demo Specialist"),
        )
    )


PEOPLE = {
    person.role: person
    for person in (
        Person("coordinator", "Demo Coordinator"),
        Person(StaffRole.FACILITY_OFFICE.value, "Demo Facility Office", staff_role=StaffRole.FACILITY_OFFICE.value),
        Person(StaffRole.SPECIALIST.value, "Demo Specialist", staff_role=StaffRole.SPECIALIST.value),
        Person(INTERPRETER, "Demo Interpreter"),
        Person(StaffRole.FACILITY_EDITOR.value, "Demo Facility Editor", staff_role=StaffRole.FACILITY_EDITOR.value),
        Person(Role.EDITOR.value, "Demo Editor"),
        Person(Role.ADMINISTRATOR.value, "Demo Administrator"),
        *_at_other_facilities(),
    )
}


class NoFacility(Exception):
    """The demo hospital that the facility roles need was not loaded."""


@transaction.atomic
def load_people() -> dict[str, User]:
    """Make the people that are missing, with their roles and an authenticator; return them by role.

    Raises NoFacility.
    """
    return {role: _load(person) for role, person in PEOPLE.items()}


def demo_user(role: str) -> User | None:
    """Return the demo person of a role, if the demo was loaded."""
    return User.objects.with_email(PEOPLE[role].email)


def is_demo_person(user: User) -> bool:
    """Return whether somebody is one of the invented people."""
    return user.email in {person.email for person in PEOPLE.values()}


def _load(person: Person) -> User:
    user = User.objects.with_email(person.email)
    if user is None:
        # Nobody knows this password: the one-time address takes its place, see demo.sign_in.
        user = User.objects.create_user(
            person.email,
            password=token_urlsafe(32),
            name=person.name,
            language=person.language,
            joined_at=timezone.now(),
        )
    if not Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists():
        TOTP.activate(user, generate_totp_secret())
    _give_role(person, user)
    return user


def _give_role(person: Person, user: User) -> None:
    if person.role in Role.values:
        roles.grant(user=user, role=person.role, by=None)
    elif person.staff_role:
        _join_facility(user, person.staff_role, person.facility)
    elif person.role == INTERPRETER:
        Interpreter.objects.get_or_create(user=user)
    else:
        _join_office(user)


def _join_facility(user: User, role: str, slug: str) -> None:
    facility = Facility.objects.filter(slug=slug).first()
    if facility is None:
        raise NoFacility(f"The demo hospital {slug!r} is missing. Load the catalogue of the demo first.")
    if not user.memberships.current().filter(facility=facility, role=role).exists():
        Membership.objects.create(user=user, facility=facility, role=role)


def _join_office(user: User) -> None:
    office = CoordinationOffice.objects.first() or CoordinationOffice.objects.create(name=OFFICE)
    if not user.office_members.current().exists():
        OfficeMember.objects.create(user=user, office=office)
