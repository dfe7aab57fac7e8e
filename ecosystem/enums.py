from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class NetworkKind(TextChoices):
    """A network of hospitals for a group of illnesses, or a field in which they do research together."""

    PATHOLOGY_NETWORK = "pathology_network", _("Network for a group of illnesses")
    RESEARCH_AREA = "research_area", _("Field of research")


class Role(TextChoices):
    """What a facility does in a network."""

    COORDINATES = "coordinates", _("Coordinates the network")
    TAKES_PART = "takes_part", _("Takes part in the network")
