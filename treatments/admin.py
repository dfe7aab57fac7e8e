"""Conditions, treatments and who offers them: proposed here, published by an editor."""

import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from facilities.admin import PROVENANCE, OfFacilityAdmin
from publishing import workflow
from publishing.admin import CatalogueAdmin
from publishing.editing import Values
from publishing.enums import FactState, SourceKind
from publishing.exceptions import ChangeRefused
from publishing.forms import CatalogueForm
from publishing.models import Change
from treatments.models import Condition, Offer, Protocol, RequiredDocument, Treatment
from treatments.versions import must_be_newest, new_slug

# What stands as the source of an offer for which the hospital itself vouches.
CONFIRMED_BY = "confirmed by the hospital"


def confirmed_by_hospital(on: datetime.date) -> Values:
    """Return the provenance of a fact that the hospital confirmed on a day."""
    return {
        "state": FactState.VERIFIED.value,
        "source": CONFIRMED_BY,
        "source_kind": SourceKind.FACILITY.value,
        "read_on": on.isoformat(),
    }


class CureAdmin(CatalogueAdmin):
    """What conditions and treatments have in common."""

    search_fields = ["name_en", "name_it", "slug"]
    ordering = ["sort_key_en", "slug"]
    list_select_related = ["specialty"]
    filter_horizontal = ["body_districts"]
    told = ("slug",)


@admin.register(Condition)
class ConditionAdmin(CureAdmin):
    """Conditions."""

    list_display = ["__str__", "name_it", "specialty", "is_published", "waits"]
    list_filter = ["is_published", "specialty"]
    facts = ("specialty", "body_districts", "icd10", "is_published")


