"""Addresses of sign-in: nobody signs up, changes an address or resets a password here; an administrator invites."""

from allauth.account import views as account_views
from allauth.mfa.base import views as mfa_views
from allauth.mfa.webauthn import views as webauthn_views
from django.urls import path

from accounts import views

urlpatterns = [
    path("", views.ProfileView.as_view(), name="account_profile"),
    path("home/", views.StaffHomeView.as_view(), name="staff_home"),
    path("login/", account_views.login, name="account_login"),
    path("logout/", account_views.logout, name="account_logout"),
    path("inactive/", account_views.account_inactive, name="account_inactive"),
    path("enrol/<str:token>/", views.EnrolView.as_view(), name="account_enrol"),
    path("password/", views.NewPasswordView.as_view(), name="account_new_password"),
    path("reauthenticate/", account_views.reauthenticate, name="account_reauthenticate"),
    path("second-factor/", mfa_views.index, name="mfa_index"),
    path("second-factor/authenticate/", mfa_views.authenticate, name="mfa_authenticate"),
    path("second-factor/reauthenticate/", mfa_views.reauthenticate, name="mfa_reauthenticate"),
    path("second-factor/app/", views.ActivateAppView.as_view(), name="mfa_activate_totp"),
    path("second-factor/app/remove/", views.RemoveAppView.as_view(), name="mfa_deactivate_totp"),
    path("second-factor/recovery-codes/", views.NewRecoveryCodesView.as_view(), name="mfa_generate_recovery_codes"),
    path("second-factor/passkeys/", webauthn_views.list_webauthn, name="mfa_list_webauthn"),
    path("second-factor/passkeys/add/", views.AddPasskeyView.as_view(), name="mfa_add_webauthn"),
    path(
        "second-factor/passkeys/reauthenticate/",
        webauthn_views.reauthenticate_webauthn,
        name="mfa_reauthenticate_webauthn",
    ),
    path("second-factor/passkeys/<int:pk>/edit/", webauthn_views.edit_webauthn, name="mfa_edit_webauthn"),
    path("second-factor/passkeys/<int:pk>/remove/", views.RemovePasskeyView.as_view(), name="mfa_remove_webauthn"),
]
