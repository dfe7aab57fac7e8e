"""manage search_report: how often what a query means is first, or among the first three, by language."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from search.report import read_queries, report


class Command(BaseCommand):
    help = "Ask the queries of a set (one YAML file a language) and print success at 1 and at 3."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", nargs="?", default="tests/search/queries", type=Path)
        parser.add_argument("--misses", action="store_true", help="also print what failed, but for queries held out")

    def handle(self, *args: Any, **options: Any) -> None:
        made = report(read_queries(options["folder"]))
        heads = ["at 1", "at 3", "held out: at 1", "at 3"]
        self.stdout.write(f"{'language':<12}{'queries':>8}" + "".join(f"{head:>16}" for head in heads))
        for row in made.rows:
            shares = [row.at_1, row.at_3, row.held_out_at_1, row.held_out_at_3]
            self.stdout.write(f"{row.name:<12}{row.count:>8}" + "".join(f"{share:>16.2f}" for share in shares))
        if options["misses"]:
            for miss in made.misses:
                if not miss.query.is_held_out:
                    found = ", ".join(miss.found) or "nothing"
                    self.stdout.write(f"{miss.query.language}: {miss.query.typed} → {found}")
