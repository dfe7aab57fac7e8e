"""Signing in to the demonstration without a password: a one-time address stands for it, the second factor stays.

Installed on this computer only (DEMO=1 refuses any other host). Opening the address changes nothing: the button does.
"""

import hashlib
import secrets
import time
from datetime import timedelta
from typing import Any

from allauth.account.internal.flows.login import perform_login
from allauth.account.models import Login
from allauth.mfa import app_settings as mfa_settings
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth import logout
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.generic import TemplateView, View

from accounts import second_factor
from accounts.models import User
from demo.models import SignInAddress
from demo.people import PEOPLE, demo_user
from taxonomy.pages import PrivatePage

VALID = timedelta(minutes=10)
TOKEN_BYTES = 32


def hash_of(token: str) -> str:
    """Return what the database keeps of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def make_address(user: User) -> str:
    """Return a new address that signs this person in once, within ten minutes."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    SignInAddress.objects.create(user=user, token_hash=hash_of(token), expires_at=timezone.now() + VALID)
    return settings.PUBLIC_URL + reverse("demo:sign_in", args=[token])


@transaction.atomic
def use(token: str) -> User | None:
    """Use an address up and return its person; None when it is unknown, used or too old."""
    address = SignInAddress.objects.select_for_update().filter(token_hash=hash_of(token)).first()
    if address is None or not address.is_open:
        return None
    address.used_at = timezone.now()
    address.save(update_fields=["used_at"])
    return address.user


class SignInView(PrivatePage, View):
    """One button; pressing it takes the place of the password."""

    http_method_names = ["get", "head", "post", "options"]

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        """Show whom the address stands for."""
        address = SignInAddress.objects.select_related("user").filter(token_hash=hash_of(token)).first()
        if address is None or not address.is_open:
            return self.ended(request)
        return render(request, "demo/sign_in.html", {"person": address.user})

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        """Use the address up, and go on to the second factor."""
        user = use(token)
        if user is None:
            return self.ended(request)
        logout(request)
        return perform_login(request, Login(user=user))

    def ended(self, request: HttpRequest) -> HttpResponse:
        """Say how to get another address."""
        return render(request, "demo/sign_in_ended.html", {"roles": list(PEOPLE)}, status=404)


class CodesView(PrivatePage, TemplateView):
    """What the authenticator apps of the demo people show now."""

    template_name = "demo/sign_in_codes.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add a code for each person who was loaded, and how long it is shown."""
        people = [person for role in PEOPLE if (person := demo_user(role))]
        codes = [(person, second_factor.code_to_show(app)) for person in people if (app := _app_of(person))]
        seconds_left = mfa_settings.TOTP_PERIOD - int(time.time()) % mfa_settings.TOTP_PERIOD
        return super().get_context_data(codes=codes, seconds_left=seconds_left, **kwargs)


def _app_of(user: User) -> Authenticator | None:
    return Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).first()
