"""The life of a request as a diagram and a table, for docs/second-opinion.md."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import translation

from teleconsult.transitions import mermaid, table


class Command(BaseCommand):
    help = "Print the state diagram (mermaid) and the table of steps, as docs/second-opinion.md holds them."

    def handle(self, *args: Any, **options: Any) -> None:
        with translation.override("en"):
            self.stdout.write(f"```mermaid\n{mermaid()}```\n\n{table()}", ending="")
