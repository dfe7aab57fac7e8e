"""manage load_catalogue: bring the catalogue's tables in line with the data files."""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from catalogue.loading import check, load
from publishing.loading.batches import Batch
from publishing.loading.files import Unloadable

ROOT = settings.BASE_DIR


class Command(BaseCommand):
    help = "Load the catalogue from the data files; what editors have changed is kept."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--force", action="store_true", help="load even when no file has changed")
        parser.add_argument("--check", action="store_true", help="check the files and load nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["check"]:
                _checked_on, batches = check(ROOT)
                self.stdout.write(f"{sum(len(batch.rows) for batch in batches)} rows are sound.")
                return
            report = load(ROOT, is_forced=options["force"], steps=self.steps)
        except Unloadable as error:
            count = len(error.problems)
            noun = "problem" if count == 1 else "problems"
            raise CommandError(f"{error}\n{count} {noun}. Nothing was loaded.") from error
        if report is None:
            self.stdout.write("The catalogue is up to date; --force loads it again.")
            return
        self.stdout.write("\n".join(report.lines()))

    def steps(self, batches: list[Batch]) -> Iterator[Batch]:
        """Yield the batches with a bar on a terminal, with one line a step elsewhere."""
        is_terminal = sys.stderr.isatty()
        bar = tqdm(batches, disable=not is_terminal, unit="table", leave=False)
        for batch in bar:
            bar.set_description(batch.label)
            if not is_terminal:
                self.stdout.write(f"Loading {batch.label} ({len(batch.rows)})")
            yield batch
