"""The catalogue in the administration: whoever saves proposes a change, an editor publishes it."""

from functools import partial
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.utils import unquote
from django.contrib.admin.widgets import AdminTextareaWidget, AdminTextInputWidget, AdminURLFieldWidget
from django.contrib.contenttypes.models import ContentType
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.permissions import is_editor
from publishing import reports, workflow
from publishing.editing import Kind, Values, columns_of, in_words, kind_of, label, text_of_column, translated_fields
from publishing.enums import ChangeAction, ChangeState, ReportState
from publishing.exceptions import ChangeRefused
from publishing.forms import CatalogueForm, LinesField, ReviewForm
from publishing.models import Change, ErrorReport
from publishing.permissions import (
    adds_and_removes,
    decides,
    editable_by,
    editable_columns,
    edits_any_facility,
    visible_to,
)
from taxonomy.languages import BCP47, column, direction
from taxonomy.models import BodyDistrict, Specialty

OPEN_LANGUAGES = settings.STAFF_LANGUAGES


class ScopedAdmin(admin.ModelAdmin):
    """Shows the rows that are visible to the person, and writes nothing into Django's own log."""

    # Django's address that leads from any table and id to a page would tell of rows a person may not see.
    view_on_site: Any = False
    list_per_page = 50
    show_full_result_count = False

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Write nothing: the change is the history."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Write nothing: the change is the history."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        """Write nothing: the change is the history."""

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Leave out Django's own deletion: rows leave by a change."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def response_action(self, request: HttpRequest, queryset: QuerySet) -> HttpResponse | None:
        """Do what the list asks for; ids that are none are no rows."""
        try:
            return super().response_action(request, queryset)
        except (ValueError, ValidationError):
            return HttpResponseRedirect(request.get_full_path())

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Filter by what the list offers only: other questions could be about other people's rows."""
        offered = [item if isinstance(item, str) else item[0] for item in self.get_list_filter(request)]
        return any(lookup == name or lookup.startswith(f"{name}__") for name in offered)


