"""The door of the staff areas: nobody passes without an active account, a second factor and a role."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

from accounts import second_factor

# First part of the address → area.
AREAS = {"desk": "desk", "admin": "admin"}
# Their pages speak the language of the person who signed in.
PERSONAL = {*AREAS, "accounts"}


class StaffAreaMiddleware:
    """Guards `/admin/` and `/desk/`, the admin's own sign-in page included; leaves public pages untouched.

    A public page never reads the session here: it must neither vary by a cookie nor set one.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        first = request.path_info.lstrip("/").split("/", 1)[0]
        if first not in PERSONAL:
            return self.get_response(request)
        speak_own_language(request)
        area = AREAS.get(first)
        refusal = refuse(request, area) if area else None
        return refusal or self.get_response(request)


def speak_own_language(request: HttpRequest) -> None:
    """Use the language of a signed-in person, unless the address asks for another."""
    asked = request.GET.get("lang")
    if request.user.is_authenticated and asked not in settings.STAFF_LANGUAGES:
        translation.activate(request.user.language)
        request.LANGUAGE_CODE = request.user.language


def refuse(request: HttpRequest, area: str) -> HttpResponse | None:
    """Return where to send someone who may not enter; raises PermissionDenied without a role in the area."""
    missing = missing_proof(request)
    if missing:
        return missing
    if area not in request.user.areas:
        raise PermissionDenied
    return None


def missing_proof(request: HttpRequest) -> HttpResponse | None:
    """Return where to send someone who is not signed in, has no second factor, or has not given it."""
    if not request.user.is_authenticated:
        return redirect(with_next("account_login", request))
    if not second_factor.has_factor(request.user):
        return redirect("mfa_index")
    if not second_factor.was_given(request):
        return redirect(with_next("mfa_reauthenticate", request))
    return None


def with_next(name: str, request: HttpRequest) -> str:
    """Return an address that leads back to this page; the admin's sign-in page leads to where it would lead."""
    target = request.get_full_path()
    if request.path_info == "/admin/login/":
        asked = request.GET.get(REDIRECT_FIELD_NAME, "")
        target = asked if url_has_allowed_host_and_scheme(asked, {request.get_host()}) else "/admin/"
    return f"{reverse(name)}?{urlencode({REDIRECT_FIELD_NAME: target})}"
