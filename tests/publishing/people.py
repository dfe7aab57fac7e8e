"""Fixtures: a hospital with its editor, another one, and the people of the association."""

import pytest
from django.test import Client

from accounts.models import User
from facilities.models import Facility
from tests.accounts.factories import make_user
from tests.publishing.factories import client_of, make_facility_editor
from tests.treatments.factories import make_facility


@pytest.fixture
def own(db: None) -> Facility:
    texts = {"usual_name_en": "Own Hospital", "summary_en": "A hospital."}
    return make_facility("own", address="Via Esempio 1", postal_code="20100", **texts)


@pytest.fixture
def foreign(db: None) -> Facility:
    return make_facility("foreign", short_name="Alienum", website="https://foreign.example.org", is_published=False)


@pytest.fixture
def facility_editor(own: Facility) -> User:
    return make_facility_editor(own, name="Fay Example")


@pytest.fixture
def editor(db: None) -> User:
    return make_user(roles=("editor",), name="Ed Example")


@pytest.fixture
def administrator(db: None) -> User:
    return make_user(roles=("administrator",))


@pytest.fixture
def stranger(db: None) -> User:
    return make_user()


@pytest.fixture
def as_facility_editor(facility_editor: User) -> Client:
    return client_of(facility_editor)


@pytest.fixture
def as_editor(editor: User) -> Client:
    return client_of(editor)


@pytest.fixture
def as_administrator(administrator: User) -> Client:
    return client_of(administrator)
