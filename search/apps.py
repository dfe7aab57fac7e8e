from django.apps import AppConfig


class SearchConfig(AppConfig):
    name = "search"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Bring the index in line with each object that is published anew."""
        # Models may not be imported before every app is loaded.
        from publishing.published import on_publish  # noqa: PLC0415
        from search import index, things  # noqa: PLC0415

        on_publish(index.rewrite, [source.model for source in things.SOURCES])
