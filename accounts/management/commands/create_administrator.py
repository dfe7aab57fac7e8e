"""Make the first administrator: print a one-time address at which she chooses password and second factor."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from accounts import enrolment
from accounts.enums import Role
from notifications.addresses import validate_mailbox


class Command(BaseCommand):
    """Make an administrator, or let one in again who lost password or second factor."""

    help = "Makes an administrator and prints her one-time enrolment address, valid for 72 hours."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="the address she will sign in with")

    def handle(self, *args: Any, email: str, **options: Any) -> None:
        try:
            validate_mailbox(email.strip())
        except ValidationError:
            example = "script/manage create_administrator anna@example.org"
            raise CommandError(f"{email!r} is not an e-mail address. Write it like this: {example}") from None
        invited = enrolment.invite(email=email, by=None, roles=[Role.ADMINISTRATOR], by_mail=False)
        self.stdout.write("Open this address within 72 hours; it works once:")
        self.stdout.write(invited.address)
