"""For operators: send what is due now, without a worker."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from notifications import sending
from notifications.models import OutboxMessage


class Command(BaseCommand):
    """Send what is due, as the worker does."""

    help = "Send the messages that are due now, without a worker. It does no harm beside one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add our options."""
        parser.add_argument("--limit", type=int, default=sending.SWEEP_MESSAGES, help="send at most this many")
        parser.add_argument("--dry-run", action="store_true", help="only say how many are due")

    def handle(self, *args: Any, **options: Any) -> None:
        """Send, and say what is left."""
        if not options["dry_run"]:
            sent = sending.send_due(limit=options["limit"], seconds=float("inf"))
            self.stdout.write(f"{sent} sent.")
        due = OutboxMessage.objects.due(timezone.now()).count()
        dead = OutboxMessage.objects.dead_letters().count()
        self.stdout.write(f"{due} due, {dead} given up.")
