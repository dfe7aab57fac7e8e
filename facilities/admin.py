"""The listings of facilities for their own editors and the association's, and who works where for administrators."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from accounts.permissions import is_administrator
from accounts.reauthentication import require_fresh_factor
from accounts.roles import actor
from facilities.models import Accreditation, Facility, FacilityFact, Membership, Ranking
from publishing.admin import CatalogueAdmin, ScopedAdmin
from publishing.forms import CatalogueForm
from taxonomy.languages import column, language_name
from vault.trail import Action, record

PROVENANCE = ("state", "source", "source_kind", "read_on")


class OfFacilityAdmin(CatalogueAdmin):
    """Rows that belong to one facility."""

    list_select_related = ["facility"]

    def get_list_display(self, request: HttpRequest) -> Any:
        """Leave out the facility where the person has one only."""
        shown = list(super().get_list_display(request))
        return [name for name in shown if name != "facility"] if self.has_one_facility(request) else shown

    def has_one_facility(self, request: HttpRequest) -> bool:
        """Return whether the person edits one facility and nothing else."""
        return self.is_of_facility(request) and Facility.objects.edited_by(request.user).count() == 1

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Offer the facilities as a filter to editors only: the list of choices names all of them."""
        filters = list(super().get_list_filter(request))
        return [name for name in filters if name != "facility"] if self.is_of_facility(request) else filters

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Choose the facility where there is one only."""
        if not self.has_one_facility(request):
            return {}
        return {"facility": Facility.objects.edited_by(request.user).get().pk}


@admin.register(Facility)
class FacilityAdmin(CatalogueAdmin):
    """Facilities."""

    list_display = ["short_name", "city", "kind", "is_published", "waits"]
    list_filter = ["is_published", "kind", "province"]
    search_fields = ["short_name", "official_name", "slug", "city"]
    filter_horizontal = ["specialties"]
    told = ("slug", "completeness")
    facts = (
        *("official_name", "short_name", "kind", "ownership", "group", "address", "postal_code", "city", "province"),
        *("latitude", "longitude", "regional_code", "website", "is_website_verified", "international_url"),
        *("has_inpatient_care", "specialties", "is_published", "verified_on", "note"),
    )
    hidden_from_facility = ("note", "is_website_verified")

    @admin.display(description=gettext_lazy("texts"))
    def completeness(self, facility: Facility) -> str:
        """Say in which languages the published name and summary are written."""
        return " ".join(self._filled(facility, name) for name in ("usual_name", "summary"))

    @staticmethod
    def _filled(facility: Facility, name: str) -> str:
        present = get_language() or settings.LANGUAGE_CODE
        codes = [code for code, _name in settings.LANGUAGES]
        missing = [code for code in codes if not getattr(facility, f"{name}_{column(code)}")]
        words = {
            "field": str(Facility._meta.get_field(name).verbose_name).capitalize(),
            "filled": len(codes) - len(missing),
            "all": len(codes),
            "missing": ", ".join(language_name(code, present) for code in missing),
        }
        if not missing:
            return _("%(field)s: written in all %(all)d languages.") % words
        return _("%(field)s: written in %(filled)d of %(all)d languages, missing in %(missing)s.") % words


class AccreditationForm(CatalogueForm):
    """Says at the field what the database would refuse."""

    def clean(self) -> dict[str, Any]:
        """Check that the certificate ends after it begins."""
        cleaned = super().clean() or self.cleaned_data
        begins = cleaned.get("valid_from", self.instance.valid_from)
        ends = cleaned.get("valid_until", self.instance.valid_until)
        if begins and ends and ends <= begins and "valid_until" in cleaned:
            self.add_error("valid_until", ValidationError(_("The certificate must end after the day it begins.")))
        return cleaned


@admin.register(Accreditation)
class AccreditationAdmin(OfFacilityAdmin):
    """Certificates; one becomes a badge when its end date is entered."""

    form = AccreditationForm
    list_display = ["body", "level", "facility", "valid_until", "state", "waits"]
    list_filter = ["state", "body", "facility"]
    search_fields = ["body", "level", "facility__short_name"]
    actions = ["propose_removals"]
    facts = (
        *("facility", "body", "level", "certificate", "register_url", "last_known_year", "valid_from", "valid_until"),
        *(*PROVENANCE, "note"),
    )
    fixed = ("facility",)
    hidden_from_facility = ("note", "source", "source_kind", "read_on")
    of_addition = ("facility", "body", "level", "certificate", "register_url", "valid_from", "valid_until", *PROVENANCE)


@admin.register(FacilityFact)
class FacilityFactAdmin(OfFacilityAdmin):
    """Facts with their sources."""

    list_display = ["name", "value", "facility", "state", "waits"]
    list_filter = ["name", "state", "facility"]
    search_fields = ["value", "facility__short_name"]
    ordering = ["facility", "name"]
    facts = ("facility", "name", "value", "year", *PROVENANCE, "note")


@admin.register(Ranking)
class RankingAdmin(OfFacilityAdmin):
    """Places in rankings."""

    list_display = ["ranking", "edition", "category", "facility", "place", "state", "waits"]
    list_filter = ["edition", "category", "state", "facility"]
    search_fields = ["ranking", "publisher", "facility__short_name"]
    facts = (
        *("facility", "publisher", "ranking", "edition", "category", "world_rank", "world_rank_to", "italian_rank"),
        *(*PROVENANCE, "note"),
    )


@admin.register(Membership)
class MembershipAdmin(ScopedAdmin):
    """Who works at which facility, for administrators; a role ends, it is never deleted."""

    list_display = ["user", "facility", "role", "since", "until"]
    list_filter = ["role"]
    list_select_related = ["user", "facility"]
    search_fields = ["facility__short_name"]
    ordering = ["-since", "-pk"]
    fields = ["user", "facility", "role"]
    readonly_fields = ["since", "until"]
    actions = ["end_roles"]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_administrator(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_administrator(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_administrator(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_end_permission(self, request: HttpRequest) -> bool:
        """Return whether the person ends roles."""
        return is_administrator(request.user)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        for field in form.base_fields.values():
            if isinstance(field, forms.ModelChoiceField):
                # The wrapper adds links that open other tables in a window.
                field.widget = getattr(field.widget, "widget", field.widget)
        return form

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        """Give the role; a person signs in anew to use it."""
        require_fresh_factor(request)
        super().save_model(request, obj, form, change)
        by = actor(request.user)
        record(action=Action.GRANTED, by=by, object=obj.user, detail=f"{obj.role}, {obj.facility.slug}")
        obj.user.end_sessions()

    @admin.action(description=gettext_lazy("End the role now"), permissions=["end"])
    def end_roles(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        """End roles, and the sessions of the people with them."""
        require_fresh_factor(request)
        by = actor(request.user)
        with transaction.atomic():
            for membership in queryset.filter(pk__in=Membership.objects.current()).select_for_update(of=["self"]):
                membership.end()
                record(
                    action=Action.REVOKED,
                    by=by,
                    object=membership.user,
                    detail=f"{membership.role}, {membership.facility.slug}",
                )
                membership.user.end_sessions()
        self.message_user(request, _("The roles are ended, and the people signed out."), messages.SUCCESS)