class CatalogueAdmin(ScopedAdmin):
    """One table of the catalogue: its rows are edited through changes, by those whom `publishing.permissions` names.

    `facts` are the columns that have no language, in the order of the form; `hidden_from_facility` are those of them
    that a facility's own editors do not see; `told` are read-only lines on top.
    """

    form = CatalogueForm
    change_form_template = "admin/publishing/catalogue_form.html"
    delete_confirmation_template = "admin/publishing/removal.html"
    object_history_template = "admin/publishing/history.html"
    save_on_top = False
    formfield_overrides: ClassVar[dict[Any, Any]] = {
        models.TextField: {"widget": AdminTextareaWidget(attrs={"rows": 5})},
        models.CharField: {"widget": AdminTextInputWidget},
        models.URLField: {"widget": AdminURLFieldWidget, "assume_scheme": "https"},
        ArrayField: {"form_class": LinesField},
    }

    facts: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    hidden_from_facility: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    of_addition: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        return kind_of(self.model)

    # --- who may --------------------------------------------------------------------------------------------------

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_editor(request.user) or bool(self.kind.facility and edits_any_facility(request.user))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is None:
            return self.has_module_permission(request)
        return visible_to(request.user, self.model._base_manager.filter(pk=obj.pk)).exists()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is None:
            return bool(editable_columns(request.user, self.model))
        return editable_by(request.user, self.model._base_manager.filter(pk=obj.pk)).exists()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(self.of_addition) and adds_and_removes(request.user, self.model)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request) and self.has_change_permission(request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        """Return the rows visible to the person; `has_open_change` says whether one waits to be edited."""
        content_type = ContentType.objects.get_for_model(self.model)
        waiting = Change.objects.open().filter(content_type=content_type, object_id=OuterRef("pk"))
        return visible_to(request.user, super().get_queryset(request)).annotate(has_open_change=Exists(waiting))

    # --- the form -------------------------------------------------------------------------------------------------

    def is_of_facility(self, request: HttpRequest) -> bool:
        """Return whether the person is here for a facility only."""
        return not is_editor(request.user)

    def shown_facts(self, request: HttpRequest, obj: Any) -> list[str]:
        """Return the columns without a language that this person sees."""
        if obj is None:
            return list(self.of_addition)
        hidden = self.hidden_from_facility if self.is_of_facility(request) else ()
        return [name for name in self.facts if name not in hidden]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the facts, then the texts language by language; those staff seldom write are folded."""
        if obj is None:
            return [(None, {"fields": self.shown_facts(request, None)})]
        shown = self.shown_facts(request, obj)
        # What a facility's editor may only read stands below what she writes.
        is_apart = self.is_of_facility(request) and self.has_change_permission(request, obj)
        kept = set(self.get_readonly_fields(request, obj)) if is_apart and self.shown_texts() else set()
        first = [*self.told, *(name for name in shown if name not in kept)]
        found: list[Any] = [(None, {"fields": ["seen", *first]})]
        wanted = set(editable_columns(request.user, self.model)) or set(self._text_columns())
        for code, name in settings.LANGUAGES:
            texts = [text for text in self._text_columns() if text.endswith(f"_{column(code)}") and text in wanted]
            if texts:
                found.append((name, {"fields": texts, "classes": [] if code in OPEN_LANGUAGES else ["collapse"]}))
        rest = [name for name in shown if name in kept]
        if rest:
            found.append((_("Kept by the association"), {"fields": rest, "classes": ["collapse"]}))
        return found

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Return what is shown but not edited by this person."""
        if obj is None:
            return []
        editable = editable_columns(request.user, self.model)
        shown = self.shown_facts(request, obj)
        return [*self.told, *(name for name in shown if name not in editable or name in self.fixed)]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Return the form with the open change of the row and the way to propose another."""
        form = super().get_form(request, obj, change=change, **kwargs)
        if obj is not None:
            form.proposed = Change.objects.of(obj).open().filter(action=ChangeAction.EDIT).first()
        form.attempt = partial(self.propose, request)
        return form

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Return the field without links to other tables, limited to rows the person may choose."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.is_relation:
            # The wrapper adds links that open other tables in a window.
            field.widget = getattr(field.widget, "widget", field.widget)
            field.queryset = self.choices_of(request, db_field, field.queryset)
        return field

    def choices_of(self, request: HttpRequest, db_field: Any, rows: QuerySet) -> QuerySet:
        """Return the rows a relation may point to: visible ones."""
        return visible_to(request.user, rows)

    def wanted(self, request: HttpRequest, form: CatalogueForm) -> Values:
        """Return column → value as the person wants it."""
        return form.wanted()

    # --- saving is proposing --------------------------------------------------------------------------------------

    def propose(self, request: HttpRequest, form: CatalogueForm) -> Change | None:
        """Propose what was typed; raises ChangeRefused."""
        after = self.wanted(request, form)
        if form.instance.pk:
            return workflow.propose_edit(edited=form.instance, after=after, by=request.user)
        return workflow.propose_addition(model=self.model, after=after, by=request.user)

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        return form.instance

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Propose, and write no row."""
        if self.propose(request, form):
            sentence = _("Your change waits for an editor. Until then everybody reads what is published.")
            self.message_user(request, sentence, messages.SUCCESS)
        else:
            self.message_user(request, _("Nothing differs from what is published."), messages.INFO)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Write nothing: relations are part of the change."""

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> list:
        return []

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        again = "_addanother" in request.POST
        return HttpResponseRedirect(self._address("add") if again else self._address("changelist"))

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        stays = "_continue" in request.POST
        return HttpResponseRedirect(self._address("change", obj.pk) if stays else self._address("changelist"))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Propose to remove the row."""
        try:
            workflow.propose_removal(removed=obj, by=request.user)
        except ChangeRefused as refused:
            self.message_user(request, str(refused), messages.ERROR)
        else:
            self.message_user(request, _("The removal waits for an editor."), messages.SUCCESS)

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: int) -> HttpResponse:
        return HttpResponseRedirect(self._address("changelist"))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Name the rows only: nothing is deleted before an editor says so."""
        return [str(obj) for obj in objs], {}, set(), []

    # --- pages ----------------------------------------------------------------------------------------------------

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """Show the form and, above it, the change of the row that waits."""
        if IS_POPUP_VAR in request.GET or IS_POPUP_VAR in request.POST:
            raise PermissionDenied
        context = {"show_save_and_add_another": object_id is None, "is_proposal": True}
        edited = self.get_object(request, unquote(object_id)) if object_id else None
        if edited is not None:
            open_change = Change.objects.of(edited).open().select_related("author").first()
            context |= {
                "open_change": open_change,
                "stale": [label(self.model, name) for name in workflow.stale_columns(open_change)]
                if open_change
                else [],
                "public_url": self.public_url(edited),
            }
        return super().changeform_view(request, object_id, form_url, context | (extra_context or {}))

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Show the changes of a row, the newest first."""
        edited = self.get_object(request, unquote(object_id))
        if edited is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_view_permission(request, edited):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": _("History: %(name)s") % {"name": edited},
            "changes": Change.objects.visible_to(request.user).of(edited).select_related("author", "decided_by"),
            "object": edited,
            "opts": self.opts,
        }
        return TemplateResponse(request, self.object_history_template, context)

    def public_url(self, obj: Any) -> str:
        """Return the public page of a row, if it has one."""
        is_public = getattr(obj, "is_published", False) and hasattr(obj, "get_absolute_url")
        return obj.get_absolute_url() if is_public else ""

    @admin.display(description=gettext_lazy("change"), boolean=False)
    def waits(self, obj: Any) -> str:
        """Say that a change of the row is open."""
        return _("being changed") if obj.has_open_change else ""

    @admin.action(description=gettext_lazy("Propose to remove"), permissions=["delete"])
    def propose_removals(self, request: HttpRequest, queryset: QuerySet) -> None:
        """Propose to remove the chosen rows."""
        done = 0
        for row in queryset:
            try:
                workflow.propose_removal(removed=row, by=request.user)
            except ChangeRefused as refused:
                self.message_user(request, f"{row}: {refused}", messages.ERROR)
            else:
                done += 1
        self.tell_proposed(request, done)

    def tell_proposed(self, request: HttpRequest, count: int) -> None:
        """Say how many changes wait now."""
        sentence = ngettext("%(count)d change waits for an editor.", "%(count)d changes wait for an editor.", count) % {
            "count": count
        }
        self.message_user(request, sentence, messages.SUCCESS if count else messages.WARNING)

    def shown_texts(self) -> tuple[str, ...]:
        """Return the fields that have a language."""
        return tuple(name for name in self.kind.fields if name in translated_fields(self.model))

    def _text_columns(self) -> list[str]:
        return columns_of(self.model, self.shown_texts())

    def _address(self, page: str, *args: Any) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}", args=args)


