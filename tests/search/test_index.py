"""What search reads is written with the edit, and rebuilt beside the old while that is still read."""

import os
from collections.abc import Iterable, Iterator
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.utils import timezone

from publishing import published
from publishing.models import CatalogueLoad
from search.find import find
from search.index import rebuild, rewrite
from search.models import Build, Entry, Term, Word, ZeroHit
from tests.search.factories import index_all, slugs, straight
from tests.treatments.factories import make_condition, make_facility, make_offer, make_specialty, make_treatment


def test_an_edit_is_found_when_its_transaction_ends_and_not_when_it_is_undone(db: None) -> None:
    treatment = make_treatment("fopectomy", name_en="Fopectomy")
    index_all()

    class Undone(Exception):
        pass

    with pytest.raises(Undone), transaction.atomic():
        treatment.name_en = "Zumbectomy"
        treatment.save()
        rewrite(treatment)
        within = slugs(find("zumbectomy", "en"))
        raise Undone

    assert within == ["fopectomy"]
    assert slugs(find("fopectomy", "en")) == ["fopectomy"]
    assert find("zumbectomy", "en").hits == []


def test_publishing_tells_the_index(db: None) -> None:
    treatment = make_treatment("fopectomy", name_en="Fopectomy")
    index_all()
    treatment.synonyms_en = ["zumbo cut"]
    treatment.save()

    published.tell([treatment])

    assert slugs(find("zumbo cut", "en")) == ["fopectomy"]


def test_one_object_is_rewritten_and_the_others_are_left_alone(db: None) -> None:
    treatment = make_treatment("fopectomy", name_en="Fopectomy")
    make_treatment("other", name_en="Other")
    index_all()
    before = set(Term.objects.values_list("object_id", "pk"))

    treatment.name_en = "Zumbectomy"
    treatment.save()
    rewrite(treatment)

    changed = {object_id for object_id, _pk in before ^ set(Term.objects.values_list("object_id", "pk"))}
    assert changed == {treatment.pk}
    assert find("fopectomy", "en").hits == []


def test_what_has_not_changed_is_not_written_again(db: None) -> None:
    treatment = make_treatment("fopectomy", name_en="Fopectomy")
    index_all()
    before = list(Entry.objects.order_by("pk").values_list("pk", flat=True))

    rewrite(treatment)

    assert list(Entry.objects.order_by("pk").values_list("pk", flat=True)) == before


def test_an_unpublished_object_leaves_the_index(db: None) -> None:
    treatment = make_treatment("fopectomy", name_en="Fopectomy")
    index_all()
    treatment.is_published = False
    treatment.save()

    rewrite(treatment)

    assert not Entry.objects.filter(kind="treatment").exists()
    assert not Term.objects.filter(kind="treatment").exists()


def test_what_shows_how_many_hospitals_there_are_is_rewritten_with_a_hospital(db: None) -> None:
    specialty = make_specialty("zumbology", name_en="Zumbology")
    hospital = make_facility("kestrel")
    hospital.specialties.add(specialty)
    make_offer(make_treatment("fopectomy", name_en="Fopectomy"), hospital)
    index_all()
    hospital.is_published = False
    hospital.save()

    rewrite(hospital)

    assert set(Entry.objects.filter(slug__in=["zumbology", "fopectomy"]).values_list("facilities", flat=True)) == {0}


def test_what_shows_how_many_treatments_there_are_is_rewritten_with_a_treatment(db: None) -> None:
    condition = make_condition("grunitis", name_en="Grunitis")
    index_all()
    treatment = make_treatment("fopectomy", name_en="Fopectomy", conditions=(condition,))

    rewrite(treatment)

    assert set(Entry.objects.filter(slug="grunitis").values_list("treatments", flat=True)) == {1}


def test_what_shows_the_name_of_a_specialty_is_rewritten_with_it(db: None) -> None:
    specialty = make_specialty("zumbology", name_en="Zumbology")
    make_treatment("fopectomy", specialty=specialty)
    make_condition("grunitis", specialty=specialty)
    index_all()
    specialty.name_en = "Wadlingology"
    specialty.save()

    rewrite(specialty)

    shown = Entry.objects.filter(slug__in=["fopectomy", "grunitis"], language="en")
    assert list(shown.values_list("specialty", flat=True)) == ["Wadlingology"] * 2


# --- rebuilding -----------------------------------------------------------------------------------------------------


def test_nothing_is_rebuilt_until_the_catalogue_is_loaded_anew(db: None) -> None:
    make_treatment("fopectomy", name_en="Fopectomy")

    assert rebuild(straight) is True
    assert rebuild(straight) is False
    CatalogueLoad.objects.create(digest="another", checked_on=timezone.localdate())
    assert rebuild(straight) is True
    assert Build.objects.count() == 1


def test_a_rebuild_forgets_what_is_gone_and_the_words_that_nothing_uses(db: None) -> None:
    treatment = make_treatment("fopectomy", name_en="Fopectomy")
    index_all()
    treatment.delete()
    Build.objects.all().delete()

    rebuild(straight)

    assert not Entry.objects.filter(slug="fopectomy").exists()
    assert not Word.objects.filter(word="fopectomy").exists()


def test_the_command_says_what_it_did(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("rebuild_search")
    call_command("rebuild_search")
    call_command("rebuild_search", force=True)

    said = capsys.readouterr().out.splitlines()
    assert said[0] == said[2] == "The search index is up to date."
    assert said[1].startswith("Nothing has changed")


def found_elsewhere(query: str) -> list[str]:
    """Search over a connection of its own."""
    found: list[str] = []

    def search() -> None:
        found.extend(slugs(find(query, "en")))
        connections.close_all()

    thread = Thread(target=search)
    thread.start()
    thread.join(300)
    return found


def test_readers_see_the_old_index_until_the_new_one_is_whole(transactional_db: None) -> None:
    treatment = make_treatment("fopectomy", name_en="Fopectomy")
    index_all()
    type(treatment).objects.update(name_en="Zumbectomy")
    during: list[list[str]] = []

    def watched(items: Iterable[Any], _count: int, _label: str) -> Iterable[Any]:
        for item in items:
            yield item
            during.append(found_elsewhere("fopectomy"))

    rebuild(watched, is_forced=True)

    assert during
    assert all(found == ["fopectomy"] for found in during)
    assert slugs(find("zumbectomy", "en")) == ["fopectomy"]


# --- rights ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def as_application(transactional_db: None) -> Iterator[None]:
    """Be connected as the application's role."""
    call_command("grant_application_role")
    application = urlsplit(os.environ["DATABASE_APPLICATION_URL"])
    owner = {name: connection.settings_dict[name] for name in ("USER", "PASSWORD")}
    connection.close()
    connection.settings_dict.update(USER=application.username, PASSWORD=unquote(application.password or ""))
    yield
    connection.close()
    connection.settings_dict.update(owner)


def test_the_application_needs_no_more_than_its_role_may(as_application: None) -> None:
    treatment = make_treatment("fopectomy", name_en="Fopectomy")

    rebuild(straight, is_forced=True)
    rewrite(treatment)
    ZeroHit.note("zumbo", "en")

    assert slugs(find("fopectomy", "en")) == ["fopectomy"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert "app" in cursor.fetchone()[0]
