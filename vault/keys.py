"""Master keys (from the environment), data keys (one per request) and keyed hashes.

A data key seals everything of one request and is itself stored wrapped by a master key. Erasing the wrapped bytes
erases the request. The portal's own keys (what belongs to no request, look-up hashes) are wrapped rows too, so a master
key opens nothing but wrappings: put a new version into MASTER_KEYS, run `rotate_master_key`, and take the old one out.
"""

import base64
import binascii
import functools
import hashlib
import hmac
import os
import time
import unicodedata
import uuid
from typing import ClassVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models, transaction
from django.utils import timezone

from vault.data_classes import DataClass
from vault.tombstones import Kind, Tombstone

KEY_BYTES = 32
NONCE_BYTES = 12
# Keys of the portal itself begin so; they are never erased.
LASTING = "00000000-0000-4000-8000-"
# Rows that belong to no request (users, outbox) are sealed under this one key.
PORTAL_KEY_ID = uuid.UUID(f"{LASTING}000000000001")
# An erased key may stay readable in other processes for as long as this.
CACHE_SECONDS = 30
CACHE_SIZE = 1024


class KeyErased(Exception):
    """The data key was destroyed: what it sealed can never be read again."""


class SealBroken(Exception):
    """Sealed bytes do not open here: damaged, moved to another row, or sealed with another key."""


@functools.lru_cache(maxsize=8)
def parse_master_keys(text: str) -> dict[int, bytes]:
    """Return the keys by version from `VERSION:BASE64[,VERSION:BASE64…]`; raises `ImproperlyConfigured`."""
    keys: dict[int, bytes] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        version, _colon, encoded = part.partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            key = b""
        if not version.isdigit() or len(key) != KEY_BYTES or int(version) in keys:
            raise ImproperlyConfigured("MASTER_KEYS must look like 1:BASE64,2:BASE64 with 32 random bytes each.")
        keys[int(version)] = key
    if not keys:
        raise ImproperlyConfigured(
            "MASTER_KEYS is missing. Set VERSION:BASE64 of 32 random bytes (docs/operations.md)."
        )
    return keys


def master_keys() -> dict[int, bytes]:
    """Return the configured master keys by version."""
    return parse_master_keys(settings.MASTER_KEYS)


def seal(key: bytes, plain: bytes, bound_to: str) -> bytes:
    """Return nonce and AES-256-GCM text of `plain`, tied to the place `bound_to`."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound_to.encode())


def unseal(key: bytes, sealed: bytes, bound_to: str) -> bytes:
    """Return what `seal` was given; raises `SealBroken`."""
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to.encode())
    except (InvalidTag, ValueError) as error:
        raise SealBroken(f"The sealed value does not belong here: {bound_to}") from error


def derive(key: bytes, purpose: str) -> bytes:
    """Return a 32-byte key for one purpose (HKDF-SHA256)."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"healthlombardy/{purpose}".encode()).derive(key)


