from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "notifications"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Say what is removed in time."""
        from notifications.retention import OldBodies  # noqa: PLC0415  models can be imported only now
        from vault import retention  # noqa: PLC0415

        retention.register(OldBodies())
