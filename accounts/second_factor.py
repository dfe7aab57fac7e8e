"""The second factor: a code of the authenticator app, a passkey, or a recovery code."""

from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.mfa.utils import decrypt
from django.db import transaction
from django.http import HttpRequest

from accounts.models import User

# Recovery codes stand in for a factor that is there; alone they are none.
MAIN_TYPES = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]


def has_factor(user: User) -> bool:
    """Return whether the person has an authenticator app or a passkey."""
    return Authenticator.objects.filter(user_id=user.pk, type__in=MAIN_TYPES).exists()


def was_given(request: HttpRequest) -> bool:
    """Return whether this very session proved a second factor; one that was set up elsewhere does not count."""
    return any(record["method"] == "mfa" for record in get_authentication_records(request, request.user))


def note_given(request: HttpRequest, kind: str) -> None:
    """Note that the person has just proved a factor by setting it up."""
    record_authentication(request, request.user, "mfa", type=kind, reauthenticated=True)


def accepts(authenticator: Authenticator, code: str) -> bool:
    """Return whether a typed code is right, and use it up."""
    if authenticator.type == Authenticator.Type.TOTP:
        return accepts_totp(authenticator, code)
    return authenticator.wrap().validate_code(code)


@transaction.atomic
def accepts_totp(authenticator: Authenticator, code: str) -> bool:
    """Return whether a code of the app is right and newer than the last one (RFC 6238, section 5.2).

    allauth keeps used codes in the cache; we keep the last step beside the secret, so that losing Valkey neither
    lets a code in twice nor keeps anyone out.
    """
    held = Authenticator.objects.select_for_update().get(pk=authenticator.pk)
    secret = decrypt(held.data["secret"])
    for step in yield_hotp_counters_from_time():
        is_new = step > held.data.get("last_step", 0)
        if is_new and compare_user_code(actual=code, expected=format_hotp_value(hotp_value(secret, step))):
            held.data["last_step"] = step
            held.save(update_fields=["data"])
            return True
    return False


def code_to_show(authenticator: Authenticator) -> str:
    """Return the code an authenticator app would show now, or the next one once that is used; for the demo.

    Empty while every code that would be accepted is used.
    """
    secret = decrypt(authenticator.data["secret"])
    current, *later = sorted(yield_hotp_counters_from_time())[-2:]
    steps = [step for step in (current, *later) if step > authenticator.data.get("last_step", 0)]
    return format_hotp_value(hotp_value(secret, steps[0])) if steps else ""


def remove_all(user: User) -> None:
    """Forget every factor of a person; enrolment asks for a new one."""
    Authenticator.objects.filter(user_id=user.pk).delete()
