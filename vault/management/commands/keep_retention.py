"""Remove what is kept long enough."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from vault import retention


class Command(BaseCommand):
    help = "Remove everything whose time is over, and look again whether it is gone. The worker does so by itself."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would go; nothing is changed")

    def handle(self, *args: Any, **options: Any) -> None:
        now, wrong = timezone.now(), []
        for rule in retention.rules():
            if options["dry_run"]:
                found = list(rule.due(now))
                self.stdout.write(f"{rule.says}: {sum(due.number for due in found)}")
                for due in found:
                    self.stdout.write(f"  {due.name}" + (f" ({due.number})" if due.number > 1 else ""))
            else:
                kept = rule.keep(now)
                self.stdout.write(f"{rule.says}: {kept.due} due, {kept.gone} gone")
                wrong += kept.wrong
        for sentence in wrong:
            self.stderr.write(sentence)
        if wrong:
            raise CommandError(f"{len(wrong)} could not be removed.")
