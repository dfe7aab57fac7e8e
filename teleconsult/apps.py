from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TeleconsultConfig(AppConfig):
    name = "teleconsult"
    verbose_name = _("Second opinion")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Open the desk to those who work on requests."""
        from accounts import areas  # noqa: PLC0415  models can be imported only now
        from teleconsult import permissions  # noqa: PLC0415

        areas.register("desk", permissions.works_at_the_desk)
