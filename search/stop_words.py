"""Words around what is looked for, from `search/data/stop_words.yaml`."""

import functools
from pathlib import Path

import yaml

from search.normalise import normalise

FILE = Path(__file__).parent / "data" / "stop_words.yaml"


@functools.cache
def stop_words() -> frozenset[str]:
    """Return words that say nothing about what is looked for, in any language, in their normal form."""
    lists = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return frozenset(normalise(str(word)) for entries in lists.values() for word in entries)
