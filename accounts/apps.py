from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("People")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Open the administration to the roles of the association."""
        # Models may not be imported before every app is loaded.
        from accounts import areas, permissions  # noqa: PLC0415

        areas.register("admin", permissions.holds_association_role)
