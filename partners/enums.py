from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class InstitutionKind(TextChoices):
    BUSINESS_COUNCIL = "business_council", _("Business council")
    CHAMBER_OF_COMMERCE = "chamber_of_commerce", _("Chamber of commerce")
    CITY = "city", _("City")
    CLUSTER = "cluster", _("Health or technology cluster")
    COMPANY = "company", _("Company")
    CONSULATE = "consulate", _("Consulate")
    EMBASSY = "embassy", _("Embassy")
    EXPORT_CREDIT_AGENCY = "export_credit_agency", _("Export credit agency")
    HOSPITAL = "hospital", _("Hospital")
    HOSPITAL_GROUP = "hospital_group", _("Hospital group")
    INDUSTRIAL_ZONE = "industrial_zone", _("Industrial zone")
    INDUSTRY_ASSOCIATION = "industry_association", _("Industry association")
    INSURER = "insurer", _("Insurer")
    INVESTMENT_AGENCY = "investment_agency", _("Investment agency")
    MINISTRY = "ministry", _("Ministry")
    PUBLIC_AUTHORITY = "public_authority", _("Public authority")
    REGULATOR = "regulator", _("Health regulator")
    SPORTS_HEALTH_FOUNDATION = "sports_health_foundation", _("Sports medicine foundation")
    TRADE_AGENCY = "trade_agency", _("Trade agency")
    UNIVERSITY = "university", _("University")
