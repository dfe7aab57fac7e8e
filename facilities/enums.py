from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class FacilityKind(TextChoices):
    """What kind of house it is; IRCCS are recognised by the Italian Ministry of Health."""

    RESEARCH_HOSPITAL_IRCCS = "research_hospital_irccs", _("Research hospital (IRCCS)")
    UNIVERSITY_HOSPITAL = "university_hospital", _("University hospital")
    GENERAL_HOSPITAL = "general_hospital", _("General hospital")
    SPECIALIST_HOSPITAL = "specialist_hospital", _("Specialist hospital")
    REHABILITATION_CENTRE = "rehabilitation_centre", _("Rehabilitation centre")
    HADRONTHERAPY_CENTRE = "hadrontherapy_centre", _("Hadrontherapy centre")
    DIAGNOSTIC_CENTRE = "diagnostic_centre", _("Diagnostic centre")


class Ownership(TextChoices):
    PUBLIC = "public", pgettext_lazy("ownership of a hospital", "Public")
    PRIVATE_ACCREDITED = "private_accredited", _("Private, accredited by the regional health service")
    # Private, and its accreditation has not been checked.
    PRIVATE = "private", pgettext_lazy("ownership of a hospital", "Private")


class Province(TextChoices):
    """The twelve provinces of Lombardy by the code of their number plates."""

    MI = "MI", pgettext_lazy("province", "Milan")
    BG = "BG", pgettext_lazy("province", "Bergamo")
    BS = "BS", pgettext_lazy("province", "Brescia")
    CO = "CO", pgettext_lazy("province", "Como")
    CR = "CR", pgettext_lazy("province", "Cremona")
    LC = "LC", pgettext_lazy("province", "Lecco")
    LO = "LO", pgettext_lazy("province", "Lodi")
    MB = "MB", pgettext_lazy("province", "Monza and Brianza")
    MN = "MN", pgettext_lazy("province", "Mantua")
    PV = "PV", pgettext_lazy("province", "Pavia")
    SO = "SO", pgettext_lazy("province", "Sondrio")
    VA = "VA", pgettext_lazy("province", "Varese")


# The town whose name the province has, as addresses write it; Monza and Brianza is named after two.
CAPITALS = {
    "MI": "Milano",
    "BG": "Bergamo",
    "BS": "Brescia",
    "CO": "Como",
    "CR": "Cremona",
    "LC": "Lecco",
    "LO": "Lodi",
    "MN": "Mantova",
    "PV": "Pavia",
    "SO": "Sondrio",
    "VA": "Varese",
}


class RankingCategory(TextChoices):
    """Categories of the rankings, as their publisher names them."""

    OVERALL = "overall", _("All specialties")
    ONCOLOGY = "oncology", _("Oncology")
    CARDIOLOGY = "cardiology", _("Cardiology")
    CARDIAC_SURGERY = "cardiac surgery", _("Cardiac surgery")
    ENDOCRINOLOGY = "endocrinology", _("Endocrinology")
    GASTROENTEROLOGY = "gastroenterology", _("Gastroenterology")
    NEUROLOGY = "neurology", _("Neurology")
    NEUROSURGERY = "neurosurgery", _("Neurosurgery")
    PAEDIATRICS = "paediatrics", _("Paediatrics")
    OBSTETRICS_AND_GYNAECOLOGY = "obstetrics and gynaecology", _("Obstetrics and gynaecology")


class StaffRole(TextChoices):
    """What a person does at a facility."""

    FACILITY_EDITOR = "facility_editor", _("Facility editor")
    FACILITY_OFFICE = "facility_office", _("International office")
    SPECIALIST = "specialist", _("Specialist")
