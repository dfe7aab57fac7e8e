"""What patients of eight languages type finds what they mean among the first three hits.

`manage search_report --misses` prints what failed.
"""

from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from search.report import OVERALL, Query, Report, read_queries, report
from search.things import SOURCES

pytestmark = pytest.mark.usefixtures("catalogue", "db")

FOLDER = Path(__file__).parent / "queries"
FLOOR = 0.90
FLOOR_OF_EACH = 0.90
FEWEST = 30
HOWS = {"plain", "misspelt", "half_typed", "other_language"}


@pytest.fixture(scope="module")
def queries() -> list[Query]:
    return read_queries(FOLDER)


@pytest.fixture(scope="module")
def made(catalogue: None, queries: list[Query], django_db_blocker: object) -> Report:
    """Ask every query once."""
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        return report(queries)


def test_it_is_among_the_first_three(made: Report) -> None:
    at_3 = {row.name: row.at_3 for row in made.rows}

    assert at_3.pop(OVERALL) >= FLOOR
    assert {name: value for name, value in at_3.items() if value < FLOOR_OF_EACH} == {}


def test_what_was_held_out_does_as_well(made: Report) -> None:
    assert made.rows[-1].held_out_at_3 >= FLOOR


def test_the_set_is_large_hard_and_half_held_out(queries: list[Query]) -> None:
    for code, _name in settings.LANGUAGES:
        own = [query for query in queries if query.language == code]
        assert len(own) >= FEWEST
        assert len([query for query in own if query.how != "plain"]) >= len(own) / 3
        assert len(own) * 0.4 <= len([query for query in own if query.is_held_out]) <= len(own) * 0.55
        assert len({query.typed for query in own}) == len(own)
    assert {query.how for query in queries} == HOWS


def test_what_is_expected_exists(queries: list[Query]) -> None:
    known = {f"{source.kind}:{slug}" for source in SOURCES for slug in source.public().values_list("slug", flat=True)}

    assert {slug for query in queries for slug in query.expect} - known == set()


def test_the_command_prints_figures_and_keeps_the_held_out_secret(tmp_path: Path) -> None:
    rows = ["{typed: zzqqxx, expect: ['treatment:none'], how: plain}"]
    rows.append("{typed: qqxxzz, expect: ['treatment:none'], how: plain, held_out: true}")
    (tmp_path / "en.yaml").write_text("queries:\n" + "".join(f"  - {row}\n" for row in rows), encoding="utf-8")
    said = StringIO()

    call_command("search_report", tmp_path, misses=True, stdout=said)

    assert "en                 2            0.00            0.00" in said.getvalue()
    assert "zzqqxx → nothing" in said.getvalue()
    assert "qqxxzz" not in said.getvalue()
