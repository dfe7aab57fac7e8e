"""What must be true before the portal starts."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error
from django.db import DatabaseError, transaction

from vault.keys import missing_versions


def master_keys_are_there(*, databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse to start without a master key that rows still need; `migrate`, which runs first, asks."""
    if not databases or "default" not in databases:
        return []
    try:
        with transaction.atomic():
            missing = missing_versions()
    except DatabaseError:
        # There is no such table before the first migration.
        return []
    hint = "Put it back into MASTER_KEYS, run rotate_master_key, and take it out when that says so."
    return [
        Error(f"Master key version {version} is gone, but {number} data keys need it.", hint=hint, id="vault.E010")
        for version, number in missing.items()
    ]
