"""People, roles and invitations, for administrators only; no secret and no password passes here."""

from typing import Any

from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.mfa.models import Authenticator
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts import enrolment, roles, second_factor
from accounts.forms import InvitationForm
from accounts.models import AssociationRole, Invitation, User
from accounts.permissions import is_administrator
from accounts.reauthentication import require_fresh_factor
from vault.keys import email_hash

# What apps of others register shows addresses or secrets, or grants rights past the roles.
for leaking in (Group, EmailAddress, EmailConfirmation, Authenticator):
    if admin.site.is_registered(leaking):
        admin.site.unregister(leaking)


class AdministratorsOnly(admin.ModelAdmin):
    """Shown to administrators, changed by nobody; what may be done are named actions, told of in the trail."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_administrator(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_administrator(request.user)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Return whether the person may use the actions of the list."""
        return is_administrator(request.user)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Write nothing: Django's log would keep names in the clear; the trail has the deed."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Write nothing: Django's log would keep names in the clear; the trail has the deed."""


class RoleInline(admin.TabularInline):
    """The roles of a person in the association, past ones too."""

    model = AssociationRole
    fields = readonly_fields = ["role", "since", "until"]
    extra = 0
    can_delete = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_administrator(request.user)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(User)
class UserAdmin(AdministratorsOnly):
    """The people of the portal."""

    list_display = ["shown_name", "email", "shown_roles", "is_active", "has_factor", "joined_at", "last_login"]
    list_filter = ["is_active", "association_roles__role"]
    # Addresses are sealed: a whole address finds its person, a part of it nothing.
    search_fields = ["email_key"]
    search_help_text = gettext_lazy("The whole e-mail address")
    ordering = ["-joined_at", "pk"]
    fields = readonly_fields = ["shown_name", "email", "language", "is_active", "has_factor", "joined_at", "last_login"]
    inlines = [RoleInline]
    actions = ["invite_again", "lock_accounts", "sign_out"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("association_roles", "authenticator_set")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Find a person by the whole address."""
        return (queryset.filter(email_key=email_hash(search_term)) if search_term.strip() else queryset), False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_administrator(request.user)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Invite a person instead of typing a password for her."""
        if not self.has_add_permission(request):
            return HttpResponseRedirect(reverse("admin:index"))
        form = InvitationForm(request.POST or None)
        if request.method == "POST":
            require_fresh_factor(request)
            if form.is_valid():
                return self._invite(request, form.cleaned_data)
        context = {
            **self.admin_site.each_context(request),
            "form": form,
            "opts": self.opts,
            "title": _("Invite a person"),
        }
        return TemplateResponse(request, "admin/accounts/user/invite.html", context)

    @admin.display(description=gettext_lazy("name"))
    def shown_name(self, user: User) -> str:
        return user.name or "-"

    @admin.display(description=gettext_lazy("roles in the association"))
    def shown_roles(self, user: User) -> str:
        held = [role.get_role_display() for role in user.association_roles.all() if role.is_current]
        return ", ".join(held) or "-"

    @admin.display(description=gettext_lazy("second factor"), boolean=True)
    def has_factor(self, user: User) -> bool:
        return any(factor.type in second_factor.MAIN_TYPES for factor in user.authenticator_set.all())

    @admin.action(description=gettext_lazy("Send a new invitation"), permissions=["act"])
    def invite_again(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Let people in again who lost password or second factor, or whose invitation ended."""
        require_fresh_factor(request)
        with transaction.atomic():
            for user in queryset:
                enrolment.invite(email=user.email, by=request.user)
        self._tell(
            request, ngettext("%(count)d invitation sent.", "%(count)d invitations sent.", len(queryset)), queryset
        )

    @admin.action(description=gettext_lazy("Lock the account"), permissions=["act"])
    def lock_accounts(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Lock people out, never oneself."""
        require_fresh_factor(request)
        others = queryset.exclude(pk=request.user.pk)
        for user in others:
            roles.lock(user=user, by=request.user)
        self._tell(request, ngettext("%(count)d account locked.", "%(count)d accounts locked.", len(others)), others)

    @admin.action(description=gettext_lazy("Sign out everywhere"), permissions=["act"])
    def sign_out(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """End all sessions of people."""
        for user in queryset:
            roles.sign_out(user=user, by=request.user)
        self._tell(
            request, ngettext("%(count)d person signed out.", "%(count)d people signed out.", len(queryset)), queryset
        )

    def _invite(self, request: HttpRequest, wanted: dict[str, Any]) -> HttpResponse:
        if enrolment.has_account(wanted["email"]):
            user = User.objects.with_email(wanted["email"])
            for role in wanted["roles"]:
                roles.grant(user=user, role=role, by=request.user)
            messages.success(request, _("This person has an account already; the roles were added."))
        else:
            user = enrolment.invite(by=request.user, **wanted).user
            messages.success(request, _("The invitation is on its way. It is valid for 72 hours."))
        return HttpResponseRedirect(reverse("admin:accounts_user_change", args=[user.pk]))

    def _tell(self, request: HttpRequest, sentence: str, queryset: Any) -> None:
        self.message_user(request, sentence % {"count": len(queryset)}, messages.SUCCESS)


@admin.register(AssociationRole)
class AssociationRoleAdmin(AdministratorsOnly):
    """Who holds which role in the association."""

    list_display = ["user", "role", "since", "until"]
    list_filter = ["role", "until"]
    list_select_related = ["user"]
    fields = ["user", "role"]
    readonly_fields = ["since", "until"]
    actions = ["end_roles"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return is_administrator(request.user)

    def save_model(self, request: HttpRequest, obj: AssociationRole, form: Any, change: bool) -> None:
        """Give the role; one that is held already stays as it is."""
        require_fresh_factor(request)
        obj.pk = roles.grant(user=obj.user, role=obj.role, by=request.user).pk

    @admin.action(description=gettext_lazy("End the role now"), permissions=["act"])
    def end_roles(self, request: HttpRequest, queryset: QuerySet[AssociationRole]) -> None:
        """End roles, never the own one as administrator."""
        require_fresh_factor(request)
        for role in queryset.exclude(user=request.user):
            roles.end(role=role, by=request.user)
        self.message_user(request, _("The roles are ended, and the people signed out."), messages.SUCCESS)


@admin.register(Invitation)
class InvitationAdmin(AdministratorsOnly):
    """Invitations and what became of them."""

    list_display = ["user", "created_at", "expires_at", "accepted_at", "withdrawn_at", "invited_by"]
    list_select_related = ["user", "invited_by"]
    fields = readonly_fields = ["user", "invited_by", "created_at", "expires_at", "accepted_at", "withdrawn_at"]
