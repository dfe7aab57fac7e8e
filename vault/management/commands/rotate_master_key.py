"""Wrap every data key anew under the newest master key."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction
from tqdm import tqdm

from vault.keys import DataKey, master_keys

BATCH = 100


class Command(BaseCommand):
    help = "Wrap every data key under the highest version of MASTER_KEYS; stop and start it at any time."

    def handle(self, *args: Any, **options: Any) -> None:
        version = max(master_keys())
        waiting = DataKey.objects.wrapped_before(version)
        with tqdm(total=waiting.count(), unit="key", disable=None) as progress:
            while count := rewrap_batch(version):
                progress.update(count)
        self.stdout.write(f"All data keys are wrapped by version {version}.")
        self.stdout.write("Keep the lowest version in MASTER_KEYS: look-ups by e-mail and name depend on it.")


@transaction.atomic
def rewrap_batch(version: int) -> int:
    """Rewrap a batch, opening each new wrapping again before it is kept; return how many."""
    keys = list(DataKey.objects.wrapped_before(version).select_for_update(skip_locked=True)[:BATCH])
    for data_key in keys:
        plain = data_key.unwrap()
        data_key.wrap(plain)
        if data_key.unwrap() != plain:
            raise RuntimeError(f"Data key {data_key.pk} did not open again. Nothing of this batch was kept.")
        data_key.save(update_fields=["wrapped", "master_version"])
    return len(keys)
