"""The people who work in the portal, their roles in the association, how they are invited, their sessions."""

import uuid
from collections.abc import Iterator
from functools import cached_property
from typing import Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from accounts import areas
from accounts.enums import Role
from accounts.querysets import AssociationRoleQuerySet, InvitationQuerySet, SessionQuerySet
from vault.data_classes import DataClass
from vault.fields import KeyedHashField, SealedTextField
from vault.keys import email_hash


def staff_languages() -> list[tuple[str, str]]:
    """Return the languages of the staff pages with their own names."""
    return [(code, name) for code, name in settings.LANGUAGES if code in settings.STAFF_LANGUAGES]


class UserManager(BaseUserManager["User"]):
    """Finds and makes people by their address, which the database holds sealed."""

    def with_email(self, address: str) -> "User | None":
        """Return the person with this address, if there is one."""
        return self.filter(email_key=email_hash(address)).first()

    def create_user(self, email: str, password: str | None = None, **fields: object) -> "User":
        """Create a person; without a password nobody can sign in."""
        user = self.model(email=email.strip(), email_key=email_hash(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        """Return the person by the keyed hash of the address: what Django calls the user name."""
        return self.get(email_key=username)


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in; patients never do.

    Whoever reads the table sees neither address nor name: both are sealed, and look-ups go by a keyed hash.
    `is_superuser`, groups and permissions are never used: a person may do what the roles say.
    """

    USERNAME_FIELD = "email_key"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: list[str] = []
    data_class = DataClass.OPERATIONAL
    data_classes = {
        "email": DataClass.IDENTITY,
        "email_key": DataClass.IDENTITY,
        "name": DataClass.IDENTITY,
        "password": DataClass.IDENTITY,
    }

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email_key = KeyedHashField(purpose="email", unique=True, editable=False)
    email = SealedTextField(_("e-mail address"), data_class=DataClass.IDENTITY)
    # As colleagues and patients read it.
    name = SealedTextField(_("name"), data_class=DataClass.IDENTITY, blank=True)
    # Argon2, and sealed beside: a stolen table alone gives nothing to guess at.
    password = SealedTextField(_("password"), data_class=DataClass.IDENTITY, editable=False)
    language = models.CharField(_("language"), max_length=10, choices=staff_languages, default="en")
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("A person is active after enrolment, until someone locks the account.")
    )
    # A session carries the version it began with: raising it ends every session of the person.
    session_version = models.PositiveIntegerField(default=1, editable=False)
    joined_at = models.DateTimeField(_("joined"), null=True, blank=True, editable=False)

    objects = UserManager()

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        constraints = [models.CheckConstraint(condition=Q(is_superuser=False), name="user_is_never_superuser")]

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def is_staff(self) -> bool:
        """Return whether the person may work anywhere in the administration."""
        return "admin" in self.areas

    @cached_property
    def roles(self) -> frozenset[str]:
        """Return the roles in the association that the person holds today."""
        return frozenset(self.association_roles.current().values_list("role", flat=True))

    @cached_property
    def areas(self) -> tuple[str, ...]:
        """Return the names of the areas in which the person holds a role today."""
        return areas.areas_of(self)

    def get_full_name(self) -> str:
        return str(self)

    def get_short_name(self) -> str:
        return str(self)

    def get_session_auth_hash(self) -> str:
        """Return what a session must carry: it changes with the password and with `session_version`."""
        return self._seal_of_session()

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        """Yield the same made with the secret keys of before."""
        for secret in settings.SECRET_KEY_FALLBACKS:
            yield self._seal_of_session(secret)

    def has_role(self, role: str) -> bool:
        """Return whether the person holds this role in the association today."""
        return self.is_active and role in self.roles

    def end_sessions(self) -> None:
        """Sign the person out everywhere: call it whenever a role begins or ends, and when a factor changes."""
        type(self).objects.filter(pk=self.pk).update(session_version=F("session_version") + 1)
        self.refresh_from_db(fields=["session_version"])
        Session.objects.filter(user_id=self.pk).delete()

    def _seal_of_session(self, secret: str | bytes | None = None) -> str:
        value = f"{self.password}:{self.session_version}"
        return salted_hmac("accounts.User.session", value, secret=secret, algorithm="sha256").hexdigest()


class AssociationRole(models.Model):
    """A person's role in the association, from a day until a day."""

    data_class = DataClass.OPERATIONAL

    user = models.ForeignKey(User, verbose_name=_("person"), on_delete=models.CASCADE, related_name="association_roles")
    role = models.CharField(_("role"), max_length=20, choices=Role.choices)
    since = models.DateField(_("from"), default=timezone.localdate)
    # The first day without the role.
    until = models.DateField(_("until"), null=True, blank=True)

    objects = AssociationRoleQuerySet.as_manager()

    class Meta:
        verbose_name = _("role")
        verbose_name_plural = _("roles")
        ordering = ["-since", "role"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "role"], condition=Q(until__isnull=True), name="association_role_once_open"
            ),
            models.CheckConstraint(
                condition=Q(until__isnull=True) | Q(until__gte=F("since")), name="association_role_period"
            ),
        ]

    def __str__(self) -> str:
        return self.get_role_display()

    @property
    def is_current(self) -> bool:
        """Return whether the role is held today."""
        today = timezone.localdate()
        return self.since <= today and (self.until is None or self.until > today)

    def end(self) -> Self:
        """End the role now, and every session of the person with it."""
        self.until = max(self.since, timezone.localdate())
        self.save(update_fields=["until"])
        self.user.end_sessions()
        return self


class Invitation(models.Model):
    """A letter with a one-time address by which a person enrols; the roles are already there, the person is not active.

    Of the token the database holds a hash only.
    """

    data_class = DataClass.OPERATIONAL
    data_classes = {"token_hash": DataClass.IDENTITY}

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, verbose_name=_("person"), on_delete=models.CASCADE, related_name="invitations")
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(
        User, verbose_name=_("invited by"), null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    expires_at = models.DateTimeField(_("valid until"))
    accepted_at = models.DateTimeField(_("accepted"), null=True, blank=True)
    # A newer invitation ends an older one.
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(accepted_at__isnull=True) | Q(withdrawn_at__isnull=True), name="invitation_one_end"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user}, {self.created_at:%Y-%m-%d}"

    @property
    def is_open(self) -> bool:
        """Return whether it can still be used."""
        return self.accepted_at is None and self.withdrawn_at is None and self.expires_at > timezone.now()


class Session(models.Model):
    """A browser with a staff cookie: found by the hash of the cookie, its content sealed."""

    data_class = DataClass.OPERATIONAL
    # Over within hours: not in a backup, for a restore must let nobody in.
    is_momentary = True
    data_classes = {"key_hash": DataClass.IDENTITY, "content": DataClass.IDENTITY}

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # SHA-256 of the cookie: reading the table signs nobody in.
    key_hash = models.CharField(max_length=64, unique=True)
    content = SealedTextField(data_class=DataClass.IDENTITY)
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="sessions")
    created_at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(default=timezone.now, db_index=True)

    objects = SessionQuerySet.as_manager()

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")

    def __str__(self) -> str:
        return str(self.id)
