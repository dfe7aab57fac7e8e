import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teleconsult import references
from teleconsult.references import ALPHABET

signs = st.text(alphabet=ALPHABET, min_size=8, max_size=8)


def written(eight: str) -> str:
    return f"HL-{eight[:4]}-{eight[4:]}-{references.check_character(eight)}"


def test_a_reference_has_its_shape_and_no_look_alikes():
    made = [references.make() for _ in range(200)]

    assert len(set(made)) == 200
    assert all(re.match(references.PATTERN, reference) for reference in made)
    assert all(references.is_valid(reference) for reference in made)
    assert not set("01258BILOSUVZ") & set(ALPHABET)


@given(signs)
def test_each_wrong_sign_is_found(eight: str):
    reference = written(eight)
    place = random.Random(eight).choice(
        [index for index, sign in enumerate(reference) if sign in ALPHABET and index > 2]
    )

    for other in set(ALPHABET) - {reference[place]}:
        assert not references.is_valid(reference[:place] + other + reference[place + 1 :])


@given(signs, st.integers(0, 7), st.integers(0, 7))
def test_each_swap_of_two_signs_is_found(eight: str, one: int, other: int):
    swapped = list(eight)
    swapped[one], swapped[other] = swapped[other], swapped[one]
    wrong = "".join(swapped)

    assert references.is_valid(f"HL-{wrong[:4]}-{wrong[4:]}-{references.check_character(eight)}") == (wrong == eight)


@pytest.mark.parametrize(
    "typed",
    [
        "hl-7k3m-9qxa-{check}",
        " HL 7K3M 9QXA {check} ",
        "7K3M9QXA{check}",
        "HL–7K3M–9QXA–{check}",
        "ＨＬ－７Ｋ３Ｍ－９ＱＸＡ－{check}",
        "HL-٧K٣M-٩QXA-{check}",
        "HL-7К3М-9QХА-{check}",
    ],
)
def test_a_reference_is_read_as_people_type_it(typed: str):
    check = references.check_character("7K3M9QXA")

    assert references.normalise(typed.format(check=check)) == f"HL-7K3M-9QXA-{check}"


@pytest.mark.parametrize(
    "typed", ["", "HL", "HL-7K3M-9QXA", "HL-7K3M-9QXA-77", "HL-OOOO-IIII-1", "\0" * 50, "²" * 9, "Ⅷ" * 9]
)
def test_anything_else_is_no_reference(typed: str):
    assert references.normalise(typed) == ""
