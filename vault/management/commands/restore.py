"""Bring a backup back."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from vault import restoring
from vault.backups import BackupBroken, Places
from vault.keys import SealBroken
from vault.postgres_tools import ToolFailed


class Command(BaseCommand):
    help = "Restore a backup into an empty database, erase again what was erased since, and prove that all is there."
    # The tables that checks ask for are what it brings.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="the folder that `backup` wrote")
        parser.add_argument("--keys", type=Path, help="where the wrapped keys are, if not in FOLDER/keys")
        parser.add_argument(
            "--tombstones",
            type=Path,
            action="append",
            default=[],
            help="a newer list of what was erased: DATA_DIR/tombstones.jsonl of the lost portal",
        )
        parser.add_argument(
            "--tombstones-are-lost", action="store_true", help="there is no newer list: erasures since come back"
        )
        parser.add_argument("--without-keys", action="store_true", help="bring back all but what cases hold")
        parser.add_argument("--dry-run", action="store_true", help="only read the backup and say whether it is whole")

    def handle(self, *args: Any, **options: Any) -> None:
        places = Places.of(options["folder"], options["keys"])
        how = {"is_lost": options["tombstones_are_lost"], "are_keys_lost": options["without_keys"]}
        try:
            if options["dry_run"]:
                manifest = restoring.check(places, options["tombstones"], tell=self.stdout.write, **how)
                self.stdout.write(
                    f"The backup of {manifest.taken_at:%Y-%m-%d %H:%M} UTC is whole. Nothing was changed."
                )
                return
            done = restoring.restore(places, options["tombstones"], tell=self.stdout.write, **how)
        except (BackupBroken, SealBroken, ToolFailed, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"Restored: {done.tables} tables, {done.rows} rows, {done.files} files, all as they were; "
            f"{done.erased_again} erased again; {done.chains} chains of the trail whole; {done.opened} values opened."
        )
