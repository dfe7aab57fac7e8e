"""What pages say to machines."""

from collections.abc import Callable

from tests.treatments.factories import (
    make_condition,
    make_facility,
    make_offer,
    make_specialty,
    make_treatment,
)
from tests.treatments.pages import Page

Get = Callable[[str], Page]


def test_a_treatment_is_a_procedure_with_its_code(get: Get) -> None:
    heart = make_specialty("cardiology", name_en="Cardiology")
    words = {"name_en": "Bypass", "summary_en": "A way.", "synonyms_en": ["CABG"]}
    make_treatment("bypass", icd9cm=["36.10"], kind="surgery", specialty=heart, **words)

    page, thing, trail = get("/en/treatments/bypass/").structured_data

    assert thing["@type"] == "SurgicalProcedure"
    assert (thing["name"], thing["description"], thing["alternateName"]) == ("Bypass", "A way.", ["CABG"])
    assert thing["code"] == [{"@type": "MedicalCode", "codeValue": "36.10", "codingSystem": "ICD-9-CM"}]
    assert thing["url"].startswith("http")
    assert page["about"] == {"@id": thing["@id"]}
    assert [step["name"] for step in trail["itemListElement"]] == ["Treatments", "Cardiology", "Bypass"]


def test_a_therapy_is_a_therapy_and_the_page_says_its_language(get: Get) -> None:
    make_treatment("pills", kind="drug_therapy", name_ar="دواء")

    page, thing, _trail = get("/ar/treatments/pills/").structured_data

    assert thing["@type"] == "MedicalTherapy"
    assert thing["name"] == "دواء"
    assert page["inLanguage"] == "ar"


def test_other_names_are_those_the_page_shows(get: Get) -> None:
    make_treatment("bypass", synonyms_en=["CABG"])

    _page, thing, _trail = get("/ar/treatments/bypass/").structured_data

    assert "alternateName" not in thing


def test_the_hospitals_of_a_treatment_are_a_list_in_the_order_of_the_page(get: Get) -> None:
    treatment = make_treatment("cure")
    make_offer(treatment, make_facility("unsure", short_name="Alpha"), is_confirmed=False)
    make_offer(treatment, make_facility("sure", short_name="Omega"))
    make_offer(treatment, make_facility("invented", is_demo=True))

    *_others, listed = get("/en/treatments/cure/").structured_data

    assert listed["@type"] == "ItemList"
    assert listed["numberOfItems"] == 2
    assert [(item["position"], item["name"]) for item in listed["itemListElement"]] == [(1, "Omega"), (2, "Alpha")]
    assert listed["itemListElement"][0]["url"].endswith("/en/facilities/sure/")


def test_the_treatments_of_a_condition_are_a_list(get: Get) -> None:
    make_treatment("bypass", name_en="Bypass", conditions=(make_condition("angina"),))

    *_others, listed = get("/en/conditions/angina/").structured_data

    assert [item["name"] for item in listed["itemListElement"]] == ["Bypass"]


def test_a_specialty_is_a_list_of_hospitals(get: Get) -> None:
    specialty = make_specialty("cardiology", name_en="Cardiology")
    specialty.facilities.set([make_facility("house", short_name="House")])

    page, trail, listed = get("/en/specialties/cardiology/").structured_data

    assert (page["@type"], page["name"]) == ("CollectionPage", "Cardiology")
    assert [step["name"] for step in trail["itemListElement"]] == ["Specialties", "Cardiology"]
    assert [item["name"] for item in listed["itemListElement"]] == ["House"]


def test_a_condition_claims_no_cure(get: Get) -> None:
    condition = make_condition("angina", icd10=["I20"])
    make_treatment("bypass", conditions=(condition,))

    page, thing, _trail, _listed = get("/en/conditions/angina/").structured_data

    assert thing["@type"] == "MedicalCondition"
    assert thing["code"][0]["codeValue"] == "I20"
    assert "possibleTreatment" not in thing
    assert page["mentions"][0]["@id"].endswith("/en/treatments/bypass/#this")


def test_no_text_can_leave_the_script_element(get: Get) -> None:
    make_treatment("cure", summary_en="</script><script>alert(1)</script><!-- & \u2028")

    page = get("/en/treatments/cure/")

    assert "<script>alert" not in page.html
    assert page.structured_data[1]["description"] == "</script><script>alert(1)</script><!-- & \u2028"
