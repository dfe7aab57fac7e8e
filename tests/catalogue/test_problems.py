"""Whatever is wrong in a data file is said with file, line and reason, and nothing is loaded."""

from collections.abc import Callable
from pathlib import Path

import pytest

from catalogue.loading import check, load
from facilities.models import Facility
from publishing.loading.files import Unloadable
from publishing.models import CatalogueLoad, LoadedRow
from taxonomy.models import BodyDistrict

Rewrite = Callable[[str, str, str], None]

FACILITIES = "facilities/data/facilities.yaml"
RANKINGS = "facilities/data/rankings.yaml"
CONDITIONS = "treatments/data/conditions.yaml"
TREATMENTS = "treatments/data/treatments.yaml"
OFFERS = "treatments/data/offers.yaml"
PROTOCOLS = "treatments/data/protocols.yaml"
PARTNERS = "partners/data/partners.yaml"
KINDS = "publishing/data/source_kinds.yaml"
TEXTS = "treatments/data/texts/ru.yaml"

# What is damaged: file, sound text, damaged text; and what is said: line, reason.
DAMAGES = {
    "unknown specialty": (
        CONDITIONS,
        "specialty: cardiology",
        "specialty: cardiolgy",
        3,
        "unknown specialty 'cardiolgy'",
    ),
    "unknown district": (CONDITIONS, "[heart]", "[hart]", 4, "unknown body district 'hart'"),
    "unknown condition": (
        TREATMENTS,
        "['36.06']\n    conditions: [angina]",
        "['36.06']\n    conditions: [x]",
        7,
        "unknown condition 'x'",
    ),
    "unknown facility": (OFFERS, "alpha, treatment: stent", "omega, treatment: stent", 2, "unknown facility 'omega'"),
    "unknown treatment": (PROTOCOLS, "[stent]", "[laser]", 5, "unknown treatment 'laser'"),
    "unknown slug in texts": (TEXTS, "angina:", "angine:", 2, "unknown condition 'angine'"),
    "duplicate slug": (
        TREATMENTS,
        "slug: bypass",
        "slug: stent",
        8,
        f"duplicate treatment 'stent', first in {TREATMENTS}:2",
    ),
    "duplicate offer": (
        OFFERS,
        "treatment: bypass",
        "treatment: stent",
        3,
        f"duplicate offer 'alpha/stent', first in {OFFERS}:2",
    ),
    "duplicate in a list": (PROTOCOLS, "[en, it]", "[en, en]", 6, "'en' is in the list twice"),
    "duplicate key": (
        CONDITIONS,
        "icd10: [I20, I20.0]",
        "icd10: [I20]\n    icd10: [I21]",
        6,
        "key 'icd10' stands here twice",
    ),
    "duplicate number": (
        "taxonomy/data/body_districts.yaml",
        "number: 2",
        "number: 1",
        5,
        "duplicate number on the body plate '1'",
    ),
    "duplicate name": (TEXTS, "Bypass ru", "Stent ru", 5, "duplicate name: treatment 'stent' is called 'Stent ru' too"),
    "bad ICD-10": (CONDITIONS, "I20.0", "I2O.0", 5, "bad ICD-10 code 'I2O.0'"),
    "bad ICD-9-CM": (TREATMENTS, "'36.06'", "'3606'", 6, "bad ICD-9-CM code '3606'"),
    "newer code unknown": (
        TREATMENTS,
        "icd9cm_newer: ['36.11']",
        "icd9cm_newer: ['36.12']",
        13,
        "'36.12' is not among the codes",
    ),
    "bad country": (PARTNERS, "country: AT", "country: XX", 3, "country: bad country code 'XX'"),
    "country in lower case": (PARTNERS, "country: AT", "country: at", 3, "country: bad country code 'at'"),
    "bad language": (PROTOCOLS, "[en, it]", "[en, klingon]", 6, "bad language code 'klingon'"),
    "bad province": (FACILITIES, "province: MI", "province: TO", 10, "province: unknown province 'TO'"),
    "bad latitude": (FACILITIES, "45.46", "48.2", 11, "bad coordinate: latitude 48.2 is outside Lombardy"),
    "bad longitude": (FACILITIES, "9.19", "7.68", 12, "bad coordinate: longitude 7.68 is outside Lombardy"),
    "bad postal code": (FACILITIES, "'20100'", "'2010'", 8, "bad postal code '2010'"),
    "bad web address": (FACILITIES, "https://clinic.example.org\n", "clinic.example.org\n", 13, "bad web address"),
    "bad slug": (FACILITIES, "slug: alpha", "slug: Alpha_1", 2, "bad slug 'Alpha_1'"),
    "unknown kind": (FACILITIES, "general_hospital", "spa", 5, "kind: unknown kind 'spa'; known are"),
    "unknown kind of source": (KINDS, "newspaper:", "gazette:", 4, "unknown kind of source 'gazette'"),
    "unknown key": (
        FACILITIES,
        "city: Milano",
        "city: Milano\n    phone: '1'",
        10,
        "unknown key 'phone'; known are slug",
    ),
    "unknown key at the top": (CONDITIONS, "conditions:", "more: []\nconditions:", 1, "unknown key 'more'"),
    "missing key": (FACILITIES, "    city: Milano\n", "", 2, "missing key 'city'"),
    "null where a value is needed": (FACILITIES, "city: Milano", "city: null", 9, "city: must not be null"),
    "text instead of number": (FACILITIES, "45.46", "north", 11, "latitude: expected a number, found a text (north)"),
    "number instead of text": (
        FACILITIES,
        "'20100'",
        "20100",
        8,
        "postal_code: expected a text, found a number (20100)",
    ),
    "yes instead of number": (
        PROTOCOLS,
        "minimum_age: 18",
        "minimum_age: true",
        7,
        "minimum_age: expected a number, found yes or no",
    ),
    "text instead of list": (CONDITIONS, "[I20, I20.0]", "I20", 5, "icd10: expected a list, found a text"),
    "text instead of mapping": (
        OFFERS,
        "{facility: alpha, treatment: check, basis: unconfirmed, verified: false}",
        "check",
        4,
        "expected a mapping",
    ),
    "text instead of date": (PROTOCOLS, "2026-11-21", "soon", 13, "valid_from: expected a date, found a text (soon)"),
    "not YAML": (CONDITIONS, "[I20, I20.0]", "[I20", 6, "not readable as YAML"),
    "empty name": (TEXTS, "{name: Stent ru}", "{name: ''}", 4, "name: is empty"),
    "name too long": (TEXTS, "Stent ru", "x" * 201, 4, "name: is longer than 200 characters (201)"),
    "language without a name": (TEXTS, "  check: {name: Check ru}\n", "", 4, "no texts for treatment 'check'"),
    "language with fewer papers": (
        TEXTS,
        "      - {what: Letter ru}\n",
        "",
        12,
        "alpha-opinion: 1 documents, the protocol asks for 2",
    ),
    "language with fewer exclusions": (
        TEXTS,
        "[one ru, two ru]",
        "[one ru]",
        11,
        "alpha-opinion: 1 exclusions, English has 2",
    ),
    "verified without source": (
        OFFERS,
        ", source: https://clinic.example.org/stent",
        "",
        2,
        "verified, but no source is named",
    ),
    "ranking without a place": (
        RANKINGS,
        "    world_rank: 68\n    world_rank_to: 78\n",
        "",
        2,
        "a ranking needs world_rank",
    ),
    "ranking backwards": (
        RANKINGS,
        "world_rank_to: 78",
        "world_rank_to: 60",
        8,
        "world_rank_to 60 is before world_rank 68",
    ),
}


