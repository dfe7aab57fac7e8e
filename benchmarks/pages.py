"""What pages cost that no cache has: search, a list with filters, a cure, a facility, at 100,000 offers and a tenth.

.venv/bin/python -m benchmarks.pages

One reader asks the portal's own server one page after the other, in four languages, of both sizes in turns; beside it
answers a bare view of Django on the same server. Processor time is that of the web server, then that of PostgreSQL.
"""

import functools
import logging
import os
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from urllib.parse import quote

import psycopg
from tqdm import tqdm

from benchmarks.measuring import (
    Reader,
    conditions,
    family,
    free_port,
    largest_megabytes,
    milliseconds,
    p95,
    processor_seconds,
    running,
    table,
)
from benchmarks.servers import backend_seconds, database_of, exists, servers, url_of, use
from healthlombardy.local import processes
from healthlombardy.local.configuration import REPOSITORY
from healthlombardy.local.problems import Problem, say

SIZES = (10_000, 100_000)
LANGUAGES = ("en", "ar", "zh-hans", "de")
ROUNDS = 3
QUERIES = REPOSITORY / "tests" / "search" / "queries"
# Things of a kind, evenly from the one with the fewest offers to the one with the most.
SAMPLE = """
    WITH counted AS (
        SELECT slug, row_number() OVER (ORDER BY count(*), slug) AS place, count(*) OVER () AS every
        FROM {table} JOIN treatments_offer ON treatments_offer.{key} = {table}.id
        WHERE state IN ('verified', 'indicative') GROUP BY slug
    )
    SELECT slug FROM counted WHERE place % greatest(1, every / 12) = 0 ORDER BY place
"""


@dataclass
class Kind:
    """A kind of page: its addresses, and what one answer took."""

    name: str
    paths: list[str]
    times: list[float] = field(default_factory=list)
    web_seconds: float = 0
    database_seconds: float = 0

    def row(self) -> list[object]:
        count = len(self.times)
        return [
            statistics.median(self.times),
            p95(self.times),
            self.web_seconds / count * 1000,
            self.database_seconds / count * 1000,
        ]


def main() -> int:
    """Measure and print."""
    try:
        with servers() as environment:
            measure(environment)
    except Problem as problem:
        say(str(problem))
        return 1
    return 0


def measure(environment: dict[str, str]) -> None:
    """Ask both sizes and the bare view."""
    for size in SIZES:
        if not exists(environment, database_of(size)):
            raise Problem("Build the catalogues first: .venv/bin/python -m benchmarks.catalogue")
    use(environment, database_of(SIZES[-1]))
    prepare()
    about = conditions()
    kinds = {size: kinds_of(url_of(environment, database_of(size))) for size in SIZES}
    bare = Kind("bare view", ["/"] * 40)
    queries = {kind.name: queries_of(kind) for kind in tqdm(kinds[SIZES[-1]], desc="queries", leave=False)}
    with ExitStack() as stack:
        ports, pids = {}, {}
        for size in SIZES:
            ports[size] = free_port()
            of_size = environment | {
                "DATABASE_URL": f"{url_of(environment, database_of(size))}?application_name={name_of(size)}",
                "PAGE_CACHE_MEGABYTES": "0",
            }
            argv = processes.web(host="127.0.0.1", port=ports[size])
            pids[size] = stack.enter_context(running(argv, of_size, port=ports[size]))
        port = free_port()
        pid = stack.enter_context(running(bare_server(port), environment, port=port))
        for round_number in tqdm(range(ROUNDS + 1), desc="rounds", leave=False):
            for place in range(len(kinds[SIZES[0]])):
                for size in SIZES:
                    busy = functools.partial(backend_seconds, environment, name_of(size))
                    ask(kinds[size][place], ports[size], pids[size], busy, is_first=round_number == 0)
            ask(bare, port, pid, dict, is_first=round_number == 0)
        memory = [
            ["web process of the portal", largest_megabytes(pids[SIZES[-1]])],
            ["bare Django process", largest_megabytes(pid)],
        ]
        memory.insert(1, ["worker of the portal", worker_megabytes(environment)])
    show(about, kinds, bare, queries, memory)


def prepare() -> None:
    """Bring tables and static files up to date; say nothing of pages this process asks itself for."""
    logging.disable(logging.CRITICAL)
    from django.core.management import call_command  # noqa: PLC0415

    for size in SIZES:
        os.system(f"{sys.executable} -m benchmarks.catalogue --offers {size} > {os.devnull}")  # noqa: S605
    call_command("collectstatic", interactive=False, verbosity=0)


