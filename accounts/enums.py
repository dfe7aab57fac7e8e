from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Role(TextChoices):
    """What a person does in the association; roles at facilities and offices stand in the apps above."""

    EDITOR = "editor", _("Editor")
    ADMINISTRATOR = "administrator", _("Administrator")
