"""The coordination offices and who works there; of the requests nothing is ever in the administration."""

from typing import Any

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest, HttpResponse

from accounts.permissions import is_administrator
from accounts.reauthentication import require_fresh_factor
from teleconsult.models import CoordinationOffice, OfficeMember
from vault import trail


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
    """The coordinators of an office, past ones too."""

    model = OfficeMember
    fields = ["user", "since", "until"]
    extra = 0


@admin.register(CoordinationOffice)
class CoordinationOfficeAdmin(AdministratorsOnly, admin.ModelAdmin):
    """The offices, their promise and their people."""

    list_display = ["name", "province", "first_answer_working_days", "is_receiving"]
    inlines = [OfficeMemberInline]

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Ask for the second factor again before anything changes: this page gives access to cases."""
        if request.method == "POST" and is_administrator(request.user):
            require_fresh_factor(request)
        return super().changeform_view(request, *args, **kwargs)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Write nothing: Django's log would keep names in the clear; the trail has the deed."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Write nothing: Django's log would keep names in the clear; the trail has the deed."""

    @transaction.atomic
    def save_model(self, request: HttpRequest, obj: CoordinationOffice, form: Any, change: bool) -> None:
        """Save the office, and say so in the trail."""
        super().save_model(request, obj, form, change)
        action = trail.Action.CHANGED if change else trail.Action.CREATED
        trail.record(action=action, by=_administrator(request), object=obj)

    @transaction.atomic
    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Save who works there, say so in the trail, and end the sessions of everybody whose role changed."""
        super().save_formset(request, form, formset, change)
        changed = [member for member, _fields in formset.changed_objects]
        for member in [*formset.new_objects, *changed]:
            action = trail.Action.REVOKED if member.until else trail.Action.GRANTED
            trail.record(action=action, by=_administrator(request), object=member.user, detail="coordinator")
            member.user.end_sessions()


def _administrator(request: HttpRequest) -> trail.Actor:
    return trail.Actor.staff(request.user.pk, role="administrator")