@admin.register(Change)
class ChangeAdmin(ScopedAdmin):
    """The queue: what was proposed, side by side with what was published; and, once decided, the history."""

    list_display = ["title", "action", "content_type", "state", "author", "changed_at"]
    list_filter = ["state", "action"]
    list_select_related = ["content_type", "author"]
    search_fields = ["title"]
    ordering = ["-changed_at"]
    actions = ["publish_chosen"]
    change_form_template = "admin/publishing/change/review.html"

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_editor(request.user) or edits_any_facility(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is None:
            return self.has_module_permission(request)
        return Change.objects.visible_to(request.user).filter(pk=obj.pk).exists()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_publish_permission(self, request: HttpRequest) -> bool:
        """Return whether the person decides about changes."""
        return decides(request.user)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Change]:
        return super().get_queryset(request).visible_to(request.user)

    @admin.action(description=gettext_lazy("Publish"), permissions=["publish"])
    def publish_chosen(self, request: HttpRequest, queryset: QuerySet[Change]) -> None:
        """Publish the chosen changes, each in a transaction of its own."""
        done = 0
        for change in queryset.order_by("changed_at"):
            try:
                workflow.publish(change=change, by=request.user)
            except ChangeRefused as refused:
                self.message_user(request, f"{change}: {refused}", messages.ERROR)
            else:
                done += 1
        sentence = ngettext("%(count)d change is published.", "%(count)d changes are published.", done)
        self.message_user(request, sentence % {"count": done}, messages.SUCCESS if done else messages.WARNING)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show one change; a button takes the step it names."""
        if object_id is None:
            raise PermissionDenied
        change = self.get_object(request, unquote(object_id))
        if change is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        form = ReviewForm(request.POST or None)
        if request.method == "POST" and form.is_valid() and self._decide(request, change, form):
            return HttpResponseRedirect(reverse("admin:publishing_change_change", args=[change.pk]))
        change.refresh_from_db()
        return TemplateResponse(request, self.change_form_template, self._context(request, change, form))

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Lead to the change itself: it is its own history."""
        change = self.get_object(request, unquote(object_id))
        if change is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        return HttpResponseRedirect(reverse("admin:publishing_change_change", args=[change.pk]))

    def _decide(self, request: HttpRequest, change: Change, form: ReviewForm) -> bool:
        """Take the step the button names; say why not where it is refused."""
        steps: dict[str, Any] = {
            "_publish": (workflow.publish, {}, _("Published. Everybody reads it now.")),
            "_send_back": (
                workflow.send_back,
                {"note": form.cleaned_data["note"]},
                _("Sent back. Its author reads your note."),
            ),
            "_discard": (workflow.discard, {}, _("Discarded. What is published stays as it is.")),
            "_undo": (workflow.undo, {}, _("The reverse change waits to be published.")),
        }
        for name, (step, more, sentence) in steps.items():
            if name in request.POST:
                try:
                    step(change=change, by=request.user, **more)
                except ChangeRefused as refused:
                    form.add_error(None, str(refused))
                    return False
                self.message_user(request, sentence, messages.SUCCESS)
                return True
        return False

    def _context(self, request: HttpRequest, change: Change, form: ReviewForm) -> dict[str, Any]:
        user: Any = request.user
        model: Any = change.content_type.model_class()
        return {
            **self.admin_site.each_context(request),
            "title": change.title,
            "subtitle": None,
            "opts": self.opts,
            "original": change,
            "change": change,
            "form": form,
            "rows": self._rows(change, model),
            "object_url": self._object_url(change, model),
            "decides": decides(user),
            "withdraws": not decides(user) and change.is_open and not decides(change.author),
            "undone": change.undone_by.exclude(state=ChangeState.DISCARDED).first(),
        }

    def _rows(self, change: Change, model: Any) -> list[dict[str, Any]]:
        """Return each column with what was and what is proposed, in words."""
        stale = workflow.stale_columns(change) if change.is_open else []
        hidden = {name for name in change.fields if name.startswith("sort_key")}
        rows = []
        for name, (before, after) in change.fields.items():
            if name in hidden or (before in (None, "", []) and after in (None, "", [])):
                continue
            _text, language = text_of_column(model, name)
            rows.append(
                {
                    "label": label(model, name),
                    "before": in_words(model, name, before),
                    "after": in_words(model, name, after),
                    "lang": BCP47.get(language, ""),
                    "dir": direction(language) if language else "auto",
                    "is_stale": name in stale,
                }
            )
        others = [label(model, name) for name in stale if name not in change.fields]
        return rows + [{"label": name, "is_stale": True} for name in others]

    def _object_url(self, change: Change, model: Any) -> str:
        is_there = change.object_id and model._base_manager.filter(pk=change.object_id).exists()
        if not is_there:
            return ""
        try:
            return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[change.object_id])
        except NoReverseMatch:
            return ""


