"""The tables of the vault; each is defined beside the functions that keep it."""

from vault.files import StoredFile
from vault.incoming import IncomingChunk, IncomingFile
from vault.keys import DataKey
from vault.limits import Counter
from vault.previews import Look, Preview, ScanStudy
from vault.tombstones import Tombstone
from vault.trail import TrailAnchor, TrailEntry

__all__ = [
    "Counter",
    "DataKey",
    "IncomingChunk",
    "IncomingFile",
    "Look",
    "Preview",
    "ScanStudy",
    "StoredFile",
    "Tombstone",
    "TrailAnchor",
    "TrailEntry",
]
