"""The reference of a request, for example `HL-7K3M-9QXA-7`: read aloud, not sequential, with a check character."""

import secrets
import unicodedata

# Without 0 O, 1 I L, 2 Z, 5 S, 8 B, U V: they are taken for each other. 23 signs, a prime, so that the check
# character finds each single wrong sign and each swap of two signs.
ALPHABET = "34679ACDEFGHJKMNPQRTWXY"
PREFIX = "HL"
RANDOM_SIGNS = 8
PATTERN = rf"^{PREFIX}-[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}-[{ALPHABET}]$"
# Letters a Russian keyboard gives for the same shapes.
CYRILLIC = str.maketrans("АСЕНКМРТХУ", "ACEHKMPTXY")


def make() -> str:
    """Return a new random reference: 23⁸, about 78 thousand million."""
    signs = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_SIGNS))
    return _written(signs + check_character(signs))


def check_character(signs: str) -> str:
    """Return the sign that makes the sum, weighted by place, a multiple of 23."""
    total = sum(place * ALPHABET.index(sign) for place, sign in enumerate(signs, start=1))
    # The check character has the weight -1.
    return ALPHABET[total % len(ALPHABET)]


def normalise(typed: str) -> str:
    """Return the reference somebody typed, in any case, width and spacing; empty when it cannot be one."""
    text = unicodedata.normalize("NFKC", typed[:100]).upper().translate(CYRILLIC)
    signs = "".join(_western(char) for char in text if char.isalnum()).removeprefix(PREFIX)
    if len(signs) != RANDOM_SIGNS + 1 or any(sign not in ALPHABET for sign in signs):
        return ""
    return _written(signs) if check_character(signs[:-1]) == signs[-1] else ""


def is_valid(typed: str) -> bool:
    """Return whether it is a reference with the right check character."""
    return bool(normalise(typed))


def _western(char: str) -> str:
    """Return 7 for ٧."""
    return str(unicodedata.digit(char)) if char.isdigit() else char


def _written(signs: str) -> str:
    return f"{PREFIX}-{signs[:4]}-{signs[4:8]}-{signs[8]}"
