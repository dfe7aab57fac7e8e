from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class TreatmentKind(TextChoices):
    ADVANCED_THERAPY = "advanced_therapy", _("Cell or gene therapy")
    CHECK_UP = "check_up", _("Check-up")
    DIAGNOSTIC = "diagnostic", _("Test or examination")
    DRUG_THERAPY = "drug_therapy", _("Treatment with medicines")
    FERTILITY = "fertility", _("Fertility treatment")
    MINIMALLY_INVASIVE = "minimally_invasive", _("Minimally invasive procedure")
    RADIOTHERAPY = "radiotherapy", _("Radiotherapy")
    REHABILITATION = "rehabilitation", _("Rehabilitation")
    SECOND_OPINION = "second_opinion", _("Second opinion")
    SUPPORTIVE_CARE = "supportive_care", _("Supportive care")
    SURGERY = "surgery", _("Operation")
    TRANSPLANT = "transplant", _("Transplant")


class DocumentKind(TextChoices):
    """Kinds of paper a protocol can ask for."""

    REPORT = "report", _("Medical report")
    PATHOLOGY = "pathology", _("Pathology report")
    IMAGING = "imaging", _("Scans and X-rays")
    LABORATORY = "laboratory", _("Laboratory results")
    MEDICATION_LIST = "medication_list", _("List of medicines")
    FORM = "form", _("Form of the hospital")
    # Asked for only where someone acts for the patient.
    AUTHORITY = "authority", _("Proof of the authority to act for the patient")
    OTHER = "other", pgettext_lazy("kind of document", "Another document")


class ClockStart(TextChoices):
    """What starts the working-day clock of a protocol."""

    FILE_COMPLETE = "file_complete", _("The days count from when every paper has arrived.")
    FEE_SETTLED = "fee_settled", _("The days count from when the fee is settled.")


class OfferBasis(TextChoices):
    """On what the data files base it that a facility offers a treatment."""

    SITE = "site", _("The earlier site of Health Lombardy names the pair.")
    SOURCE = "source", _("A page that was read names it.")
    PUBLIC_KNOWLEDGE = "public_knowledge", _("Well established, no page was read.")
    UNCONFIRMED = "unconfirmed", _("Plausible, not confirmed.")