@pytest.mark.parametrize(("path", "old", "new", "line", "reason"), DAMAGES.values(), ids=DAMAGES.keys())
def test_a_problem_is_said_with_file_line_and_reason(
    root: Path, rewrite: Rewrite, path: str, old: str, new: str, line: int, reason: str
) -> None:
    rewrite(path, old, new)

    with pytest.raises(Unloadable) as caught:
        check(root)

    found = [str(problem) for problem in caught.value.problems]
    assert any(text.startswith(f"{path}:{line}: ") and reason in text for text in found), found


def test_the_tiny_catalogue_is_sound(root: Path) -> None:
    day, batches = check(root)

    assert day.isoformat() == "2026-11-21"
    assert sum(len(batch.rows) for batch in batches) == 25


def test_all_problems_of_all_files_are_listed_at_once(root: Path, rewrite: Rewrite) -> None:
    rewrite(FACILITIES, "province: MI", "province: TO")
    rewrite(CONDITIONS, "I20.0", "I2O.0")
    rewrite(PARTNERS, "country: AT", "country: XX")
    rewrite(PARTNERS, "country: FI", "country: YY")

    with pytest.raises(Unloadable) as caught:
        check(root)

    assert [problem.place.file for problem in caught.value.problems] == [FACILITIES, PARTNERS, PARTNERS, CONDITIONS]


def test_an_unsound_row_does_not_blame_those_that_point_to_it(root: Path, rewrite: Rewrite) -> None:
    rewrite(CONDITIONS, "I20.0", "I2O.0")

    with pytest.raises(Unloadable) as caught:
        check(root)

    assert len(caught.value.problems) == 1


def test_a_missing_file_is_a_problem(root: Path) -> None:
    (root / OFFERS).unlink()

    with pytest.raises(Unloadable, match=f"{OFFERS}:1: the file is missing"):
        check(root)


@pytest.mark.django_db
def test_one_problem_in_the_last_file_keeps_everything_out(root: Path, rewrite: Rewrite) -> None:
    rewrite("partners/data/agreements.yaml", "countries: [AT]", "countries: [XX]")

    with pytest.raises(Unloadable):
        load(root)

    assert not BodyDistrict.objects.exists()
    assert not Facility.objects.exists()
    assert not CatalogueLoad.objects.exists()


@pytest.mark.django_db
def test_a_failure_while_writing_leaves_nothing_half_loaded(root: Path) -> None:
    def break_before_the_last(batches):
        yield from batches[:-1]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        load(root, steps=break_before_the_last)

    assert not BodyDistrict.objects.exists()
    assert not LoadedRow.objects.exists()
