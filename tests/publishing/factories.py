"""People who edit the catalogue, and the forms they send."""

from typing import Any

from django.test import Client
from django.urls import reverse

from accounts.models import User
from facilities.enums import StaffRole
from facilities.models import Facility, Membership
from tests.accounts.factories import make_user, sign_in


def make_facility_editor(*facilities: Facility, **fields: Any) -> User:
    """Return a person who edits the listing of facilities."""
    user = make_user(**fields)
    for facility in facilities:
        Membership.objects.create(user=user, facility=facility, role=StaffRole.FACILITY_EDITOR)
    return user


def client_of(user: User) -> Client:
    """Return a browser in which the person is signed in with two factors."""
    return sign_in(Client(), user)


def address(page: str, edited: Any, *, is_list: bool = False) -> str:
    """Return the address of a page of the administration about an object or its table."""
    name = f"admin:{edited._meta.app_label}_{edited._meta.model_name}_{page}"
    return reverse(name, args=[] if is_list else [edited.pk])


def form_values(client: Client, path: str) -> dict[str, Any]:
    """Return what a browser would send back from a form, unchanged."""
    response = client.get(path)
    assert response.status_code == 200, (path, response.status_code)
    form = response.context["adminform"].form
    sent = {}
    for field in form:
        value = (
            field.field.widget.format_value(field.field.prepare_value(field.value()))
            if field.value() is not None
            else None
        )
        if isinstance(field.value(), bool):
            if field.value():
                sent[field.html_name] = "on"
        elif isinstance(field.value(), list) and field.field.__class__.__name__.startswith("ModelMultiple"):
            sent[field.html_name] = [getattr(item, "pk", item) for item in field.value()]
        elif isinstance(value, list):
            sent[field.html_name] = value[0] if len(value) == 1 else value
        elif value is not None:
            sent[field.html_name] = value
    return sent


def save(client: Client, edited: Any, **typed: Any) -> Any:
    """Open the form of a row, type something, press save; return the answer."""
    path = address("change", edited)
    return client.post(path, form_values(client, path) | typed | {"_save": "1"})
