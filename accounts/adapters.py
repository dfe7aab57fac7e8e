"""What we change of allauth: nobody signs up, secrets are sealed, tries are counted in PostgreSQL."""

import base64

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import limits, second_factor
from accounts.models import User
from notifications import outbox
from vault.keys import PORTAL_KEY_ID, derive, open_key, seal, unseal
from vault.trail import Action, Actor, record

MFA_PLACE = "mfa_authenticator|data"


class StaffAccountAdapter(DefaultAccountAdapter):
    """Staff are invited; they sign in with address, password and second factor."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": _("This e-mail address and this password do not belong together."),
        "incorrect_password": _("This password is not right."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def is_ajax(self, request: HttpRequest) -> bool:
        """Answer with pages only, never with JSON."""
        return False

    def is_reauthentication_required(self, *, app: str, **kwargs: object) -> bool:
        """Spare someone who enrols from proving herself twice: there is no factor yet, and the password is fresh."""
        if app == "allauth.mfa" and not second_factor.has_factor(self.request.user):
            return False
        return super().is_reauthentication_required(app=app, **kwargs)

    def get_reauthentication_methods(self, user: User) -> list[dict[str, object]]:
        """Ask for the second factor again, for the password only where there is none."""
        methods = super().get_reauthentication_methods(user)
        stronger = [method for method in methods if method["id"] != "reauthenticate"]
        return stronger or methods

    def pre_authenticate(self, request: HttpRequest, **credentials: object) -> None:
        """Count the try before the password is looked at."""
        limits.count_password_try(request, str(credentials.get("username", "")))

    def authenticate(self, request: HttpRequest, **credentials: object) -> User | None:
        user = super().authenticate(request, **credentials)
        if user is not None:
            limits.forget_password_tries(str(credentials.get("username", "")))
        return user

    @transaction.atomic
    def authentication_failed(self, request: HttpRequest, **credentials: object) -> None:
        """Write the failure down; the same work whether or not the account exists."""
        person = User.objects.filter(email_key=credentials.get("username", "")).only("pk").first()
        record(action=Action.SIGN_IN_FAILED, by=Actor.system("sign-in"), object=person)

    @transaction.atomic
    def login(self, request: HttpRequest, user: User) -> None:
        record(action=Action.SIGNED_IN, by=Actor.staff(user.pk), object=user)
        super().login(request, user)

    @transaction.atomic
    def logout(self, request: HttpRequest) -> None:
        record(action=Action.SIGNED_OUT, by=Actor.staff(request.user.pk), object=request.user)
        super().logout(request)

    def send_notification_mail(
        self, template_prefix: str, user: User, context: dict[str, object] | None = None, email: str | None = None
    ) -> None:
        """Tell a person by mail that a second factor was added or removed."""
        with transaction.atomic():
            outbox.post(
                "accounts/mail/second_factor_changed",
                to=user.email,
                language=user.language,
                context={"change": template_prefix.rsplit("/", 1)[-1], "changed_at": timezone.now()},
                about=str(user.pk),
            )


class SealedMFAAdapter(DefaultMFAAdapter):
    """Keeps the secrets of authenticators sealed with the portal's own key."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": _("This code is not right, or it was used before. Wait for the next one."),
        "cannot_delete_authenticator": _(
            "This is your only second factor, so it cannot be removed. Add another one first."
        ),
    }

    def encrypt(self, text: str) -> str:
        return base64.b64encode(seal(_mfa_key(), text.encode(), MFA_PLACE)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Return the secret; raises SealBroken."""
        return unseal(_mfa_key(), base64.b64decode(encrypted_text), MFA_PLACE).decode()

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """Refuse to remove the last factor: the password alone would then be enough to add a new one."""
        others = Authenticator.objects.filter(user_id=authenticator.user_id, type__in=second_factor.MAIN_TYPES)
        return others.exclude(pk=authenticator.pk).exists()

    def generate_authenticator_name(self, user: User, type: str) -> str:
        """Return the name the form proposes for a new passkey."""
        number = Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1
        return gettext("Passkey %(number)d") % {"number": number}

    def get_totp_label(self, user: User) -> str:
        return user.email

    def get_public_key_credential_user_entity(self, user: User) -> dict[str, object]:
        return {"id": user.pk.bytes, "display_name": str(user), "name": user.email}


def _mfa_key() -> bytes:
    return derive(open_key(PORTAL_KEY_ID), "second-factor")
