"""What a facility's page says to machines: schema.org as JSON-LD. It repeats what the page shows, nothing more."""

from collections.abc import Iterable

from django.conf import settings
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from facilities.enums import FacilityKind
from facilities.models import Accreditation, Facility
from publishing.templatetags.text import text_of
from taxonomy.json_ld import Data, as_json_ld, breadcrumbs, page_data
from taxonomy.models import Specialty

# Houses without beds are clinics to schema.org.
CLINICS = {FacilityKind.DIAGNOSTIC_CENTRE, FacilityKind.HADRONTHERAPY_CENTRE}
# Our specialty → the member of schema.org's MedicalSpecialty that means it; the others have none.
SPECIALTIES = {
    "cardiology": "Cardiovascular",
    "medical-oncology": "Oncologic",
    "haematology": "Hematologic",
    "neurology": "Neurologic",
    "psychiatry": "Psychiatric",
    "rheumatology": "Rheumatologic",
    "gastroenterology-hepatology": "Gastroenterologic",
    "general-surgery": "Surgical",
    "urology": "Urologic",
    "nephrology": "Renal",
    "gynaecology-obstetrics": "Gynecologic",
    "endocrinology-diabetology": "Endocrine",
    "clinical-nutrition": "DietNutrition",
    "pulmonology": "Pulmonary",
    "ent-head-neck": "Otolaryngologic",
    "dentistry-maxillofacial": "Dentistry",
    "dermatology": "Dermatology",
    "plastic-surgery": "PlasticSurgery",
    "infectious-diseases": "Infectious",
    "paediatrics": "Pediatric",
    "rare-diseases-genetics": "Genetic",
    "diagnostic-imaging": "Radiography",
}


def facility_data(
    facility: Facility, specialties: Iterable[Specialty], accreditations: Iterable[Accreditation]
) -> SafeString | str:
    """Return a facility as Hospital or MedicalClinic; nothing about an invented one."""
    if facility.is_demo:
        return ""
    url = settings.PUBLIC_URL + facility.get_absolute_url()
    thing: Data = {
        "@type": "MedicalClinic" if facility.kind in CLINICS else "Hospital",
        "@id": f"{url}#this",
        "url": url,
        "name": facility.official_name,
        "address": {
            "@type": "PostalAddress",
            "streetAddress": facility.address,
            "postalCode": facility.postal_code,
            "addressLocality": facility.city,
            "addressRegion": facility.province,
            "addressCountry": "IT",
        },
        "geo": {"@type": "GeoCoordinates", "latitude": facility.latitude, "longitude": facility.longitude},
    }
    known: Data = {
        "alternateName": _other_names(facility),
        "description": text_of(facility, "summary").value,
        "medicalSpecialty": [
            f"https://schema.org/{SPECIALTIES[specialty.slug]}"
            for specialty in specialties
            if specialty.slug in SPECIALTIES
        ],
        "hasCredential": [_credential(row) for row in accreditations if row.is_confirmed and row.is_in_date()],
        "sameAs": facility.website if facility.is_website_verified else "",
    }
    thing |= {name: value for name, value in known.items() if value}
    checked_on = facility.verified_on.isoformat() if facility.verified_on else ""
    about = {"@id": thing["@id"]}
    page = page_data("MedicalWebPage", url, facility.short_name, about=about, lastReviewed=checked_on)
    return as_json_ld(page, thing, _trail(facility))


def _other_names(facility: Facility) -> list[str]:
    names = [facility.short_name, text_of(facility, "usual_name").value]
    return list(dict.fromkeys(name for name in names if name and name != facility.official_name))


def _credential(accreditation: Accreditation) -> Data:
    """Return a certificate that is valid today."""
    return {
        "@type": "EducationalOccupationalCredential",
        "credentialCategory": "accreditation",
        "name": accreditation.level or accreditation.body,
        "recognizedBy": {"@type": "Organization", "name": accreditation.body},
        "expires": accreditation.valid_until.isoformat() if accreditation.valid_until else "",
    }


def _trail(facility: Facility) -> Data:
    hospitals = reverse("facilities:facility_list")
    province = pgettext("breadcrumb", "Province: %(province)s") % {"province": facility.get_province_display()}
    return breadcrumbs(
        (_("Hospitals"), hospitals),
        (province, f"{hospitals}?{urlencode({'province': facility.province})}"),
        (facility.short_name, facility.get_absolute_url()),
    )
