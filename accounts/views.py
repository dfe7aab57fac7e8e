"""Pages of sign-in, enrolment, the second factor and the own account."""

from typing import Any

from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal import flows as codes_flows
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView
from allauth.mfa.totp.internal import flows as totp_flows
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.webauthn.internal import flows as webauthn_flows
from allauth.mfa.webauthn.views import AddWebAuthnView, RemoveWebAuthnView
from django.contrib import messages
from django.contrib.auth import login, update_session_auth_hash
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView, UpdateView, View

from accounts import enrolment, second_factor
from accounts.areas import AREAS
from accounts.forms import EnrolmentForm, NewPasswordForm, ProfileForm
from accounts.middleware import missing_proof
from accounts.models import Invitation, User
from accounts.reauthentication import fresh_factor_required
from taxonomy.pages import PrivatePage
from vault.trail import Action, Actor, record

BACKEND = "django.contrib.auth.backends.ModelBackend"


def keep_only_this_session(request: HttpRequest) -> None:
    """End the person's other sessions and give this one a new key."""
    request.user.end_sessions()
    update_session_auth_hash(request, request.user)


def codes_page(request: HttpRequest, authenticator: Authenticator | None) -> HttpResponse:
    """Answer with fresh recovery codes, the only time they are shown; without any, go to the list of factors."""
    if authenticator is None:
        return redirect("mfa_index")
    codes = authenticator.wrap()
    codes.mark_as_viewed()
    return render(request, "mfa/recovery_codes/shown.html", {"codes": codes.get_unused_codes()})


class StaffPage(PrivatePage):
    """A page for anyone who is signed in with a second factor."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return missing_proof(request) or super().dispatch(request, *args, **kwargs)


@method_decorator(sensitive_post_parameters("password", "password_again"), name="dispatch")
class EnrolView(PrivatePage, FormView):
    """Follow an invitation: name, language, password; the second factor comes next."""

    form_class = EnrolmentForm
    template_name = "accounts/enrol.html"
    success_url = reverse_lazy("mfa_index")
    invitation: Invitation

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer any address that cannot be used in the same words."""
        invitation = enrolment.find(kwargs["token"])
        if invitation is None:
            return render(request, "accounts/enrol_ended.html", status=404)
        self.invitation = invitation
        return super().dispatch(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"user": self.invitation.user}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(email=self.invitation.user.email, **kwargs)

    def form_valid(self, form: EnrolmentForm) -> HttpResponse:
        cleaned = form.cleaned_data
        try:
            user = enrolment.accept(
                self.invitation, name=cleaned["name"], password=cleaned["password"], language=cleaned["language"]
            )
        except ValidationError:
            return render(self.request, "accounts/enrol_ended.html", status=404)
        login(self.request, user, backend=BACKEND)
        record_authentication(self.request, user, "password", reauthenticated=True)
        return super().form_valid(form)


class StaffHomeView(StaffPage):
    """Send a person to where she works: the first area in which she holds a role."""

    http_method_names = ["get", "head", "options"]

    def get(self, request: HttpRequest) -> HttpResponse:
        """Redirect, or say in words that there is no role today."""
        if not request.user.areas:
            return render(request, "accounts/no_role.html", status=403)
        return redirect(AREAS[request.user.areas[0]])


class ProfileView(StaffPage, UpdateView):
    """The own account: name, language, and the ways to the factors and the password."""

    form_class = ProfileForm
    template_name = "accounts/profile.html"
    success_url = reverse_lazy("account_profile")

    def get_object(self, queryset: Any = None) -> User:
        return self.request.user

    @transaction.atomic
    def form_valid(self, form: ProfileForm) -> HttpResponse:
        """Save, and say in the trail what was changed: under this name opinions are signed."""
        response = super().form_valid(form)
        if form.changed_data:
            by = Actor.staff(self.request.user.pk)
            record(action=Action.CHANGED, by=by, object=self.object, detail=", ".join(form.changed_data))
        messages.success(self.request, _("Saved."))
        return response


@method_decorator(sensitive_post_parameters("password", "password_again"), name="dispatch")
@method_decorator(fresh_factor_required, name="dispatch")
class NewPasswordView(StaffPage, FormView):
    """A new password; every other session ends."""

    form_class = NewPasswordForm
    template_name = "accounts/new_password.html"
    success_url = reverse_lazy("account_profile")

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"user": self.request.user}

    @transaction.atomic
    def form_valid(self, form: NewPasswordForm) -> HttpResponse:
        user = self.request.user
        user.set_password(form.cleaned_data["password"])
        user.save(update_fields=["password"])
        record(action=Action.CHANGED, by=Actor.staff(user.pk), object=user, detail="password")
        keep_only_this_session(self.request)
        messages.success(self.request, _("Your password is changed. You are signed out everywhere else."))
        return super().form_valid(form)


@method_decorator(fresh_factor_required(app="allauth.mfa"), name="dispatch")
class ActivateAppView(ActivateTOTPView):
    """Set up an authenticator app; a second one takes the place of the first."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        # allauth would first have the old app removed, and leave the account without a factor meanwhile.
        return View.dispatch(self, request, *args, **kwargs)

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        user = self.request.user
        Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).delete()
        app, codes = totp_flows.activate_totp(self.request, form)
        # The code just typed is used up.
        second_factor.accepts(app, form.cleaned_data["code"])
        return finish_set_up(self.request, "totp", codes)


class AddPasskeyView(AddWebAuthnView):
    """Add a passkey or a security key."""

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        cleaned = form.cleaned_data
        _key, codes = webauthn_flows.add_authenticator(
            self.request, name=cleaned["name"], credential=cleaned["credential"]
        )
        return finish_set_up(self.request, "webauthn", codes)


def finish_set_up(request: HttpRequest, kind: str, codes: Authenticator | None) -> HttpResponse:
    """Note the new factor in trail and session, end the other sessions, show recovery codes if there are new ones."""
    user = request.user
    record(action=Action.CHANGED, by=Actor.staff(user.pk), object=user, detail=f"second factor added: {kind}")
    second_factor.note_given(request, kind)
    keep_only_this_session(request)
    return codes_page(request, codes)


class RemovePasskeyView(RemoveWebAuthnView):
    """Remove a passkey, as long as another factor is left."""

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        user = User.objects.select_for_update().get(pk=self.request.user.pk)
        adapter = get_adapter()
        if not adapter.can_delete_authenticator(self.object):
            messages.error(self.request, adapter.error_messages["cannot_delete_authenticator"])
            return HttpResponseRedirect(reverse("mfa_list_webauthn"))
        record(action=Action.CHANGED, by=Actor.staff(user.pk), object=user, detail="second factor removed: webauthn")
        response = super().form_valid(form)
        keep_only_this_session(self.request)
        return response


class RemoveAppView(DeactivateTOTPView):
    """Remove the authenticator app, as long as a passkey is left."""

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        user = self.request.user
        record(action=Action.CHANGED, by=Actor.staff(user.pk), object=user, detail="second factor removed: totp")
        response = super().form_valid(form)
        keep_only_this_session(self.request)
        return response


class NewRecoveryCodesView(GenerateRecoveryCodesView):
    """Make new recovery codes; the old ones end."""

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        user = self.request.user
        record(action=Action.CHANGED, by=Actor.staff(user.pk), object=user, detail="new recovery codes")
        return codes_page(self.request, codes_flows.generate_recovery_codes(self.request))
