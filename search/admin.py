"""Words that found nothing, for editors: the names and lay words that are missing."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.permissions import is_editor
from publishing.admin import ScopedAdmin
from search.models import ZeroHit


@admin.register(ZeroHit)
class ZeroHitAdmin(ScopedAdmin):
    """A list to read, the most frequent first."""

    list_display = ["words", "language", "count", "last_on"]
    list_filter = ["language"]
    list_display_links = None
    actions = None

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_editor(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_editor(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
