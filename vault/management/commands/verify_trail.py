"""Verify the trail: that nothing was changed, removed, inserted, reordered or cut off."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from vault import trail


class Command(BaseCommand):
    help = "Verify every chain of the trail against its hashes and its anchors; fails with what is broken."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--digest",
            action="append",
            default=[],
            metavar="DATE=HEX",
            help="what the log said when the heads were anchored on that day; may be given many times",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        broken = [*trail.verify_all_chains(), *wrong_digests(options["digest"])]
        for sentence in broken:
            self.stderr.write(sentence)
        if broken:
            raise CommandError("The trail is broken.")
        entries, anchors = trail.TrailEntry.objects.count(), trail.TrailAnchor.objects.count()
        self.stdout.write(f"The trail is whole: {entries} entries, {anchors} anchors.")


def wrong_digests(given: list[str]) -> list[str]:
    """Return a sentence for each day whose anchors are not those that were logged; raises CommandError."""
    wrong = []
    for pair in given:
        day, _equals, digest = pair.partition("=")
        try:
            on = date.fromisoformat(day)
        except ValueError as error:
            raise CommandError(f"--digest {pair}: write it as 2031-05-04=HEX.") from error
        if trail.digest_of(on) != digest.strip().lower():
            wrong.append(f"The anchors of {on} are not those that were logged.")
    return wrong