@admin.register(Treatment)
class TreatmentAdmin(CureAdmin):
    """Treatments; a facility's editors find the published ones by name where they add an offer."""

    list_display = ["__str__", "name_it", "kind", "specialty", "is_published", "waits"]
    list_filter = ["is_published", "kind", "specialty"]
    filter_horizontal = ["body_districts", "conditions"]
    facts = ("kind", "specialty", "body_districts", "conditions", "icd9cm", "icd9cm_newer", "is_published")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let a facility's editors look up names; the table itself stays closed to them."""
        return super().has_view_permission(request, obj) or (
            is_look_up(request) and OfferAdmin(Offer, self.admin_site).has_add_permission(request)
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Return published treatments where a name is looked up."""
        if is_look_up(request):
            return Treatment.objects.published().order_by(*self.ordering)
        return super().get_queryset(request)


def is_look_up(request: HttpRequest) -> bool:
    """Return whether names are looked up for a field."""
    return request.resolver_match is not None and request.resolver_match.view_name == "admin:autocomplete"


class OfferForm(CatalogueForm):
    """An offer as the hospital's own editors see it: they confirm it, or propose to remove it."""

    is_confirmed = forms.BooleanField(
        label=_("The hospital confirms that it offers this treatment"),
        required=False,
        help_text=_("Patients then read “Confirmed”, with the hospital as the source."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The form of editors leaves it out.
        if "is_confirmed" in self.fields and self.instance.pk:
            state = self.proposed.after().get("state") if self.proposed else None
            self.initial["is_confirmed"] = (state or self.instance.state) == FactState.VERIFIED
            self.fields["is_confirmed"].disabled = self.instance.state == FactState.VERIFIED


@admin.register(Offer)
class OfferAdmin(OfFacilityAdmin):
    """Treatments at facilities."""

    list_display = ["treatment", "facility", "state", "waits"]
    list_filter = ["state", "facility"]
    list_select_related = ["facility", "treatment"]
    search_fields = ["treatment__name_en", "treatment__name_it", "treatment__slug", "facility__short_name"]
    ordering = ["facility__short_name", "treatment__sort_key_en", "pk"]
    autocomplete_fields = ["treatment"]
    actions = ["confirm", "propose_removals"]
    facts = ("facility", "treatment", *PROVENANCE, "note")
    fixed = ("facility", "treatment")
    hidden_from_facility = ("note", "source")
    of_addition = ("facility", "treatment", *PROVENANCE, "note")

    def shown_facts(self, request: HttpRequest, obj: Any) -> list[str]:
        """Return provenance in the place of a confirmation to the association's editors only."""
        if not self.is_of_facility(request):
            return super().shown_facts(request, obj)
        return ["facility", "treatment"] if obj is None else ["facility", "treatment", "state", "is_confirmed"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is not None and self.is_of_facility(request):
            return ["facility", "treatment", "state"]
        return super().get_readonly_fields(request, obj)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Return the form of the hospital's editors with its one question."""
        if obj is not None and self.is_of_facility(request):
            kwargs["form"] = OfferForm
        return super().get_form(request, obj, change=change, **kwargs)

    def choices_of(self, request: HttpRequest, db_field: Any, rows: QuerySet) -> QuerySet:
        """Return published treatments, and facilities the person may choose."""
        if db_field.name == "treatment":
            return Treatment.objects.published()
        return super().choices_of(request, db_field, rows)

    def wanted(self, request: HttpRequest, form: CatalogueForm) -> Values:
        """Return what was typed; what a hospital adds or ticks is confirmed by it."""
        after = super().wanted(request, form)
        if not self.is_of_facility(request):
            return after
        if not form.instance.pk:
            return after | confirmed_by_hospital(timezone.localdate())
        is_new = form.cleaned_data["is_confirmed"] and form.published["state"] != FactState.VERIFIED
        if is_new:
            return confirmed_by_hospital(timezone.localdate())
        return {name: form.published[name] for name in confirmed_by_hospital(timezone.localdate())}

    @admin.action(description=_("Confirm: the hospital offers it"), permissions=["change"])
    def confirm(self, request: HttpRequest, queryset: QuerySet[Offer]) -> None:
        """Propose to confirm the chosen offers that are not confirmed yet."""
        done = 0
        for offer in queryset.exclude(state=FactState.VERIFIED):
            try:
                workflow.propose_edit(edited=offer, after=confirmed_by_hospital(timezone.localdate()), by=request.user)
            except ChangeRefused as refused:
                self.message_user(request, f"{offer}: {refused}", messages.ERROR)
            else:
                done += 1
        self.tell_proposed(request, done)


@admin.register(Protocol)
class ProtocolAdmin(OfFacilityAdmin):
    """Second-opinion protocols: an edit of a version that a request was checked against makes the next version."""

    list_display = ["slug", "version", "facility", "state", "valid_from", "valid_until", "waits"]
    list_filter = ["state", "facility"]
    search_fields = ["slug", "facility__short_name"]
    ordering = ["slug", "-version"]
    filter_horizontal = ["treatments"]
    told = ("slug", "version", "facility", "required")
    facts = (
        *("treatments", "document_languages", "minimum_age", "maximum_age", "fee", "is_fee_on_request"),
        *("promised_working_days", "is_promise_approximate", "clock_starts", "restarts_with_documents"),
        *("report_languages", "includes_consultation", "follow_up_questions", "follow_up_days", "update_months"),
        *("valid_from", "valid_until"),
        *(*PROVENANCE, "note"),
    )
    hidden_from_facility = ("note",)
    # The papers it asks for are added once it exists, each by a change of its own.
    of_addition = (
        *("facility", "name_en", "name_it", "for_whom_en", "for_whom_it", "exclusions_en", "exclusions_it"),
        *("treatments", "document_languages", "translation_rule_en", "translation_rule_it", "minimum_age"),
        *("maximum_age", "fee", "is_fee_on_request", "fee_note_en", "fee_note_it", "promised_working_days"),
        *("is_promise_approximate", "clock_starts", "restarts_with_documents", "report_languages"),
        *("includes_consultation", "follow_up_questions", "follow_up_days", "update_months", "valid_from"),
        *("valid_until", *PROVENANCE),
    )

    def shown_facts(self, request: HttpRequest, obj: Any) -> list[str]:
        """Leave out the source where the hospital itself states its rules."""
        shown = super().shown_facts(request, obj)
        is_own_addition = obj is None and self.is_of_facility(request)
        return [name for name in shown if name not in PROVENANCE] if is_own_addition else shown

    def wanted(self, request: HttpRequest, form: CatalogueForm) -> Values:
        """Return what was typed; a new protocol gets its slug, and the hospital as the source of its own rules."""
        after = super().wanted(request, form)
        if form.instance.pk:
            return after
        facility = form.cleaned_data["facility"]
        own = confirmed_by_hospital(timezone.localdate()) if self.is_of_facility(request) else {}
        return after | own | {"slug": new_slug(facility, form.cleaned_data["name_en"])}

    def choices_of(self, request: HttpRequest, db_field: Any, rows: QuerySet) -> QuerySet:
        """Return published treatments, and facilities the person may choose."""
        if db_field.name == "treatments":
            return Treatment.objects.published()
        return super().choices_of(request, db_field, rows)

    def propose(self, request: HttpRequest, form: CatalogueForm) -> Change | None:
        """Refuse an edit of a version that was replaced."""
        if form.instance.pk:
            must_be_newest(form.instance)
        return super().propose(request, form)

    @admin.display(description=_("required documents"))
    def required(self, protocol: Protocol) -> SafeString:
        """Name the papers a patient sends, each with the way to its form."""
        page = "admin:treatments_requireddocument"
        papers = [(reverse(f"{page}_change", args=[row.pk]), str(row)) for row in protocol.required_documents.all()]
        more = (f"{reverse(f'{page}_add')}?protocol={protocol.pk}", gettext("Propose another paper"))
        return format_html_join(mark_safe("<br>"), '<a href="{}">{}</a>', [*papers, more])


@admin.register(RequiredDocument)
class RequiredDocumentAdmin(CatalogueAdmin):
    """Papers that protocols ask for."""

    list_display = ["__str__", "protocol", "position", "kind", "maximum_age_days", "waits"]
    list_filter = ["kind"]
    list_select_related = ["protocol"]
    search_fields = ["what_en", "what_it", "protocol__slug"]
    ordering = ["protocol__slug", "-protocol__version", "position"]
    actions = ["propose_removals"]
    facts = ("protocol", "position", "kind", "maximum_age_days")
    fixed = ("protocol",)
    of_addition = (
        "protocol",
        "position",
        "kind",
        "what_en",
        "what_it",
        "only_when_en",
        "only_when_it",
        "maximum_age_days",
    )

    def propose(self, request: HttpRequest, form: CatalogueForm) -> Change | None:
        """Refuse a paper of a version that was replaced."""
        must_be_newest(form.instance.protocol)
        return super().propose(request, form)
