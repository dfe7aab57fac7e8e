"""Compiles the gettext catalogues, without gettext installed: python -m healthlombardy.local.translations."""

import os
import sys
from pathlib import Path

import polib

from healthlombardy.local.configuration import REPOSITORY


def compile_translations(root: Path = REPOSITORY) -> list[Path]:
    """Write the .mo beside each .po under `root` that is newer; return those written."""
    return [compile_one(source) for source in sorted(root.glob("locale*/*/LC_MESSAGES/*.po")) if is_outdated(source)]


def is_outdated(source: Path) -> bool:
    """Return whether the compiled file is missing or older than `source`."""
    target = source.with_suffix(".mo")
    return not target.exists() or target.stat().st_mtime < source.stat().st_mtime


def compile_one(source: Path) -> Path:
    """Compile `source`; a reader never meets half a file."""
    target = source.with_suffix(".mo")
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    polib.pofile(str(source)).save_as_mofile(str(aside))
    aside.replace(target)
    return target


def main() -> int:
    """Compile all and say how many."""
    try:
        written = compile_translations()
    except (OSError, UnicodeDecodeError) as error:
        print(f"A translation cannot be compiled: {error}", file=sys.stderr)
        return 1
    print(f"Translations: {len(written)} compiled, the others were up to date.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
