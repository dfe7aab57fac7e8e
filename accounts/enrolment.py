"""From an invitation to a person who can sign in.

An invitation makes the person at once, inactive and with her roles; the one-time address in it lets her choose a
name, a password and a language. The second factor follows before anything else opens.
"""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import roles as association
from accounts import second_factor
from accounts.models import Invitation, User
from notifications import outbox
from vault.keys import email_hash
from vault.trail import Action, Actor, record

VALID = timedelta(hours=72)
TOKEN_BYTES = 32


@dataclass(frozen=True)
class Invited:
    """A fresh invitation; the address is known now and never again."""

    user: User
    invitation: Invitation
    address: str


def hash_of(token: str) -> str:
    """Return what the database keeps of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


@transaction.atomic
def invite(
    *,
    email: str,
    by: User | None,
    name: str = "",
    language: str = "en",
    roles: Iterable[str] = (),
    by_mail: bool = True,
) -> Invited:
    """Invite a person, known or new, and end her older invitations; the mail goes out with the transaction.

    For someone who has an account it is the way back after losing password or second factor: both go on working
    until the invitation is accepted. `roles` are those in the association; other apps add their own rows for
    `Invited.user` in the same transaction. Whoever calls has checked that `by` may invite.
    """
    user = User.objects.with_email(email) or User.objects.create_user(
        email, name=name, language=language, is_active=False
    )
    for role in roles:
        association.grant(user=user, role=role, by=by)
    user.invitations.open().update(withdrawn_at=timezone.now())
    token = secrets.token_urlsafe(TOKEN_BYTES)
    invitation = Invitation.objects.create(
        user=user, token_hash=hash_of(token), invited_by=by, expires_at=timezone.now() + VALID
    )
    record(action=Action.CREATED, by=association.actor(by), object=invitation)
    address = settings.PUBLIC_URL + reverse("account_enrol", args=[token])
    if by_mail:
        _post(invitation, address)
    return Invited(user, invitation, address)


def find(token: str) -> Invitation | None:
    """Return the invitation a one-time address stands for, as long as it can be used."""
    return Invitation.objects.open().select_related("user").filter(token_hash=hash_of(token)).first()


@transaction.atomic
def accept(invitation: Invitation, *, name: str, password: str, language: str) -> User:
    """Use an invitation up: the person is active, has a new password, no factor and no session.

    Raises ValidationError when someone used it a moment ago.
    """
    held = Invitation.objects.select_for_update().get(pk=invitation.pk)
    if not held.is_open:
        raise ValidationError(_("This invitation was used or has ended."))
    held.accepted_at = timezone.now()
    held.save(update_fields=["accepted_at"])
    user = held.user
    user.name, user.language, user.is_active = name, language, True
    user.joined_at = user.joined_at or held.accepted_at
    user.set_password(password)
    user.save()
    second_factor.remove_all(user)
    user.end_sessions()
    record(action=Action.CHANGED, by=Actor.staff(user.pk), object=user, detail="enrolled")
    # The mail holds the address; nobody needs it any more.
    outbox.erase(about=str(held.pk))
    return user


def has_account(email: str) -> bool:
    """Return whether an address belongs to someone who can sign in."""
    return User.objects.filter(email_key=email_hash(email), is_active=True).exists()


def _post(invitation: Invitation, address: str) -> None:
    user = invitation.user
    outbox.post(
        "accounts/mail/invitation",
        to=user.email,
        language=user.language,
        context={"name": user.name, "address": address, "expires_at": invitation.expires_at},
        about=str(invitation.pk),
    )
