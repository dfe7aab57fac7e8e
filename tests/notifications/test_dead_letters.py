"""The administrator sees what was given up, without addresses, and can try it again."""

import pytest
from django.contrib import admin
from django.contrib.messages.storage.fallback import FallbackStorage
from django.utils import timezone

from notifications import tasks
from notifications.admin import OutboxMessageAdmin
from notifications.enums import MessageState
from notifications.models import OutboxMessage

pytestmark = pytest.mark.django_db(transaction=True)


class Person:
    """Someone signed in, as far as the outbox asks."""

    is_authenticated = True
    is_active = True

    def __init__(self, *roles):
        self.roles = roles

    def has_role(self, role):
        return role in self.roles


@pytest.fixture
def page():
    return OutboxMessageAdmin(OutboxMessage, admin.site)


@pytest.fixture
def ask(rf):
    def ask_as(person):
        request = rf.get("/admin/notifications/outboxmessage/")
        request.user, request.session = person, {}
        request._messages = FallbackStorage(request)
        return request

    return ask_as


def test_only_an_administrator_may_look_and_nobody_may_change(page, ask):
    administrator, editor = ask(Person("administrator")), ask(Person("editor"))
    assert page.has_module_permission(administrator)
    assert page.has_view_permission(administrator)
    assert not page.has_module_permission(editor)
    assert not page.has_view_permission(editor)
    assert page.get_actions(editor) == {}
    for may in (page.has_add_permission, page.has_change_permission, page.has_delete_permission):
        assert not may(administrator)


def test_neither_address_nor_content_is_loaded_or_named(page, ask, post):
    post()
    [row] = page.get_queryset(ask(Person("administrator")))
    assert {"to", "context", "attachments"} <= row.get_deferred_fields()
    named = {*page.get_fields(ask(Person("administrator"))), *page.list_display}
    assert named.isdisjoint({"to", "to_key", "context", "attachments", "__str__"})


def test_a_dead_letter_is_tried_again_and_nothing_else_is(page, ask, post, spool, settings):
    good = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "tests.notifications.backends.Refusing"
    dead = post()
    tasks.sweep()
    settings.EMAIL_BACKEND = good
    cancelled = post()
    OutboxMessage.objects.filter(pk=cancelled.pk).cancel(timezone.now())
    page.try_again(ask(Person("administrator")), OutboxMessage.objects.all())
    tasks.sweep()
    dead.refresh_from_db()
    cancelled.refresh_from_db()
    assert (dead.state, dead.attempts) == (MessageState.SENT, 1)
    assert cancelled.state == MessageState.CANCELLED
    assert len(spool()) == 1


def test_an_erased_dead_letter_stays_dead(post, settings):
    settings.EMAIL_BACKEND = "tests.notifications.backends.Refusing"
    post()
    tasks.sweep()
    OutboxMessage.objects.all().erase_bodies(timezone.now())
    assert OutboxMessage.objects.try_again(timezone.now()) == 0
