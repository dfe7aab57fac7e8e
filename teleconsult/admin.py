"""The coordination offices, who works there, and the interpreters; nothing of a request is in the administration."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts.permissions import is_administrator
from accounts.reauthentication import require_fresh_factor
from teleconsult import workflow
from teleconsult.models import CoordinationOffice, Interpreter, LanguagePair, OfficeMember
from teleconsult.zones import zone_choices
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


class GivesAccess(AdministratorsOnly, admin.ModelAdmin):
    """A page by which somebody comes to cases or consultations: a fresh factor, and a row in the trail."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Ask for the second factor again before anything changes."""
        if request.method == "POST" and is_administrator(request.user):
            require_fresh_factor(request)
        return super().changeform_view(request, *args, **kwargs)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Write nothing: Django's log would keep names in the clear; the trail has the deed."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Write nothing: Django's log would keep names in the clear; the trail has the deed."""

    @transaction.atomic
    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save the row, and say so in the trail."""
        super().save_model(request, obj, form, change)
        action = trail.Action.CHANGED if change else trail.Action.CREATED
        trail.record(action=action, by=_administrator(request), object=obj)


class OfficeMemberInline(AdministratorsOnly, admin.TabularInline):
    """The coordinators of an office, past ones too."""

    model = OfficeMember
    fields = ["user", "since", "until"]
    extra = 0


@admin.register(CoordinationOffice)
class CoordinationOfficeAdmin(GivesAccess):
    """The offices, their promise and their people."""

    list_display = ["name", "province", "first_answer_working_days", "is_receiving"]
    inlines = [OfficeMemberInline]

    @transaction.atomic
    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Save who works there, say so in the trail, and end the sessions of everybody whose role changed."""
        super().save_formset(request, form, formset, change)
        changed = [member for member, _fields in formset.changed_objects]
        for member in [*formset.new_objects, *changed]:
            action = trail.Action.REVOKED if member.until else trail.Action.GRANTED
            trail.record(action=action, by=_administrator(request), object=member.user, detail="coordinator")
            member.user.end_sessions()


class LanguagePairInline(AdministratorsOnly, admin.TabularInline):
    """The languages between which an interpreter works."""

    model = LanguagePair
    extra = 1

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let a pair go: what was booked stays as it is."""
        return is_administrator(request.user)


class InterpreterForm(forms.ModelForm):
    """An interpreter, with a zone chosen by its place."""

    zone = forms.ChoiceField(label=_("time zone"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["zone"].choices = zone_choices(get_language() or "en")
        self.fields["zone"].initial = settings.PORTAL_TIME_ZONE


@admin.register(Interpreter)
class InterpreterAdmin(GivesAccess):
    """Who interprets, between which languages, from when until when; the hours she enters herself at the desk."""

    form = InterpreterForm
    list_display = ["user", "languages", "since", "until"]
    fields = ["user", "zone", "since", "until"]
    inlines = [LanguagePairInline]

    @admin.display(description=_("languages"))
    def languages(self, interpreter: Interpreter) -> str:
        """Return the pairs in words."""
        pairs = interpreter.pairs.all()
        return "; ".join(f"{pair.get_first_display()} – {pair.get_second_display()}" for pair in pairs)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Interpreter]:
        """Fetch the pairs along."""
        return super().get_queryset(request).select_related("user").prefetch_related("pairs")

    @transaction.atomic
    def save_model(self, request: HttpRequest, obj: Interpreter, form: Any, change: bool) -> None:
        """Save her, and end her sessions: the role began or ended."""
        super().save_model(request, obj, form, change)
        action = trail.Action.REVOKED if obj.until else trail.Action.GRANTED
        trail.record(action=action, by=_administrator(request), object=obj.user, detail="interpreter")
        obj.user.end_sessions()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save her languages, and tell whoever waits for a consultation that they make possible."""
        with workflow.telling_of_languages():
            super().save_related(request, form, formsets, change)


def _administrator(request: HttpRequest) -> trail.Actor:
    return trail.Actor.staff(request.user.pk, role="administrator")
