from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class EcosystemConfig(AppConfig):
    name = "ecosystem"
    verbose_name = _("Ecosystem")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tell publishing what may be edited."""
        # Models may not be imported before every app is loaded.
        from ecosystem import editing  # noqa: PLC0415

        editing.register_kinds()
