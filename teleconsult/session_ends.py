"""A form of the desk that is sent after the session has ended: its words are kept, and nothing else happens.

The cookie of a session that has just ended tells whose words they are; it opens nothing. Who signed out has no such
session any more. Who signed in again in another window sends a form whose token is old: she gets it again, filled in.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import CsrfViewMiddleware
from django.urls import Resolver404, ResolverMatch, resolve

from accounts.models import User
from accounts.sessions import owner_of_ended
from teleconsult import desk, desk_opinions, permissions
from teleconsult.enums import Action
from teleconsult.forms.desk import FORMS
from teleconsult.forms.desk_opinions import TYPED_IN, names_in
from teleconsult.models import Request


class KeepTypedMiddleware:
    """Stands before the door of the desk, which sends to the sign-in whoever has no session."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method != "POST" or not request.path_info.startswith("/desk/"):
            return self.get_response(request)
        person = request.user
        if not isinstance(person, User):
            reader = owner_of_ended(request.COOKIES.get(settings.SESSION_COOKIE_NAME, ""))
            if reader is not None and is_our_form(request):
                keep_words(request, reader)
            return self.get_response(request)
        response = self.get_response(request)
        if response.status_code == 403 and has_old_token(request) and keep_words(request, person):
            return HttpResponseRedirect(request.path_info)
        return response


def keep_words(request: HttpRequest, reader: User) -> bool:
    """Keep what was typed for a person, if the case is hers to see; return whether a form of a case was sent."""
    try:
        match = resolve(request.path_info)
        action = TYPED_IN.get(str(match.url_name)) or Action(str(match.kwargs.get("step") or match.url_name))
        case = case_of(match, reader)
    except (Resolver404, ValueError, KeyError, desk.NoSuchCase):
        return False
    if not permissions.may(action, reader, case):
        return False
    if match.url_name in TYPED_IN:
        form, names = (
            desk_opinions.typed_key(action, match.kwargs.get("question")),
            names_in(action, request.POST, case),
        )
    elif action in FORMS:
        form, names = action.value, FORMS[action](request.POST, case=case, reader=reader).names
    else:
        return False
    desk.keep_typed(case, reader, form, desk.values_in(request.POST, names))
    return True


def case_of(match: ResolverMatch, reader: User) -> Request:
    """Return the case of a form; raises NoSuchCase and KeyError."""
    find = desk_opinions.find_case if match.url_name in TYPED_IN else desk.find_case
    return find(match.kwargs["reference"], reader)


def is_our_form(request: HttpRequest) -> bool:
    """Return whether the form came from a page of ours."""
    check = CsrfViewMiddleware(lambda _request: HttpResponse())
    return check.process_view(request, lambda _request: HttpResponse(), (), {}) is None


def has_old_token(request: HttpRequest) -> bool:
    """Return whether a browser says that the form came from a page of ours, though its token is not that of today."""
    ours = f"{request.scheme}://{request.get_host()}"
    return request.headers.get("Origin") == ours and not is_our_form(request)
