"""What a process loads before anybody asks for it: what is heavy and rarely needed waits."""

import os
import subprocess
import sys

import pytest
from django.conf import settings

# Megabytes of a web process that only few pages need, measured beside what a web process loads anyway.
HEAVY = {
    "pypinyin": 18,
    "celery": 9,
    "typst": 8,
    "tink": 8,
    "pydicom": 7,
    "holidays": 6,
    "pikepdf": 5,
    "PIL": 2,
    "segno": 2,
}
ASKED = "import sys, healthlombardy.wsgi; print(*sys.modules); import gc; print(gc.get_freeze_count())"


@pytest.fixture(scope="module")
def started() -> list[str]:
    """Return what a fresh web process prints: the names of its modules, then how many objects are frozen."""
    done = subprocess.run(
        [sys.executable, "-c", ASKED],
        cwd=settings.BASE_DIR,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize("name", HEAVY)
def test_a_web_process_starts_without(started: list[str], name: str) -> None:
    assert name not in started[0].split()


def test_all_pages_are_loaded_before_the_first_reader_comes(started: list[str]) -> None:
    assert {"teleconsult.views.desk", "facilities.views"} <= set(started[0].split())


def test_the_garbage_collector_does_not_look_at_what_was_loaded(started: list[str]) -> None:
    assert int(started[1]) > 50_000
