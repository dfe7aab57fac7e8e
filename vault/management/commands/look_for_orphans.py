"""Look for files without a row and rows without a file."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from vault import erasure, orphans
from vault.files import documents


class Command(BaseCommand):
    help = "Say which stored files no row knows, and which rows lost their file; fails when something is lost."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--remove", action="store_true", help="remove the files that nobody knows, then look again")
        parser.add_argument("--hours", type=int, default=24, help="leave out what is younger: it may be on its way")

    def handle(self, *args: Any, **options: Any) -> None:
        older_than = timedelta(hours=options["hours"])
        unknown = list(orphans.files_without_row(older_than))
        if options["remove"]:
            for name in unknown:
                documents().delete(name)
            self.stdout.write(f"{len(unknown)} files without a row removed.")
            unknown = list(orphans.files_without_row(older_than))
        lost = [f"{row._meta.label} {row.pk}" for row in orphans.rows_without_file()]
        left = [str(key.pk) for key in erasure.orphans_of_keys()]
        for what, names in (
            ("stored files no row knows", unknown),
            ("rows lost their file", lost),
            ("erased keys whose files are still there", left),
        ):
            self.stdout.write(f"{len(names)} {what}.")
            for name in names:
                self.stdout.write(f"  {name}")
        if unknown or lost or left:
            raise CommandError("There are orphans.")
