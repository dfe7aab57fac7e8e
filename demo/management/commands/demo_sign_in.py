"""Print a one-time address that signs in one of the invented people."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from demo.people import PEOPLE, demo_user
from demo.sign_in import make_address


class Command(BaseCommand):
    """Sign in to the demonstration by role."""

    help = "Prints a one-time address, valid for ten minutes, that signs in the demo person of a role."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("role", help=f"one of: {', '.join(PEOPLE)}")

    def handle(self, *args: Any, role: str, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("The demo is off. Set DEMO=1; it works on this computer only.")
        if role not in PEOPLE:
            raise CommandError(f"There is no demo person with the role {role!r}. Choose one of: {', '.join(PEOPLE)}.")
        user = demo_user(role)
        if user is None:
            raise CommandError("The demo people are not loaded yet. Run script/manage load_demo first.")
        self.stdout.write(make_address(user))
