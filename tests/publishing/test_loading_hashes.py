"""A hash is the same for the file's and the database's form of a value, and no other."""

import datetime
from decimal import Decimal

import pytest

from facilities.enums import Ownership
from publishing.loading.writing import source_hash, value_hash


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Decimal(500), Decimal("500.00")),
        (Ownership.PUBLIC, "public"),
        (datetime.date(2026, 11, 21), "2026-11-21"),
        (["a", "b"], ("a", "b")),
    ],
)
def test_two_forms_of_one_value_are_alike(first: object, second: object) -> None:
    assert value_hash(first) == value_hash(second)


@pytest.mark.parametrize(
    ("first", "second"), [(None, ""), (0, False), (["a", "b"], ["b", "a"]), ("1", 1), (Decimal("5.1"), Decimal("5.01"))]
)
def test_two_values_are_told_apart(first: object, second: object) -> None:
    assert value_hash(first) != value_hash(second)


def test_a_source_text_of_several_parts_is_hashed_as_lines() -> None:
    assert source_hash(["a", "b"]) == source_hash("a\nb") != source_hash("a b")
