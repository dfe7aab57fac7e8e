"""What a page says to machines: schema.org as JSON-LD. It repeats what the page shows, nothing more.

Links between conditions and treatments help to navigate: they are `mentions`, never `possibleTreatment`.
"""

from collections.abc import Iterable

from django.conf import settings
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from facilities.models import Facility
from publishing.templatetags.text import text_of
from taxonomy.json_ld import Data, as_json_ld, breadcrumbs, item_list, page_data
from taxonomy.models import Specialty
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


def treatment_data(treatment: Treatment, conditions: Iterable[Condition], facilities: Iterable[Facility]) -> SafeString:
    """Return a treatment as a MedicalProcedure or one of its subtypes, with who offers it as the page lists them."""
    thing = _entity(treatment, TYPES.get(TreatmentKind(treatment.kind), "MedicalProcedure"))
    thing |= _codes(treatment.icd9cm, "ICD-9-CM")
    trail = _trail(treatment, _("Treatments"), reverse("treatments:treatment_list"))
    return as_json_ld(_page(thing, mentions=conditions), thing, trail, _facilities(facilities))


def condition_data(condition: Condition, treatments: Iterable[Treatment]) -> SafeString:
    """Return a condition as a MedicalCondition, with the treatments as the page lists them."""
    treatments = list(treatments)
    thing = _entity(condition, "MedicalCondition")
    thing |= _codes(condition.icd10, "ICD-10")
    trail = _trail(condition, _("Conditions"), reverse("treatments:condition_list"))
    listed = item_list((text_of(item, "name").value, item.get_absolute_url()) for item in treatments)
    return as_json_ld(_page(thing, mentions=treatments), thing, trail, listed)


def specialty_data(specialty: Specialty, facilities: Iterable[Facility]) -> SafeString:
    """Return a specialty as a page that lists who has it."""
    name = text_of(specialty, "name").value
    path = reverse("treatments:specialty_detail", args=[specialty.slug])
    page = page_data("CollectionPage", settings.PUBLIC_URL + path, name)
    trail = breadcrumbs((_("Specialties"), reverse("treatments:specialty_list")), (name, path))
    return as_json_ld(page, trail, _facilities(facilities))


def _entity(entry: Condition | Treatment, kind: str) -> Data:
    url = settings.PUBLIC_URL + entry.get_absolute_url()
    data = {"@type": kind, "@id": f"{url}#this", "name": text_of(entry, "name").value, "url": url}
    synonyms = text_of(entry, "synonyms")
    # The page shows other names in its own language only.
    described = {
        "alternateName": [] if synonyms.is_fallback else synonyms.value,
        "description": text_of(entry, "summary").value,
    }
    return data | {name: value for name, value in described.items() if value}


def _codes(codes: list[str], system: str) -> Data:
    coded = [{"@type": "MedicalCode", "codeValue": code, "codingSystem": system} for code in codes]
    return {"code": coded} if coded else {}


def _page(thing: Data, *, mentions: Iterable[Condition | Treatment]) -> Data:
    mentioned = [{"@id": f"{settings.PUBLIC_URL}{entry.get_absolute_url()}#this"} for entry in mentions]
    return page_data("MedicalWebPage", thing["url"], thing["name"], about={"@id": thing["@id"]}, mentions=mentioned)


def _trail(entry: Condition | Treatment, list_name: str, list_path: str) -> Data:
    specialty = reverse("treatments:specialty_detail", args=[entry.specialty.slug])
    return breadcrumbs(
        (list_name, list_path),
        (text_of(entry.specialty, "name").value, specialty),
        (text_of(entry, "name").value, entry.get_absolute_url()),
    )


def _facilities(facilities: Iterable[Facility]) -> Data:
    """Return the list of hospitals; an invented one is told to nobody but the reader."""
    real = (facility for facility in facilities if not facility.is_demo)
    return item_list((facility.short_name, facility.get_absolute_url()) for facility in real)
