"""Asking for the second factor once more: before an export, a change of roles, a signature.

`fresh_factor_required` guards a view, `require_fresh_factor` a step inside one. Either sends the person to type a
code (or touch a key) unless that was done in the last five minutes (ACCOUNT_REAUTHENTICATION_TIMEOUT), and then
goes on with the very request that was interrupted, its form included.
"""

import datetime

from allauth.account.authentication import get_authentication_records
from allauth.account.decorators import reauthentication_required
from allauth.account.internal.flows.reauthentication import (
    did_recently_reauthenticate,
    raise_if_reauthentication_required,
)
from allauth.core.exceptions import ReauthenticationRequired
from django.http import HttpRequest

fresh_factor_required = reauthentication_required


def require_fresh_factor(request: HttpRequest) -> None:
    """Raise ReauthenticationRequired, which the middleware answers, unless a factor was given a moment ago."""
    raise_if_reauthentication_required(request, app="accounts")


def is_fresh(request: HttpRequest) -> bool:
    """Return whether a factor was given in the last five minutes."""
    return did_recently_reauthenticate(request)


def require_factor_since(request: HttpRequest, moment: datetime.datetime) -> datetime.datetime:
    """Return when a second factor was last given again; raises ReauthenticationRequired unless since a moment.

    For a signature: what is signed took its form before the factor was given, and that was a moment ago.
    """
    require_fresh_factor(request)
    given = factor_given_at(request)
    if given is None or given < moment:
        raise ReauthenticationRequired
    return given


def factor_given_at(request: HttpRequest) -> datetime.datetime | None:
    """Return when this session last proved a second factor again; signing in does not count."""
    records = get_authentication_records(request, request.user)
    times = [row["at"] for row in records if row["method"] == "mfa" and row.get("reauthenticated")]
    return datetime.datetime.fromtimestamp(max(times), datetime.UTC) if times else None
