"""Which addresses mail is sent to: none that a mail server, a calendar and a reader take for three different things."""

import pytest
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage

from notifications.addresses import validate_mailbox


@pytest.mark.parametrize(
    "address",
    [
        # A form feed ends a line for Python's mail package: the header breaks, and what follows is a line of its own.
        '"x\x0c\x0cHello,"@example.org',
        '"x\x1cy"@example.org',
        '"x\x7fy"@example.org',
        # Read from right to left, and never deliverable.
        "anna@ex\u202eample.org",
        "anna@ex\u2028ample.org",
        '"<other@example.org>"@example.org',
        '"a;b:c"@example.org',
        "anna@example",
        "anna",
        "",
    ],
)
def test_what_no_mailbox_has_is_refused(address: str) -> None:
    with pytest.raises(ValidationError) as refused:
        validate_mailbox(address)

    assert refused.value.code == "invalid"


@pytest.mark.parametrize(
    "address",
    [
        "anna@example.org",
        "o'neill+second@example.org",
        "a%b@sub.example.org",
        "anna@bücher.example",
        "anna@例子.example",
    ],
)
def test_what_people_have_is_taken(address: str) -> None:
    validate_mailbox(address)
    lines = EmailMessage("Subject", "Text", "portal@example.org", [address]).message().as_bytes().split(b"\n")

    assert sum(line.startswith(b"To: ") for line in lines) == 1
    assert all(b": " in line or line.startswith(b" ") for line in lines[: lines.index(b"")])
