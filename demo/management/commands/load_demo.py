"""Load the demonstration: its hospitals and its people. Running it again adds only what is missing."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from demo.consultations import load_hours
from demo.loading import load_facilities
from demo.people import NoFacility, load_people


class Command(BaseCommand):
    """Make what the demonstration shows beside the real catalogue."""

    help = "Loads the invented hospitals and people of the demonstration."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("The demo is off. Set DEMO=1; it works on this computer only.")
        load_facilities()
        try:
            people = load_people()
        except NoFacility as error:
            raise CommandError(str(error)) from error
        load_hours(people)
        self.stdout.write(f"{len(people)} demo people are ready: {', '.join(people)}.")