def kinds_of(url: str) -> list[Kind]:
    """Return the kinds of page with addresses of one database."""
    from search.report import read_queries  # noqa: PLC0415

    with psycopg.connect(url) as connection:
        cures = [
            slug for (slug,) in connection.execute(SAMPLE.format(table="treatments_treatment", key="treatment_id"))
        ]
        houses = [slug for (slug,) in connection.execute(SAMPLE.format(table="facilities_facility", key="facility_id"))]
    asked = [query for query in read_queries(QUERIES) if not query.is_held_out]
    searches = asked[:: max(1, len(asked) // 48)]
    return [
        Kind("search page", [f"/{query.language}/search/?q={quote(query.typed)}" for query in searches]),
        Kind(
            "facilities, filtered",
            list(
                in_languages(
                    "facilities/?province=MI&specialty=cardiology",
                    "facilities/?kind=general_hospital",
                    "facilities/?ownership=public&province=BG",
                )
            ),
        ),
        Kind(
            "treatments, filtered",
            list(in_languages("treatments/?specialty=cardiology", "treatments/?kind=surgery&page=2", "treatments/")),
        ),
        Kind("cure page", list(in_languages(*(f"treatments/{slug}/" for slug in cures)))),
        Kind("facility page", list(in_languages(*(f"facilities/{slug}/" for slug in houses)))),
    ]


def in_languages(*paths: str) -> Iterator[str]:
    """Yield every address in every language of the benchmark."""
    for path in paths:
        for language in LANGUAGES:
            yield f"/{language}/{path}"


def name_of(size: int) -> str:
    """Return under which name the server of a size speaks to PostgreSQL."""
    return f"benchmark-{size}"


def ask(kind: Kind, port: int, web: int, backends: Callable[[], dict[int, float]], *, is_first: bool) -> None:
    """Open every address of a kind once; the first round warms the server and does not count."""
    reader = Reader(port)
    web_before, database_before = processor_seconds(web), backends()
    times = []
    for path in kind.paths:
        answer: list[object] = []
        times.append(milliseconds(lambda path=path, answer=answer: answer.extend(reader.get(path))))
        if answer[0] != 200:
            raise Problem(f"{path} answers {answer[0]}.")
    if not is_first:
        kind.times += times
        kind.web_seconds += processor_seconds(web) - web_before
        # A connection that is new since then counts whole.
        kind.database_seconds += sum(seconds - database_before.get(pid, 0) for pid, seconds in backends().items())


def queries_of(kind: Kind) -> int:
    """Return the most statements that a page of the kind asks."""
    from django.db import connection  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415

    found = []
    for path in kind.paths[:12]:
        with CaptureQueriesContext(connection) as captured:
            Client(headers={"host": "localhost"}).get(path)
        found.append(len([query for query in captured if "publishing_publicwrite" not in query["sql"]]))
    return max(found)


def bare_server(port: int) -> list[str]:
    """Return the command of the bare view: the portal's own with another application."""
    return [*processes.web(host="127.0.0.1", port=port)[:-1], "benchmarks.bare:application"]


def worker_megabytes(environment: dict[str, str]) -> float:
    """Return the memory of one process of the background worker."""
    import time  # noqa: PLC0415

    with running([*processes.worker(), "--hostname", "benchmark@%h"], environment) as pid:
        end = time.monotonic() + 60
        while len(family(pid)) < 3 and time.monotonic() < end:
            time.sleep(0.5)
        time.sleep(2)
        return largest_megabytes(pid)


def show(about: str, kinds: dict[int, list[Kind]], bare: Kind, queries: dict[str, int], memory: list[list]) -> None:
    """Print the tables."""
    small, large = SIZES
    print(f"\nUncached, one reader, {about}; {len(LANGUAGES)} languages\n")
    heads = [
        "page",
        "offers",
        "p50 ms",
        "p95 ms",
        "web cpu ms",
        "db cpu ms",
        "queries",
        "growth p50",
        "growth cpu",
        "cpu / bare",
    ]
    bare_cpu = bare.web_seconds / len(bare.times)
    rows: list[list[object]] = []
    for before, after in zip(kinds[small], kinds[large], strict=True):
        grown = statistics.median(after.times) / statistics.median(before.times)
        busy = [(kind.web_seconds + kind.database_seconds) / len(kind.times) for kind in (before, after)]
        rows.append([before.name, f"{small:,}", *before.row(), "", "", "", ""])
        rows.append(
            [
                after.name,
                f"{large:,}",
                *after.row(),
                queries[after.name],
                f"{grown:.2f}",
                f"{busy[1] / busy[0]:.2f}",
                f"{after.web_seconds / len(after.times) / bare_cpu:.0f}",
            ]
        )
    rows.append(["bare view", "", *bare.row(), 0, "", "", "1"])
    table(heads, rows)
    bare_memory = memory[-1][1]
    table(["memory", "MB", "/ bare"], [[name, size, f"{size / bare_memory:.2f}"] for name, size in memory])


if __name__ == "__main__":
    sys.exit(main())
