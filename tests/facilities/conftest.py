"""The people around the catalogue."""

from tests.publishing.people import *  # noqa: F403 -- fixtures
