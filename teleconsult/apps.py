from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TeleconsultConfig(AppConfig):
    name = "teleconsult"
    verbose_name = _("Second opinion")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Open the desk to those who work on requests, and say what is removed in time."""
        from accounts import areas  # noqa: PLC0415  models can be imported only now
        from teleconsult import permissions  # noqa: PLC0415
        from teleconsult.retention import RULES  # noqa: PLC0415
        from teleconsult.workflow import erase_again_under  # noqa: PLC0415
        from vault import erasure, retention  # noqa: PLC0415

        areas.register("desk", permissions.works_at_the_desk)
        for rule in RULES:
            retention.register(rule())
        erasure.register(erase_again_under)
