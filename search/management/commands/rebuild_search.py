"""manage rebuild_search: bring the search index in line with the catalogue."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand
from tqdm import tqdm

from search.index import rebuild


class Command(BaseCommand):
    help = "Bring the search index in line with the catalogue; nothing is done when nothing has changed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--force", action="store_true", help="write everything again")

    def handle(self, *args: Any, **options: Any) -> None:
        if rebuild(self.steps, is_forced=options["force"]):
            self.stdout.write("The search index is up to date.")
        else:
            self.stdout.write("Nothing has changed since the search index was built; --force builds it again.")

    def steps(self, items: Iterable[Any], count: int, label: str) -> Iterable[Any]:
        """Show a bar for each kind on a terminal, nothing elsewhere."""
        return tqdm(items, total=count, desc=label, unit="batch", leave=False, disable=not sys.stderr.isatty())
