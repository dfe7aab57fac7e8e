"""The people around the catalogue, and a page as its reader sees it."""

from collections.abc import Callable

import pytest
from django.contrib.contenttypes.models import ContentType
from django.test import Client

from facilities.models import Facility
from tests.publishing.people import *  # noqa: F403 -- fixtures
from tests.treatments.pages import Page


@pytest.fixture
def get(client: Client, db: None) -> Callable[[str], Page]:
    """Return a function that opens a public page; what processes keep for good is warm."""
    ContentType.objects.get_for_models(Facility)
    return lambda path: Page(client.get(path))
