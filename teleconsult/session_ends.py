"""A form of the desk that is sent after the session has ended: its words are kept, and nothing else happens.

The cookie of a session that has just ended tells whose words they are; it opens nothing. Who signed out has no such
session any more.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.urls import Resolver404, resolve

from accounts.sessions import owner_of_ended
from teleconsult import desk, permissions
from teleconsult.enums import Action
from teleconsult.forms.desk import FORMS


class KeepTypedMiddleware:
    """Stands before the door of the desk, which sends to the sign-in whoever has no session."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method == "POST" and request.path_info.startswith("/desk/") and not request.user.is_authenticated:
            keep_words(request)
        return self.get_response(request)


def keep_words(request: HttpRequest) -> None:
    """Keep what was typed for the person whose session has just ended, if the case is hers to see."""
    reader = owner_of_ended(request.COOKIES.get(settings.SESSION_COOKIE_NAME, ""))
    if reader is None or not is_our_form(request):
        return
    try:
        match = resolve(request.path_info)
        action = Action(str(match.kwargs.get("step") or match.url_name))
        case = desk.find_case(match.kwargs["reference"], reader)
    except (Resolver404, ValueError, KeyError, desk.NoSuchCase):
        return
    if action in FORMS and permissions.may(action, reader, case):
        form = FORMS[action](request.POST, case=case, reader=reader)
        desk.keep_typed(case, reader, action, desk.values_in(request.POST, form.names))


def is_our_form(request: HttpRequest) -> bool:
    """Return whether the form came from a page of ours."""
    check = CsrfViewMiddleware(lambda _request: HttpResponse())
    return check.process_view(request, lambda _request: HttpResponse(), (), {}) is None