class _OpenedKeys:
    """Opened data keys of this process, forgotten after `CACHE_SECONDS`."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, uuid.UUID], tuple[float, bytes]] = {}

    def get(self, id_: uuid.UUID) -> bytes | None:
        until, key = self._keys.get((settings.MASTER_KEYS, id_), (0.0, b""))
        # The portal's own keys are never erased, so a look-up every half minute would buy nothing.
        return key if key and (is_lasting(id_) or until > time.monotonic()) else None

    def put(self, id_: uuid.UUID, key: bytes) -> None:
        if len(self._keys) >= CACHE_SIZE:
            self._keys.clear()
        self._keys[settings.MASTER_KEYS, id_] = (time.monotonic() + CACHE_SECONDS, key)

    def forget(self, id_: uuid.UUID) -> None:
        self._keys.pop((settings.MASTER_KEYS, id_), None)

    def clear(self) -> None:
        self._keys.clear()


opened_keys = _OpenedKeys()


class DataKeyQuerySet(models.QuerySet["DataKey"]):
    def make(self) -> "DataKey":
        """Store a new random data key."""
        data_key = self.model(id=uuid.uuid4())
        data_key.wrap(os.urandom(KEY_BYTES))
        data_key.save(force_insert=True)
        return data_key

    def make_lasting(self, id_: uuid.UUID, purpose: str) -> "DataKey":
        """Return a key of the portal itself, storing it on first use.

        Its bytes are derived, not drawn: two processes that make it at once, or one whose transaction is rolled
        back, hold the same key. Once it is stored, no master key is needed to make it again.
        """
        versions = master_keys()
        data_key = self.model(id=id_)
        data_key.wrap(derive(versions[min(versions)], purpose))
        self.bulk_create([data_key], ignore_conflicts=True)
        return self.get(pk=id_)

    def wrapped_before(self, version: int) -> "DataKeyQuerySet":
        """Return the keys an older master key wraps."""
        return self.filter(master_version__lt=version, erased_at=None)

    def by_version(self) -> dict[int, int]:
        """Return how many keys each master key wraps."""
        kept = self.filter(erased_at=None).order_by("master_version").values("master_version")
        return dict(kept.annotate(number=models.Count("pk")).values_list("master_version", "number"))


class DataKey(models.Model):
    """A key of 32 random bytes, stored wrapped by a master key."""

    data_class: ClassVar[DataClass] = DataClass.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    wrapped = models.BinaryField(null=True, editable=False)
    master_version = models.PositiveIntegerField()
    created_at = models.DateTimeField(default=timezone.now)
    erased_at = models.DateTimeField(null=True, blank=True)

    objects = DataKeyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(wrapped=None) ^ models.Q(erased_at=None), name="vault_datakey_erased_or_wrapped"
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)

    def wrap(self, key: bytes) -> None:
        """Wrap these bytes under the newest master key, without saving."""
        versions = master_keys()
        self.master_version = max(versions)
        self.wrapped = seal(versions[self.master_version], key, self._bound_to())

    def open(self) -> bytes:
        """Return the key's bytes; raises `KeyErased`, or `SealBroken` when its master key is not configured."""
        if self.wrapped is None:
            raise KeyErased(f"Data key {self.pk} was erased.")
        key = opened_keys.get(self.pk)
        if key is None:
            key = self.unwrap()
            opened_keys.put(self.pk, key)
        return key

    def unwrap(self) -> bytes:
        """Return the key's bytes from the wrapped ones, never from memory."""
        if self.wrapped is None:
            raise KeyErased(f"Data key {self.pk} was erased.")
        master = master_keys().get(self.master_version)
        if master is None:
            raise SealBroken(f"Master key version {self.master_version} is not in MASTER_KEYS.")
        return unseal(master, bytes(self.wrapped), self._bound_to())

    def erase(self) -> None:
        """Destroy the wrapped bytes for good; erasing twice does nothing more."""
        if is_lasting(self.pk):
            raise ValueError("The portal's own key cannot be erased.")
        self.erased_at = self.erased_at or timezone.now()
        self.wrapped = None
        with transaction.atomic():
            self.save(update_fields=["wrapped", "erased_at"])
            Tombstone.objects.note(Kind.KEY, self.pk)
        opened_keys.forget(self.pk)

    def _bound_to(self) -> str:
        return f"{self._meta.db_table}|wrapped|{self.pk}|{self.master_version}"


def is_lasting(id_: uuid.UUID) -> bool:
    """Return whether a key is one of the portal itself."""
    return str(id_).startswith(LASTING)


def portal_key() -> DataKey:
    """Return the key of rows that belong to no request, made on first use."""
    return _lasting_key(PORTAL_KEY_ID, "portal-key")


def hash_key(purpose: str) -> DataKey:
    """Return the key of the look-up hashes of one purpose, made on first use."""
    mark = hashlib.sha256(purpose.encode()).hexdigest()[:11]
    return _lasting_key(uuid.UUID(f"{LASTING}f{mark}"), f"keyed-hash/{purpose}")


def open_key(id_: uuid.UUID) -> bytes:
    """Return the bytes of a data key by its id; raises `KeyErased` and `DataKey.DoesNotExist`."""
    key = opened_keys.get(id_)
    if key is None:
        data_key = portal_key() if id_ == PORTAL_KEY_ID else DataKey.objects.get(pk=id_)
        key = data_key.open()
    return key


def missing_versions() -> dict[int, int]:
    """Return the versions that are not in MASTER_KEYS, with how many data keys cannot be opened without them."""
    versions = master_keys()
    return {version: number for version, number in DataKey.objects.by_version().items() if version not in versions}


@functools.lru_cache(maxsize=64)
def _key_of_kept_hashes(master_keys_text: str, purpose: str) -> bytes:
    return hash_key(purpose).open()


@functools.lru_cache(maxsize=64)
def _key_of_passing_hashes(master_keys_text: str, purpose: str) -> bytes:
    versions = parse_master_keys(master_keys_text)
    return derive(versions[min(versions)], f"keyed-hash/{purpose}")


def keyed_hash(value: str, purpose: str, *, is_kept: bool = True) -> str:
    """Return 64 hex digits that find this value again, and tell nothing without the key.

    Kept ones stay the same when master keys come and go. Those that are over within hours (`is_kept=False`) ask the
    database for nothing.
    """
    key_of = _key_of_kept_hashes if is_kept else _key_of_passing_hashes
    key = key_of(settings.MASTER_KEYS, purpose)
    return hmac.new(key, value.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def email_hash(address: str) -> str:
    """Return the look-up hash of a mail address, whatever its case, width and blanks."""
    return keyed_hash(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", address).strip().casefold()), "email")


def _lasting_key(id_: uuid.UUID, purpose: str) -> DataKey:
    return DataKey.objects.filter(pk=id_).first() or DataKey.objects.make_lasting(id_, purpose)
