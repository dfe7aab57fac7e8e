"""Words that found nothing are counted, nobody's name, number or mailbox among them, and nowhere else."""

import logging

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from search import models
from search.models import ZeroHit
from tests.accounts.factories import make_user
from tests.publishing.factories import client_of, make_facility_editor
from tests.search.factories import index_all
from tests.treatments.factories import make_facility, make_treatment

pytestmark = pytest.mark.django_db


def noted() -> list[tuple[str, str, int]]:
    return list(ZeroHit.objects.values_list("words", "language", "count"))


def test_the_same_words_are_counted_once_a_language() -> None:
    for typed, language in [("Zümbo", "de"), ("zumbo", "de"), ("zumbo", "it")]:
        ZeroHit.note(typed, language)

    assert sorted(noted()) == [("zumbo", "de", 2), ("zumbo", "it", 1)]


@pytest.mark.parametrize("typed", ["", "a", "anna@example.org", "+39 02 1234567", "born 1956", "٣٤٥", "long " * 13])
def test_what_may_name_a_person_is_forgotten(typed: str) -> None:
    ZeroHit.note(typed, "en")

    assert noted() == []


def test_nobody_fills_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "MOST_NOTED", 1)

    for typed in ("zumbo", "wadling", "zumbo"):
        ZeroHit.note(typed, "en")

    assert noted() == [("zumbo", "en", 2)]


def test_nothing_but_words_language_count_and_day_is_kept() -> None:
    assert {field.name for field in ZeroHit._meta.fields} == {"id", "words", "language", "count", "last_on"}
    with time_machine.travel("2026-11-21 23:30:00+00:00"):
        ZeroHit.note("zumbo", "en")
        assert ZeroHit.objects.get().last_on == timezone.localdate()


def test_a_page_without_a_hit_counts_its_words(client: Client) -> None:
    make_treatment("fopectomy", name_en="Fopectomy")
    index_all()

    client.get("/en/search/", {"q": "zzqqxx"})
    client.get("/en/search/", {"q": "fopectomy"})
    # A kind that was not found is no missing word.
    client.get("/en/search/", {"q": "fopectomy", "kind": "facility"})
    client.get("/en/search/")

    assert noted() == [("zzqqxx", "en", 1)]


def test_what_is_typed_stands_in_no_log(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        client.get("/en/search/", {"q": "zubblewadling"})

    records = [record for record in caplog.records if record.name != "django.db.backends"]
    assert records
    assert not any("zubblewadling" in str(record.__dict__) for record in records)


def test_editors_read_the_list_and_nobody_writes_it() -> None:
    ZeroHit.note("zumbo", "en")
    editor = client_of(make_user(roles=("editor",)))
    path = "/admin/search/zerohit/"

    page = editor.get(path)

    assert "zumbo" in page.content.decode()
    assert editor.post(f"{path}add/", {"words": "more", "language": "en"}).status_code == 403
    for other in (make_facility_editor(make_facility()), make_user(roles=("administrator",)), make_user()):
        assert "zumbo" not in client_of(other).get(path).content.decode()
    assert noted() == [("zumbo", "en", 1)]
