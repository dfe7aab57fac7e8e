"""Countries or regions come from CLDR, with ISO codes."""

import pytest

from taxonomy.countries import country_choices, country_name, is_country


@pytest.mark.parametrize("code", ["IT", "it", "SA", "TW", "HK", "GB"])
def test_a_country_or_region_is_known_in_either_case(code: str) -> None:
    assert is_country(code)


@pytest.mark.parametrize("code", ["EU", "UN", "XX", "ZZ", "", "ITA"])
def test_a_grouping_or_an_unknown_code_is_no_country(code: str) -> None:
    assert not is_country(code)


def test_a_country_is_named_in_the_language_of_the_reader() -> None:
    assert [country_name("DE", code) for code in ("en", "it", "ru", "zh-hans")] == [
        "Germany",
        "Germania",
        "Германия",
        "德国",
    ]


def test_choices_are_in_the_order_of_the_language() -> None:
    names = [name for _code, name in country_choices("es")]

    assert names.index("Afganistán") < names.index("Arabia Saudí") < names.index("Ecuador") < names.index("Zambia")
