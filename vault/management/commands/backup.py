"""Write a backup and read it again."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from vault import backups
from vault.backups import BackupBroken, Places
from vault.postgres_tools import ToolFailed


class Command(BaseCommand):
    help = (
        "Write database, documents and public files into a new folder, the wrapped keys apart, and read it all again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="a new or empty folder")
        parser.add_argument("--keys", type=Path, help="where the wrapped keys go; else FOLDER/keys, to be carried away")

    def handle(self, *args: Any, **options: Any) -> None:
        places = Places.of(options["folder"], options["keys"])
        try:
            manifest = backups.write(places, self.stdout.write)
        except (BackupBroken, ToolFailed, OSError) as error:
            raise CommandError(str(error)) from error
        rows = sum(int(values["rows"]) for values in manifest.tables.values())
        self.stdout.write(
            f"The backup is whole: {len(manifest.tables)} tables, {rows} rows, {manifest.files['number']} documents "
            f"({manifest.files['bytes']} bytes), {sum(manifest.keys['by_version'].values())} keys."
        )
        self.stdout.write(
            f"Carry {places.keys_folder} elsewhere and destroy it within {settings.KEY_BACKUP_DAYS} days: "
            "older keys would bring back what was erased."
        )
