"""A page as its reader sees it."""

from collections.abc import Callable

import pytest
from django.contrib.contenttypes.models import ContentType
from django.test import Client

from tests.publishing.people import *  # noqa: F403 -- fixtures
from tests.treatments.pages import Page
from treatments.models import Condition, Treatment


@pytest.fixture
def get(client: Client, db: None) -> Callable[..., Page]:
    """Return a function that opens a public page; what processes keep for good is warm."""
    ContentType.objects.get_for_models(Condition, Treatment)
    return lambda path: Page(client.get(path))
