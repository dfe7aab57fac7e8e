"""People who sign in, and how a test signs one in."""

import time
from itertools import count

from allauth.account.internal.flows.login import (
    _AUTHENTICATION_METHODS_USER_SESSION_KEY,
    AUTHENTICATION_METHODS_SESSION_KEY,
)
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from allauth.mfa.utils import decrypt
from django.test import Client

from accounts.models import AssociationRole, User

PASSWORD = "correct horse battery staple"
_number = count(1)


def make_user(
    *, email: str = "", password: str | None = PASSWORD, roles: tuple[str, ...] = (), **fields: object
) -> User:
    """Return a person who can sign in, without a second factor."""
    fields = {"name": "Ada Example", "language": "en"} | fields
    user = User.objects.create_user(email or f"person{next(_number)}@example.org", password=password, **fields)
    for role in roles:
        AssociationRole.objects.create(user=user, role=role)
    return user


def add_app(user: User) -> Authenticator:
    """Give a person an authenticator app."""
    return TOTP.activate(user, generate_totp_secret()).instance


def code_of(app: Authenticator, *, steps: int = 0) -> str:
    """Return what the app shows now, or so many steps of 30 seconds later."""
    return format_hotp_value(hotp_value(decrypt(app.data["secret"]), int(time.time()) // 30 + steps))


def sign_in(client: Client, user: User, *, is_fresh: bool = True) -> Client:
    """Sign a person in with a second factor; `is_fresh`: given again a moment ago, for exports and the like."""
    app = Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).first() or add_app(user)
    client.force_login(user)
    session = client.session
    record = {"method": "mfa", "at": time.time(), "id": app.pk, "type": "totp"}
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [record | ({"reauthenticated": True} if is_fresh else {})]
    session[_AUTHENTICATION_METHODS_USER_SESSION_KEY] = str(user.pk)
    session.save()
    return client
