"""Wrap every data key anew under the newest master key."""

from argparse import ArgumentParser
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from tqdm import tqdm

from vault.fields import KeyedHashField
from vault.keys import DataKey, SealBroken, hash_key, master_keys, portal_key

BATCH = 100


class Command(BaseCommand):
    help = "Wrap every data key under the highest version of MASTER_KEYS; stop and start it at any time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say how many keys each version wraps")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["dry_run"]:
            make_lasting_keys()
            self._rotate(max(master_keys()))
        self._tell()

    def _rotate(self, version: int) -> None:
        waiting = DataKey.objects.wrapped_before(version)
        with tqdm(total=waiting.count(), unit="key", disable=None) as progress:
            while count := rewrap_batch(version):
                progress.update(count)
        with tqdm(total=DataKey.objects.filter(erased_at=None).count(), unit="key", disable=None) as progress:
            for _data_key in opened_again():
                progress.update(1)

    def _tell(self) -> None:
        """Say what each version wraps and which of them may go; raises CommandError while an old one may not."""
        newest, wrapped = max(master_keys()), DataKey.objects.by_version()
        for version in sorted({*wrapped, *master_keys()}):
            place = "" if version in master_keys() else " It is not in MASTER_KEYS."
            self.stdout.write(f"Version {version} wraps {wrapped.get(version, 0)} keys.{place}")
        needed = sorted(version for version in wrapped if version < newest)
        if needed:
            versions = ", ".join(map(str, needed))
            raise CommandError(f"Keep in MASTER_KEYS: {versions}. Run rotate_master_key until they wrap nothing.")
        if old := ", ".join(str(version) for version in sorted(master_keys()) if version < newest):
            self.stdout.write(f"Every key opens with version {newest}. You may take out of MASTER_KEYS: {old}.")
            self.stdout.write("Backups made before today need them: keep them beside those for as long.")


def make_lasting_keys() -> None:
    """Store the portal's own keys while the master key they are derived from is still there."""
    portal_key()
    for model in apps.get_models():
        for field in model._meta.local_concrete_fields:
            if isinstance(field, KeyedHashField):
                hash_key(field.purpose)


@transaction.atomic
def rewrap_batch(version: int) -> int:
    """Rewrap a batch, opening each wrapping as it now stands in the table; return how many."""
    keys = list(DataKey.objects.wrapped_before(version).select_for_update(skip_locked=True)[:BATCH])
    plain = {}
    for data_key in keys:
        plain[data_key.pk] = data_key.unwrap()
        data_key.wrap(plain[data_key.pk])
        data_key.save(update_fields=["wrapped", "master_version"])
    for stored in DataKey.objects.filter(pk__in=plain):
        if stored.master_version != version or stored.unwrap() != plain[stored.pk]:
            raise CommandError(f"Data key {stored.pk} did not open again. Nothing of this batch was kept.")
    return len(keys)


def opened_again() -> Any:
    """Yield every key that is not erased, once it has opened; raises CommandError for one that does not."""
    for data_key in DataKey.objects.filter(erased_at=None).iterator():
        try:
            data_key.unwrap()
        except SealBroken as error:
            raise CommandError(f"Data key {data_key.pk} does not open: {error}") from error
        yield data_key
