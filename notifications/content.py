"""What a message carries as JSON: times stay times, so that the recipient's zone and language can write them."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

AT, ON = "$at", "$on"


def pack(value: Any) -> Any:
    """Return a value as JSON can hold it; raises TypeError for anything that belongs to one language or one row."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        # A mark that is safe is not kept: a mail escapes everything.
        return str.__str__(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise TypeError("A message needs times with a zone.")
        return {AT: value.isoformat()}
    if isinstance(value, date):
        return {ON: value.isoformat()}
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, dict):
        return {str(name): pack(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [pack(item) for item in value]
    raise TypeError(
        f"A message carries plain values, not {type(value).__name__}: it is written later, in another language."
    )


def unpack(value: Any) -> Any:
    """Return what `pack` was given, tuples as lists."""
    if isinstance(value, list):
        return [unpack(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {AT}:
        return datetime.fromisoformat(value[AT])
    if value.keys() == {ON}:
        return date.fromisoformat(value[ON])
    return {name: unpack(item) for name, item in value.items()}
