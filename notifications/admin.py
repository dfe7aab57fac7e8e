"""The outbox for administrators: what went out and what was given up, without addresses or texts."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from notifications.models import OutboxMessage
from notifications.querysets import OutboxQuerySet

# A role of the floor above, by its name: see accounts.enums.Role.
ADMINISTRATOR = "administrator"


@admin.register(OutboxMessage)
class OutboxMessageAdmin(admin.ModelAdmin):
    """Read only; what was given up can be tried again."""

    list_display = ["kind", "state", "attempts", "last_error", "language", "created_at", "not_before", "sent_at"]
    list_filter = ["state", "kind", "language"]
    fields = (
        "id",
        "kind",
        "about",
        "state",
        "language",
        "zone",
        "attempts",
        "last_error",
        "created_at",
        "not_before",
        "leased_until",
        "sent_at",
        "ended_at",
        "erased_at",
        "message_id",
    )
    readonly_fields = fields
    ordering = ["-created_at"]
    show_full_result_count = False
    actions = ["try_again"]

    @admin.action(description=_("Try again"), permissions=["view"])
    def try_again(self, request: HttpRequest, queryset: OutboxQuerySet) -> None:
        """Send the chosen dead letters once more; others stay as they are."""
        count = queryset.try_again(timezone.now())
        text = ngettext(
            "%(count)d message will be sent again within a minute.",
            "%(count)d messages will be sent again within a minute.",
            count,
        )
        self.message_user(request, text % {"count": count}, messages.SUCCESS if count else messages.WARNING)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Leave addresses and texts in the database."""
        return super().get_queryset(request).defer("to", "context", "attachments")

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show the outbox to administrators."""
        return is_administrator(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let administrators look."""
        return is_administrator(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let only events write messages."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let nobody change what was said."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Keep the record."""
        return False


def is_administrator(user: Any) -> bool:
    """Return whether a person holds the association's administrator role; anonymous readers hold none."""
    return user.is_authenticated and user.has_role(ADMINISTRATOR)
