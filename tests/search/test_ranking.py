"""The rule by which results are ordered, as the page "How we order results" tells it."""

import pytest

from search.enums import Kind
from search.find import find
from tests.search.factories import found, index_all, slugs
from tests.treatments.factories import make_condition, make_facility, make_offer, make_specialty, make_treatment

pytestmark = pytest.mark.django_db


def offered(slug: str, name: str, *, times: int = 1, **fields: object) -> None:
    """Make a treatment that some hospitals offer."""
    treatment = make_treatment(slug, name_en=name, **fields)
    for _ in range(times):
        make_offer(treatment)


def test_exact_then_beginning_then_all_words_then_some() -> None:
    offered("some", "Nasal repair")
    offered("all", "Repair of a wide nasal valve")
    offered("beginning", "Nasal valve repair twice")
    offered("exact", "Nasal valve repair")

    assert found("nasal valve repair", kinds=["treatment"]) == ["exact", "beginning", "all", "some"]


def test_the_beginning_of_a_word_before_another_spelling() -> None:
    offered("misspelt", "Valdara")
    offered("beginning", "Valdoraplasty")

    assert found("valdora", kinds=["treatment"]) == ["beginning", "misspelt"]


def test_name_before_synonym_before_description() -> None:
    offered("description", "Third", summary_en="It helps with zumbitis.")
    offered("synonym", "Second", synonyms_en=["zumbitis"])
    offered("name", "Zumbitis")

    assert found("zumbitis", kinds=["treatment"]) == ["name", "synonym"]


def test_what_only_a_description_holds_is_found_where_no_name_has_it() -> None:
    offered("description", "Third", summary_en="It helps with zumbitis.")

    assert found("zumbitis", kinds=["treatment"]) == ["description"]


def test_offered_before_not_offered() -> None:
    make_treatment("a-nowhere", name_en="Zumbo care")
    offered("b-somewhere", "Zumbo aid")

    assert found("zumbo", kinds=["treatment"]) == ["b-somewhere", "a-nowhere"]


def test_on_equal_score_more_hospitals_then_the_alphabet() -> None:
    offered("c", "Zumbo gamma", times=2)
    offered("b", "Zumbo betas")
    offered("a", "Zumbo alpha")

    assert found("zumbo", kinds=[Kind.TREATMENT]) == ["c", "a", "b"]


def test_the_language_of_the_page_counts_more() -> None:
    offered("spanish", "First", name_es="Zumbo")
    offered("italian", "Second", name_it="Zumbo")
    index_all()

    assert slugs(find("zumbo", "it", kinds=["treatment"])) == ["italian", "spanish"]
    assert slugs(find("zumbo", "es", kinds=["treatment"])) == ["spanish", "italian"]


def test_a_rare_word_counts_more_than_a_common_one() -> None:
    for number in range(12):
        make_treatment(f"common-{number}", name_en=f"Operation {'abcdefghijkl'[number] * 5}")
    make_treatment("rare", name_en="Zumbo massage")

    assert found("zumbo operation")[0] == "rare"


def test_kinds_stand_together_the_best_first() -> None:
    specialty = make_specialty("zumbology", name_en="Zumbology")
    illness = make_condition("zumbo-illness", name_en="Zumbo illness", specialty=specialty)
    make_condition("other-illness", name_en="Chronic wide zumbo illness", specialty=specialty)
    offered("zumbo-care", "Zumbo", conditions=(illness,))

    index_all()
    results = find("zumbo", "en")

    kinds = [hit.kind for hit in results.hits]
    assert kinds[0] == Kind.TREATMENT
    assert len([kind for kind, before in zip(kinds, [None, *kinds], strict=False) if kind != before]) == len(set(kinds))
    assert results.counts[Kind.CONDITION] == 2


def test_on_equal_score_cures_and_conditions_before_hospitals() -> None:
    make_facility("zumbo-hospital", short_name="Zumbo", official_name="Zumbo")
    offered("zumbo-care", "Zumbo", name_it="Zumbo")
    index_all()

    assert [hit.kind for hit in find("zumbo", "it").hits][:2] == [Kind.TREATMENT, Kind.FACILITY]


def test_what_one_name_holds_comes_before_what_name_and_description_hold_together() -> None:
    offered("together", "Zumbo care", summary_en="For the wadling.")
    offered("one", "Zumbo of the wadling")

    assert found("zumbo wadling", kinds=["treatment"]) == ["one", "together"]


def test_what_is_found_both_ways_gains_and_never_overtakes_the_way() -> None:
    condition = make_condition("zumbo", name_en="Zumbo")
    offered("both", "Treatment of zumbo", conditions=(condition,))
    offered("alone", "Alleviation of zumbo")
    index_all()

    scores = {hit.slug: hit.score for hit in find("zumbo", "en").hits}

    assert scores["zumbo"] > scores["both"] > scores["alone"]
