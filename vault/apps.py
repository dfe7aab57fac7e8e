from django.apps import AppConfig
from django.core import checks


class VaultConfig(AppConfig):
    name = "vault"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Refuse to start without the keys that rows need, and say what is removed in time."""
        from vault import retention  # noqa: PLC0415  models can be imported only now
        from vault.checks import master_keys_are_there  # noqa: PLC0415

        checks.register(master_keys_are_there, checks.Tags.database)
        retention.register(retention.OldTrail())
