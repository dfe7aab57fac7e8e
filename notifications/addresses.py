"""Which addresses mail can be sent to: those that mean one thing in a header, in a calendar entry and on a page."""

from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator, validate_email


def validate_mailbox(address: str) -> None:
    """Refuse what no mailbox has. Raises ValidationError.

    The standard lets a quoted name hold form feeds, which end a header line, and Django lets a domain hold what turns
    the reading direction around.
    """
    validate_email(address)
    try:
        address.rpartition("@")[2].encode("idna")
    except UnicodeError:
        _refuse(address)
    if not address.isprintable() or '"' in address:
        _refuse(address)


def _refuse(address: str) -> None:
    raise ValidationError(EmailValidator.message, code=EmailValidator.code, params={"value": address})
