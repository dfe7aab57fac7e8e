"""How often someone may try to sign in. Counted in PostgreSQL; without a count nobody is let in."""

from allauth.core.exceptions import ImmediateHttpResponse
from django.http import HttpRequest
from django.shortcuts import render

from accounts.models import User
from accounts.networks import network_of
from vault import limits

QUARTER, HOUR, DAY = 15 * 60, 3600, 24 * 3600

# Scope → tries in so many seconds.
ACCOUNT = ("sign-in account", 10, QUARTER)
NETWORK = ("sign-in network", 100, HOUR)
WHOLE = ("sign-in whole", 3000, HOUR)
CODE = ("second factor", 10, QUARTER)
CODE_DAY = ("second factor day", 60, DAY)


def count_password_try(request: HttpRequest, email_key: str) -> None:
    """Count a try with a password; raises ImmediateHttpResponse (429) when it is one too many."""
    # The account comes last: a network that is refused cannot lock other people's accounts.
    _count(request, NETWORK, network_of(request))
    _count(request, WHOLE, "all")
    _count(request, ACCOUNT, email_key)


def count_code_try(request: HttpRequest, user: User) -> None:
    """Count a try with a code; raises ImmediateHttpResponse (429) when it is one too many."""
    _count(request, NETWORK, network_of(request))
    _count(request, CODE, str(user.pk))
    _count(request, CODE_DAY, str(user.pk))


def forget_password_tries(email_key: str) -> None:
    """Start anew after the right password; network and whole go on counting."""
    limits.forget(ACCOUNT[0], email_key)


def forget_code_tries(user: User) -> None:
    """Start anew after the right code."""
    limits.forget(CODE[0], str(user.pk))
    limits.forget(CODE_DAY[0], str(user.pk))


def _count(request: HttpRequest, rule: tuple[str, int, int], key: str) -> None:
    scope, tries, seconds = rule
    if not limits.allow(scope, key, tries, seconds):
        response = render(request, "429.html", status=429)
        response["Retry-After"] = str(QUARTER)
        raise ImmediateHttpResponse(response)
