from collections.abc import Callable

import pytest

from tests.e2e.conftest import MakeReader
from tests.e2e.portal import Portal
from tests.e2e.reader import DESKTOP, PHONE, Reader

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

TREATMENT = "treatments/transcatheter-aortic-valve-implantation/"
PAGES = {
    "home": "",
    "search": "search/?q=heart",
    "treatments": "treatments/",
    "treatment": TREATMENT,
    "facility": "facilities/demo-hospital-a/",
    "body": "body/",
    "compare": "compare/?facility=demo-hospital-a&facility=demo-hospital-b",
    "report an error": "facilities/demo-hospital-a/report/",
    "second opinion": "second-opinion/?treatment=transcatheter-aortic-valve-implantation",
    "hospital that is not reached": "second-opinion/?facility=centro-cardiologico-monzino",
    "sign-in": "my-request/",
    "lost number": "my-request/lost/",
    "contact": "contact/?words=heart",
}


@pytest.mark.parametrize(("language", "viewport"), [("en", DESKTOP), ("ar", PHONE)])
def test_everyone_can_use_the_pages(make_reader: MakeReader, language: str, viewport: dict[str, int]) -> None:
    reader = make_reader(language, viewport=viewport)

    for name, path in PAGES.items():
        reader.visit(path)
        reader.look(name)


def test_a_form_with_errors_can_be_used_by_everyone(make_reader: MakeReader) -> None:
    reader = make_reader("ar", viewport=PHONE)

    for name, path, button in (
        ("sign-in", "my-request/", "Send me a code"),
        ("lost number", "my-request/lost/", "Send me the number"),
        ("contact", "contact/", "Send question"),
    ):
        reader.visit(path)
        reader.press(button)
        reader.look(f"{name}, with errors")


def test_the_administration_can_be_used_by_everyone(portal: Portal, sign_in_as: Callable[[str], Reader]) -> None:
    reader = sign_in_as("administrator")

    reader.page.goto(f"{portal.address}/admin/")

    reader.look("administration")
