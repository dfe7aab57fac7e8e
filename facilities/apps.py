from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FacilitiesConfig(AppConfig):
    name = "facilities"
    verbose_name = _("Facilities")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Open the administration to those who edit a listing, and tell what may be edited."""
        # Models may not be imported before every app is loaded.
        from accounts import areas  # noqa: PLC0415
        from facilities import editing, permissions  # noqa: PLC0415

        areas.register("admin", permissions.edits_a_listing)
        editing.register_kinds()
