from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Kind(TextChoices):
    """The five kinds of things that are found; on equal score the earlier comes first."""

    TREATMENT = "treatment", pgettext_lazy("kind of search result", "Treatments")
    CONDITION = "condition", pgettext_lazy("kind of search result", "Conditions")
    SPECIALTY = "specialty", pgettext_lazy("kind of search result", "Specialties")
    BODY_DISTRICT = "body_district", pgettext_lazy("kind of search result", "Parts of the body")
    FACILITY = "facility", pgettext_lazy("kind of search result", "Hospitals")


class Origin(TextChoices):
    """Where words come from; `search.ranking.ORIGIN_WEIGHT` says what each counts."""

    NAME = "name", _("Name")
    SYNONYM = "synonym", _("Also called")
    LAY_WORD = "lay_word", _("Lay words and symptoms")
    CODE = "code", _("Code")
    PLACE = "place", _("Place and kind")
    TEXT = "text", _("Description")
    # Made while searching, never stored.
    CONDITION = "condition", _("Treats")
    OFFER = "offer", _("Offers")
    SPECIALTY = "specialty", _("Specialty")
