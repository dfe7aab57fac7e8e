"""People with roles in the association."""

import pytest
from django.test import Client

from accounts.models import User
from tests.accounts.factories import make_user, sign_in


@pytest.fixture
def editor(db: None) -> User:
    return make_user(roles=("editor",))


@pytest.fixture
def administrator(db: None) -> User:
    return make_user(roles=("administrator",))


@pytest.fixture
def stranger(db: None) -> User:
    """Someone with an account and no role."""
    return make_user()


@pytest.fixture
def as_administrator(client: Client, administrator: User) -> Client:
    return sign_in(client, administrator)
