from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class PublishingConfig(AppConfig):
    name = "publishing"
    verbose_name = _("Publishing")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Watch public tables; let the classification be edited, for it lies below the rooms that know of changes."""
        # Models may not be imported before every app is loaded.
        from publishing.editing import Kind, register  # noqa: PLC0415
        from publishing.freshness import watch_public_tables  # noqa: PLC0415
        from publishing.retention import OldReports  # noqa: PLC0415
        from taxonomy.collation import sort_keys  # noqa: PLC0415
        from taxonomy.models import BodyDistrict, Specialty  # noqa: PLC0415
        from vault import retention  # noqa: PLC0415

        for model, more in ((Specialty, ("body_districts",)), (BodyDistrict, ())):
            register(Kind(model, fields=("name", "synonyms", *more), derive=lambda entry: sort_keys(entry, "name")))
        post_migrate.connect(watch_public_tables, sender=self)
        retention.register(OldReports())
