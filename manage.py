#!/usr/bin/env python3
"""Django's command line. Commands that change tables or rights connect as the owner of the tables."""

import os
import sys

from django.core.management import execute_from_command_line

OWNER_COMMANDS = {"migrate", "grant_application_role", "restore"}


def main() -> None:
    """Run a management command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "healthlombardy.settings")
    owner_url = os.environ.get("DATABASE_OWNER_URL")
    if owner_url and len(sys.argv) > 1 and sys.argv[1] in OWNER_COMMANDS:
        os.environ["DATABASE_URL"] = owner_url
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
