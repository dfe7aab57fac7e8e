"""Give the application's database role what it needs, and no more."""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection, models, transaction

from vault.trail import TrailAnchor, TrailEntry

READ_ONLY = ["django_migrations"]


class Command(BaseCommand):
    help = "Give APPLICATION_ROLE its rights on the tables that exist; run it as their owner after each migrate."

    def handle(self, *args: Any, **options: Any) -> None:
        reason = _reason_to_skip(settings.APPLICATION_ROLE)
        if reason:
            self.stdout.write(reason)
            return
        with transaction.atomic(), connection.cursor() as cursor:
            for statement in _statements(connection.ops.quote_name(settings.APPLICATION_ROLE)):
                cursor.execute(statement)
        self.stdout.write(f"{settings.APPLICATION_ROLE} may read and write, but not change the trail or any table.")


def _reason_to_skip(role: str) -> str:
    """Return why there is nothing to do, or nothing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", [role])
        user, exists = cursor.fetchone()
    if not exists:
        return f"There is no database role {role}, so no rights were given. Create it, or set APPLICATION_ROLE."
    if user == role:
        return f"You are connected as {role} itself. Run this as the owner of the tables."
    return ""


def _append_only() -> list[type[models.Model]]:
    """Return the trail, and what other apps mark `is_append_only`."""
    marked = [model for model in apps.get_models() if getattr(model, "is_append_only", False)]
    return [TrailEntry, TrailAnchor, *marked]


def _statements(role: str) -> list[str]:
    """Return the grants, in their order; running them again changes nothing."""
    quote = connection.ops.quote_name
    append_only = ", ".join(quote(model._meta.db_table) for model in _append_only())
    read_only = ", ".join(map(quote, READ_ONLY))
    return [
        # Rights of PUBLIC are everybody's, the application's too.
        f"REVOKE CREATE ON SCHEMA public FROM PUBLIC, {role}",
        f"GRANT USAGE ON SCHEMA public TO {role}",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
        f"REVOKE ALL ON {append_only}, {read_only} FROM {role}",
        f"GRANT SELECT, INSERT ON {append_only} TO {role}",
        f"GRANT SELECT ON {read_only} TO {role}",
        "REVOKE ALL ON FUNCTION vault_remove_old_trail(integer) FROM PUBLIC",
        f"GRANT EXECUTE ON FUNCTION vault_remove_old_trail(integer) TO {role}",
    ]