@admin.register(ErrorReport)
class ErrorReportAdmin(ScopedAdmin):
    """What readers found wrong: read by those who edit the listing, who then say what became of it."""

    list_display = ["title", "kind", "language", "state", "created_at"]
    list_filter = ["state", "kind"]
    search_fields = ["title"]
    ordering = ["-created_at"]
    fields = ["title", "kind", "words", "language", "created_at", "state", "decided_by", "decided_at"]
    actions = ["mark_corrected", "mark_unfounded"]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_editor(request.user) or edits_any_facility(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is None:
            return self.has_module_permission(request)
        return ErrorReport.objects.visible_to(request.user).filter(pk=obj.pk).exists()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the person may decide: what is decided stays."""
        return self.has_view_permission(request, obj) and (obj is None or obj.state == ReportState.OPEN)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[ErrorReport]:
        return super().get_queryset(request).visible_to(request.user)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Return everything but what became of it."""
        return [name for name in self.fields if name != "state"]

    def save_model(self, request: HttpRequest, obj: ErrorReport, form: Any, change: bool) -> None:
        """Decide; a report that stays open stays as it is."""
        if obj.state != ReportState.OPEN:
            self._decide(request, ErrorReport.objects.filter(pk=obj.pk), obj.state)

    @admin.action(description=gettext_lazy("Mark as corrected"), permissions=["change"])
    def mark_corrected(self, request: HttpRequest, queryset: QuerySet[ErrorReport]) -> None:
        """Say of the chosen reports that the listing was corrected."""
        self._decide(request, queryset, ReportState.CORRECTED)

    @admin.action(description=gettext_lazy("Mark as nothing to correct"), permissions=["change"])
    def mark_unfounded(self, request: HttpRequest, queryset: QuerySet[ErrorReport]) -> None:
        """Say of the chosen reports that the listing is right."""
        self._decide(request, queryset, ReportState.UNFOUNDED)

    def _decide(self, request: HttpRequest, chosen: QuerySet[ErrorReport], state: str) -> None:
        user: Any = request.user
        for report in chosen:
            try:
                reports.decide(report=report, state=state, by=user)
            except ChangeRefused as refused:
                self.message_user(request, f"{report}: {refused}", messages.ERROR)


class EntryAdmin(CatalogueAdmin):
    """Names and other words of one entry of the classification."""

    list_display = ["__str__", "name_it", "slug", "waits"]
    search_fields = ["name_en", "name_it", "slug"]
    ordering = ["sort_key_en", "slug"]
    told = ("slug",)


@admin.register(Specialty)
class SpecialtyAdmin(EntryAdmin):
    """Specialties; they lie below the rooms that know what a change is, so they are registered here."""

    facts = ("body_districts",)


@admin.register(BodyDistrict)
class BodyDistrictAdmin(EntryAdmin):
    """Body districts; registered here for the same reason."""
