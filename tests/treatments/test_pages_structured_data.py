"""What pages say to machines."""

from collections.abc import Callable

from tests.treatments.factories import make_condition, make_treatment
from tests.treatments.pages import Page

Get = Callable[[str], Page]


def test_a_treatment_is_a_procedure_with_its_code(get: Get) -> None:
    make_treatment(
        "bypass", name_en="Bypass", summary_en="A way.", synonyms_en=["CABG"], icd9cm=["36.10"], kind="surgery"
    )

    page, thing, trail = get("/en/treatments/bypass/").structured_data

    assert thing["@type"] == "SurgicalProcedure"
    assert (thing["name"], thing["description"], thing["alternateName"]) == ("Bypass", "A way.", ["CABG"])
    assert thing["code"] == [{"@type": "MedicalCode", "codeValue": "36.10", "codingSystem": "ICD-9-CM"}]
    assert thing["url"].startswith("http")
    assert page["about"] == {"@id": thing["@id"]}
    assert [step["name"] for step in trail["itemListElement"]] == ["Treatments", "Bypass"]


def test_a_therapy_is_a_therapy_and_the_page_says_its_language(get: Get) -> None:
    make_treatment("pills", kind="drug_therapy", name_ar="دواء")

    page, thing, _trail = get("/ar/treatments/pills/").structured_data

    assert thing["@type"] == "MedicalTherapy"
    assert thing["name"] == "دواء"
    assert page["inLanguage"] == "ar"


def test_a_condition_claims_no_cure(get: Get) -> None:
    condition = make_condition("angina", icd10=["I20"])
    make_treatment("bypass", conditions=(condition,))

    page, thing, _trail = get("/en/conditions/angina/").structured_data

    assert thing["@type"] == "MedicalCondition"
    assert thing["code"][0]["codeValue"] == "I20"
    assert "possibleTreatment" not in thing
    assert page["mentions"][0]["@id"].endswith("/en/treatments/bypass/#this")


def test_no_text_can_leave_the_script_element(get: Get) -> None:
    make_treatment("cure", summary_en="</script><script>alert(1)</script><!-- & \u2028")

    page = get("/en/treatments/cure/")

    assert "<script>alert" not in page.html
    assert page.structured_data[1]["description"] == "</script><script>alert(1)</script><!-- & \u2028"
