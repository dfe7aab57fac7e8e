"""What a page says to machines: schema.org as JSON-LD. It repeats what the page shows, nothing more.

Links between conditions and treatments help to navigate: they are `mentions`, never `possibleTreatment`.
"""

from collections.abc import Iterable

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from publishing.templatetags.text import text_of
from taxonomy.json_ld import Data, as_json_ld
from taxonomy.languages import BCP47
from treatments.enums import TreatmentKind
from treatments.models import Condition, Treatment

# Kind of treatment → type of schema.org; the others are simply procedures.
TYPES = {
    TreatmentKind.ADVANCED_THERAPY: "MedicalTherapy",
    TreatmentKind.DIAGNOSTIC: "DiagnosticProcedure",
    TreatmentKind.DRUG_THERAPY: "MedicalTherapy",
    TreatmentKind.FERTILITY: "MedicalTherapy",
    TreatmentKind.RADIOTHERAPY: "RadiationTherapy",
    TreatmentKind.REHABILITATION: "MedicalTherapy",
    TreatmentKind.SUPPORTIVE_CARE: "MedicalTherapy",
    TreatmentKind.SURGERY: "SurgicalProcedure",
    TreatmentKind.TRANSPLANT: "SurgicalProcedure",
}


def treatment_data(treatment: Treatment, conditions: Iterable[Condition]) -> SafeString:
    """Return a treatment as a MedicalProcedure or one of its subtypes, with the page and where it stands."""
    thing = _entity(treatment, TYPES.get(TreatmentKind(treatment.kind), "MedicalProcedure"))
    thing |= _codes(treatment.icd9cm, "ICD-9-CM")
    page = _page(thing, mentions=conditions)
    return as_json_ld(page, thing, _trail(_("Treatments"), reverse("treatments:treatment_list"), thing))


def condition_data(condition: Condition, treatments: Iterable[Treatment]) -> SafeString:
    """Return a condition as a MedicalCondition, with the page and where it stands."""
    thing = _entity(condition, "MedicalCondition")
    thing |= _codes(condition.icd10, "ICD-10")
    page = _page(thing, mentions=treatments)
    return as_json_ld(page, thing, _trail(_("Conditions"), reverse("treatments:condition_list"), thing))


def _entity(entry: Condition | Treatment, kind: str) -> Data:
    url = settings.PUBLIC_URL + entry.get_absolute_url()
    data = {"@type": kind, "@id": f"{url}#this", "name": text_of(entry, "name").value, "url": url}
    described = {"alternateName": text_of(entry, "synonyms").value, "description": text_of(entry, "summary").value}
    return data | {name: value for name, value in described.items() if value}


def _codes(codes: list[str], system: str) -> Data:
    coded = [{"@type": "MedicalCode", "codeValue": code, "codingSystem": system} for code in codes]
    return {"code": coded} if coded else {}


def _page(thing: Data, *, mentions: Iterable[Condition | Treatment]) -> Data:
    language = BCP47[translation.get_language() or settings.LANGUAGE_CODE]
    page = {
        "@type": "MedicalWebPage",
        "@id": thing["url"],
        "url": thing["url"],
        "name": thing["name"],
        "inLanguage": language,
        "about": {"@id": thing["@id"]},
        "isPartOf": {"@type": "WebSite", "name": "Health Lombardy", "url": settings.PUBLIC_URL + reverse("home")},
    }
    mentioned = [{"@id": f"{settings.PUBLIC_URL}{entry.get_absolute_url()}#this"} for entry in mentions]
    return page | ({"mentions": mentioned} if mentioned else {})


def _trail(list_name: str, list_url: str, thing: Data) -> Data:
    steps = [(list_name, settings.PUBLIC_URL + list_url), (thing["name"], thing["url"])]
    items = [
        {"@type": "ListItem", "position": position, "name": name, "item": url}
        for position, (name, url) in enumerate(steps, start=1)
    ]
    return {"@type": "BreadcrumbList", "itemListElement": items}
