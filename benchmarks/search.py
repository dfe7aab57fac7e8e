"""How long find() takes, beside the least a page of rows can cost, at 100,000 offers and at a tenth.

.venv/bin/python -m benchmarks.search                                                      both large catalogues
script/manage shell --no-imports -c "from benchmarks.search import main; main()"           the catalogue that is loaded
"""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measuring import conditions, milliseconds, p95, table

QUERIES = Path(__file__).resolve().parent.parent / "tests" / "search" / "queries"
SIZES = (10_000, 100_000)
ROUNDS = 3
PAGE = 20


def main() -> None:
    """Ask every query of our own set in the database of this process, and print milliseconds."""
    show([measured()])


def measured() -> dict[str, Any]:
    """Return the size of the catalogue and the times of its searches."""
    from search.find import find  # noqa: PLC0415
    from search.models import Entry, Term  # noqa: PLC0415
    from search.report import read_queries  # noqa: PLC0415
    from treatments.models import Offer  # noqa: PLC0415

    queries = read_queries(QUERIES)
    for query in queries:
        find(query.typed, query.language)
    asked, bare = [], []
    # In turns, so that a noisy machine disturbs both alike.
    for _round in range(ROUNDS):
        for query in queries:
            asked.append(milliseconds(lambda query=query: find(query.typed, query.language)))
            bare.append(milliseconds(lambda: list(Entry.objects.order_by("pk")[:PAGE])))
    return {
        "offers": Offer.objects.count(),
        "entries": Entry.objects.count(),
        "terms": Term.objects.count(),
        "searches": len(asked),
        "languages": len({query.language for query in queries}),
        "find": {"p50": statistics.median(asked), "p95": p95(asked)},
        "bare": {"p50": statistics.median(bare), "p95": p95(bare)},
    }


def show(found: list[dict[str, Any]]) -> None:
    """Print a table: each size, and how the times grow from the first to the last."""
    print(f"\n{found[0]['searches']} searches in {found[0]['languages']} languages, {conditions()}\n")
    rows: list[list[object]] = []
    for size in found:
        named = f"{size['offers']:,} offers, {size['entries']:,} entries, {size['terms']:,} terms"
        asked, bare = size["find"], size["bare"]
        rows.append([f"find(), {named}", asked["p50"], asked["p95"]])
        rows.append([f"SELECT of {PAGE} entries", bare["p50"], bare["p95"]])
        rows.append(["ratio", *(f"{asked[name] / bare[name]:.1f}" for name in ("p50", "p95"))])
    if len(found) > 1:
        first, last = found[0]["find"], found[-1]["find"]
        rows.append(["growth of find()", *(f"{last[name] / first[name]:.2f}" for name in ("p50", "p95"))])
    table(["", "p50, ms", "p95, ms"], rows)


def of_sizes() -> int:
    """Measure each large catalogue in a process of its own: a process has one database."""
    found = []
    for size in SIZES:
        with tempfile.NamedTemporaryFile("r", suffix=".json", encoding="utf-8") as file:
            argv = [sys.executable, "-m", "benchmarks.search", str(size), file.name]
            if subprocess.run(argv, check=False).returncode:
                return 1
            found.append(json.load(file))
    show(found)
    return 0


def of_size(size: int, file: Path) -> int:
    """Measure one large catalogue and write the figures."""
    from benchmarks.servers import database_of, exists, servers, use  # noqa: PLC0415
    from healthlombardy.local.problems import Problem, say  # noqa: PLC0415

    try:
        with servers() as environment:
            if not exists(environment, database_of(size)):
                raise Problem("Build the catalogues first: .venv/bin/python -m benchmarks.catalogue")
            use(environment, database_of(size))
            file.write_text(json.dumps(measured()), encoding="utf-8")
    except Problem as problem:
        say(str(problem))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(of_size(int(sys.argv[1]), Path(sys.argv[2])) if len(sys.argv) > 2 else of_sizes())
