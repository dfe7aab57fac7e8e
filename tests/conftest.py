"""What every test needs: strict templates, a database whose tables can be emptied, examples, the real catalogue."""

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.management import create_contenttypes
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models.signals import post_migrate
from django.utils import translation
from hypothesis import HealthCheck
from hypothesis import settings as examples
from pytest_django import DjangoDbBlocker
from pytest_django.plugin import blocking_manager_key

from tests import strict_templates
from tests.real_catalogue import RealCatalogue
from tests.turning_clock import HOUR, let_begin

REAL_CATALOGUE = pytest.StashKey[RealCatalogue]()

strict_templates.install()
# Pages link static files under their plain names: hashing and compressing them is tested by itself.
settings.STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
# Tests undo what they write, so that a page kept from one would be shown to the next; the cache is tested by itself.
settings.PAGE_CACHE_BYTES = 0
# How long an example takes says how busy the machine is. Each run tries the same examples, `explore` others.
AT_ANY_SPEED = examples(
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
examples.register_profile("same", AT_ANY_SPEED)
examples.register_profile("explore", AT_ANY_SPEED, derandomize=False, max_examples=1000, print_blob=True)
examples.load_profile("same")
# The portal gives up a database or a cache that does not answer within a second or two. A busy computer may need longer
# to start a connection, and that is no fault of what is tested.
PATIENCE = {"connect_timeout": 60, "tcp_user_timeout": 60_000}
settings.DATABASES["default"]["OPTIONS"] |= {
    name: value for name, value in PATIENCE.items() if name in settings.DATABASES["default"]["OPTIONS"]
}
settings.CACHES["default"]["OPTIONS"] |= {"socket_connect_timeout": 60, "socket_timeout": 60}


@pytest.fixture(scope="session", autouse=True)
def static_folder() -> None:
    """Make the folder of static files, which the server expects."""
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)


@pytest.fixture(autouse=True)
def one_day() -> None:
    """Begin each test on the day, here and in UTC, on which it ends."""
    let_begin(HOUR)


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Begin each test in English: a page visited before leaves its language behind in the thread."""
    with translation.override(settings.LANGUAGE_CODE):
        yield


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Let tests that really commit empty all tables afterwards, as Django does; the trail's other guards stay."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("SELECT tgrelid::regclass, tgname FROM pg_trigger WHERE tgname LIKE '%no_truncate'")
        for table, trigger in cursor.fetchall():
            cursor.execute(f'ALTER TABLE {table} DISABLE TRIGGER "{trigger}"')
        keep_names_of_models()


def keep_names_of_models() -> None:
    """Let emptied tables get back the rows that name models and permissions; Django would work them out each time."""
    kept = [(model, list(model.objects.all())) for model in (ContentType, Permission)]

    def put_back(using: str, **_signal: object) -> None:
        for model, rows in kept:
            model._base_manager.using(using).bulk_create(rows, ignore_conflicts=True)

    assert post_migrate.disconnect(create_contenttypes)
    assert post_migrate.disconnect(dispatch_uid="django.contrib.auth.management.create_permissions")
    post_migrate.connect(put_back, sender=apps.get_app_config("contenttypes"), weak=False)


@pytest.fixture(scope="session")
def real_catalogue(
    request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[RealCatalogue]:
    """Load the data files of the project once, into a database of their own."""
    made = RealCatalogue(empty=connection.settings_dict["NAME"])
    with django_db_blocker.unblock():
        made.make()
    request.config.stash[REAL_CATALOGUE] = made
    yield made
    with django_db_blocker.unblock():
        made.drop()


@pytest.fixture(scope="module")
def catalogue(real_catalogue: RealCatalogue, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Show the real catalogue to the tests of a module: `pytestmark = pytest.mark.usefixtures("catalogue", "db")`."""
    with django_db_blocker.unblock():
        real_catalogue.enter()
    yield
    with django_db_blocker.unblock():
        real_catalogue.leave()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """Renew the catalogue after a test that really committed: Django has emptied every table."""
    yield
    if "catalogue" in item.fixturenames and commits(item) and REAL_CATALOGUE in item.config.stash:
        with item.config.stash[blocking_manager_key].unblock():
            item.config.stash[REAL_CATALOGUE].spoil()


def commits(item: pytest.Item) -> bool:
    """Return whether Django empties all tables after a test."""
    marker = item.get_closest_marker("django_db")
    is_marked = marker is not None and bool(marker.kwargs.get("transaction"))
    return is_marked or not {"transactional_db", "live_server"}.isdisjoint(item.fixturenames)
