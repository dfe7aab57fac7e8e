"""Forms of sign-in, enrolment and the own account."""

from typing import Any

from allauth.account.forms import LoginForm, ReauthenticateForm
from allauth.core import context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.base.forms import ReauthenticateForm as ReauthenticateByCodeForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.webauthn.forms import AddWebAuthnForm, EditWebAuthnForm
from django import forms
from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts import limits, second_factor
from accounts.enums import Role
from accounts.models import User, staff_languages
from notifications.addresses import validate_mailbox
from taxonomy.languages import without_tricks
from vault.keys import email_hash

# Longer ones are refused: hashing costs time, and nobody remembers more.
MAXIMUM_PASSWORD = 256
CODE = forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "maxlength": 20})


def password_field(label: Any, autocomplete: str, **options: Any) -> forms.CharField:
    """Return a field whose blanks count and whose value is never sent back."""
    widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
    return forms.CharField(label=label, strip=False, max_length=MAXIMUM_PASSWORD, widget=widget, **options)


class NameField(forms.CharField):
    """A person's name on one line, as others read it in pages, mails and below an opinion."""

    def to_python(self, value: Any) -> str:
        """Return the name without what turns the reading direction around, or breaks the line; NUL is refused."""
        typed = str(value or "")
        return super().to_python(typed if "\0" in typed else " ".join(without_tricks(typed).split()))


class SignInForm(LoginForm):
    """Address and password; the address becomes its keyed hash, by which the database finds the person."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        widget = forms.EmailInput(attrs={"autocomplete": "username"})
        self.fields = {
            "login": forms.EmailField(label=_("E-mail address"), max_length=254, widget=widget),
            "password": password_field(_("Password"), "current-password"),
        }

    def user_credentials(self) -> dict[str, str]:
        return {"username": email_hash(self.cleaned_data["login"]), "password": self.cleaned_data["password"]}


class CountedCodeMixin:
    """Counts each try with a code and uses up the right one."""

    user: User
    authenticator: Authenticator
    cleaned_data: dict[str, Any]

    def clean_code(self) -> str:
        """Return the code if one of the person's factors takes it."""
        limits.count_code_try(context.request, self.user)
        code = self.cleaned_data["code"]
        factors = Authenticator.objects.filter(user=self.user).exclude(type=Authenticator.Type.WEBAUTHN)
        for authenticator in factors:
            if second_factor.accepts(authenticator, code):
                authenticator.refresh_from_db()
                authenticator.user = self.user
                self.authenticator = authenticator
                limits.forget_code_tries(self.user)
                return code
        raise get_adapter().validation_error("incorrect_code")


class SecondFactorForm(CountedCodeMixin, AuthenticateForm):
    """The code after the password."""

    code = forms.CharField(
        label=_("Code"), max_length=20, widget=CODE, help_text=_("From your authenticator app, or a recovery code.")
    )


class SecondFactorAgainForm(CountedCodeMixin, ReauthenticateByCodeForm):
    """The code once more, before something that matters."""

    code = forms.CharField(
        label=_("Code"), max_length=20, widget=CODE, help_text=_("From your authenticator app, or a recovery code.")
    )


class ActivateAppForm(ActivateTOTPForm):
    """The first code of a new authenticator app."""

    code = forms.CharField(
        label=_("Code in the app"), max_length=20, widget=CODE, help_text=_("Six digits; they change every 30 seconds.")
    )


class AddPasskeyForm(AddWebAuthnForm):
    """A new passkey, with a name to tell it from others."""

    name = forms.CharField(
        label=_("Name of this passkey"), max_length=60, required=False, help_text=_("For example: laptop, blue key.")
    )


class RenamePasskeyForm(EditWebAuthnForm):
    """Another name for a passkey."""

    name = forms.CharField(label=_("Name of this passkey"), max_length=60)


class PasswordAgainForm(ReauthenticateForm):
    """The password once more, for someone who has no second factor yet."""

    password = password_field(_("Password"), "current-password")


class NewPasswordMixin(forms.Form):
    """A new password, judged by the validators of the settings."""

    password = password_field(
        _("New password"),
        "new-password",
        help_text=_("At least 15 characters. A few words in a row are easy to remember and hard to guess."),
    )

    def person(self) -> User:
        """Return whose password it will be."""
        raise NotImplementedError

    def clean_password(self) -> str:
        password = self.cleaned_data["password"]
        password_validation.validate_password(password, self.person())
        return password


class EnrolmentForm(NewPasswordMixin):
    """What a person tells when she follows the invitation."""

    name = NameField(label=_("Your name"), max_length=120, help_text=_("As colleagues and patients will read it."))
    language = forms.ChoiceField(label=_("Language of your pages"), choices=staff_languages, widget=forms.RadioSelect)
    password_again = password_field(_("The same password again"), "new-password")

    field_order = ["name", "language", "password", "password_again"]

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        self.user = user
        kwargs["initial"] = {"name": user.name, "language": user.language} | (kwargs.get("initial") or {})
        super().__init__(*args, **kwargs)

    def person(self) -> User:
        return self.user

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if "password" in cleaned and cleaned.get("password_again") not in {None, cleaned["password"]}:
            self.add_error("password_again", _("The two passwords differ."))
        return cleaned


class ProfileForm(forms.ModelForm):
    """What a person may change about herself."""

    name = NameField(label=_("Your name"), max_length=120, help_text=_("As colleagues and patients will read it."))
    language = forms.ChoiceField(label=_("Language of your pages"), choices=staff_languages, widget=forms.RadioSelect)

    class Meta:
        model = User
        fields = ["name", "language"]


class NewPasswordForm(NewPasswordMixin):
    """A new password for someone who has just proved the second factor."""

    password_again = password_field(_("The same password again"), "new-password")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        self.user = user
        super().__init__(*args, **kwargs)

    def person(self) -> User:
        return self.user

    def clean_password_again(self) -> str:
        again = self.cleaned_data["password_again"]
        if again != self.cleaned_data.get("password", again):
            raise ValidationError(_("The two passwords differ."))
        return again


class InvitationForm(forms.Form):
    """Whom an administrator invites, and what for."""

    email = forms.EmailField(label=_("E-mail address"), max_length=254, validators=[validate_mailbox])
    name = NameField(label=_("Name"), max_length=120, required=False)
    language = forms.ChoiceField(label=_("Language of the invitation"), choices=staff_languages)
    roles = forms.MultipleChoiceField(
        label=_("Roles in the association"),
        choices=Role.choices,
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=_("Leave it empty for people whose role is at a facility or a coordination office."),
    )
