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
        parser.add_argument("--misses", action="store_true", help="also print the queries that failed")

    def handle(self, *args: Any, **options: Any) -> None:
        made = report(read_queries(options["folder"]))
        self.stdout.write(f"{'language':<12}{'queries':>8}{'at 1':>8}{'at 3':>8}{'held out, at 3':>16}")
        for row in made.rows:
            figures = f"{row.count:>8}{row.at_1:>8.2f}{row.at_3:>8.2f}{row.held_out_at_3:>16.2f}"
            self.stdout.write(f"{row.name:<12}{figures}")
        if options["misses"]:
            for miss in made.misses:
                self.stdout.write(f"{miss.query.language}: {miss.query.typed} → {', '.join(miss.found) or 'nothing'}")
