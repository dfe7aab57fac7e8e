"""How long find() takes on the catalogue that is loaded, beside the least a page of rows can cost.

script/manage shell --no-imports -c "from benchmarks.search import main; main()"
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

from search.find import find
from search.models import Entry, Term
from search.report import read_queries
from treatments.models import Offer

QUERIES = Path(__file__).resolve().parent.parent / "tests" / "search" / "queries"
ROUNDS = 3
PAGE = 20


def main() -> None:
    """Ask every query of our own set, and print milliseconds."""
    queries = read_queries(QUERIES)
    for query in queries:
        find(query.typed, query.language)
    asked = [
        milliseconds(lambda query=query: find(query.typed, query.language)) for _ in range(ROUNDS) for query in queries
    ]
    bare = [milliseconds(lambda: list(Entry.objects.order_by("pk")[:PAGE])) for _ in range(ROUNDS * len(queries))]
    print(f"{Offer.objects.count()} offers, {Entry.objects.count()} entries, {Term.objects.count()} terms")
    print(f"{len(asked)} searches in {len({query.language for query in queries})} languages")
    print(f"{'':<22}{'p50, ms':>10}{'p95, ms':>10}")
    for name, times in (("find()", asked), (f"SELECT of {PAGE} entries", bare)):
        print(f"{name:<22}{statistics.median(times):>10.1f}{p95(times):>10.1f}")
    print(f"{'ratio':<22}{statistics.median(asked) / statistics.median(bare):>10.1f}{p95(asked) / p95(bare):>10.1f}")


def milliseconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def p95(times: list[float]) -> float:
    """Return what 95 of 100 do not exceed."""
    return statistics.quantiles(times, n=100)[94]
