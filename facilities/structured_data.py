"""What a facility's page says to machines: schema.org as JSON-LD."""

from django.conf import settings
from django.utils import translation
from django.utils.safestring import SafeString

from facilities.enums import FacilityKind
from facilities.models import Facility
from publishing.templatetags.text import text_of
from taxonomy.json_ld import Data, as_json_ld
from taxonomy.languages import BCP47

# Houses without beds are clinics to schema.org.
CLINICS = {FacilityKind.DIAGNOSTIC_CENTRE, FacilityKind.HADRONTHERAPY_CENTRE}


def facility_data(facility: Facility) -> SafeString:
    """Return a facility as Hospital or MedicalClinic."""
    url = settings.PUBLIC_URL + facility.get_absolute_url()
    usual_name = text_of(facility, "usual_name").value
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
    if usual_name:
        thing["alternateName"] = [facility.short_name, usual_name]
    if facility.website and facility.is_website_verified:
        thing["sameAs"] = facility.website
    language = BCP47[translation.get_language() or settings.LANGUAGE_CODE]
    page = {"@type": "MedicalWebPage", "@id": url, "url": url, "inLanguage": language, "about": {"@id": thing["@id"]}}
    return as_json_ld(page, thing)
