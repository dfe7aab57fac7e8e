"""The coordination offices and who works there; of the requests nothing is ever in the administration."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from accounts.permissions import is_administrator
from teleconsult.models import CoordinationOffice, OfficeMember


class AdministratorsOnly:
    """Open to administrators; everybody else does not even see that it is there."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_administrator(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_administrator(request.user)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_administrator(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_administrator(request.user)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # A role ends on a day; who had it must stay known.
        return False


class OfficeMemberInline(AdministratorsOnly, admin.TabularInline):
    model = OfficeMember
    fields = ["user", "since", "until"]
    extra = 0


@admin.register(CoordinationOffice)
class CoordinationOfficeAdmin(AdministratorsOnly, admin.ModelAdmin):
    list_display = ["name", "province", "first_answer_working_days", "is_receiving"]
    inlines = [OfficeMemberInline]

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """End the sessions of everybody whose role began or ended."""
        super().save_formset(request, form, formset, change)
        for member in {*formset.new_objects, *(changed for changed, _fields in formset.changed_objects)}:
            member.user.end_sessions()
