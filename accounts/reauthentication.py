"""Asking for the second factor once more: before an export, a change of roles, a signature.

`fresh_factor_required` guards a view, `require_fresh_factor` a step inside one. Either sends the person to type a
code (or touch a key) unless that was done in the last five minutes (ACCOUNT_REAUTHENTICATION_TIMEOUT), and then
goes on with the very request that was interrupted, its form included.
"""

from allauth.account.decorators import reauthentication_required
from allauth.account.internal.flows.reauthentication import (
    did_recently_reauthenticate,
    raise_if_reauthentication_required,
)
from django.http import HttpRequest

fresh_factor_required = reauthentication_required


def require_fresh_factor(request: HttpRequest) -> None:
    """Raise ReauthenticationRequired, which the middleware answers, unless a factor was given a moment ago."""
    raise_if_reauthentication_required(request, app="accounts")


def is_fresh(request: HttpRequest) -> bool:
    """Return whether a factor was given in the last five minutes."""
    return did_recently_reauthenticate(request)
