"""Roles in the association: given and ended by administrators, each time with an entry in the trail."""

from django.db import transaction

from accounts.models import AssociationRole, User
from vault.trail import Action, Actor, record


def actor(by: User | None) -> Actor:
    """Return who acts as the trail names it; nobody signed in means a command on the server."""
    return Actor.staff(by.pk, role="administrator") if by else Actor.system("command")


@transaction.atomic
def grant(*, user: User, role: str, by: User | None) -> AssociationRole:
    """Give a person a role from today, and end her sessions; a role she holds already stays as it is."""
    User.objects.select_for_update().get(pk=user.pk)
    held = user.association_roles.current().filter(role=role, until=None).first()
    if held:
        return held
    given = AssociationRole.objects.create(user=user, role=role)
    record(action=Action.GRANTED, by=actor(by), object=user, detail=role)
    user.end_sessions()
    return given


@transaction.atomic
def end(*, role: AssociationRole, by: User | None) -> AssociationRole:
    """End a role now, and the sessions of the person with it; one that is over stays as it is."""
    held = AssociationRole.objects.select_for_update().get(pk=role.pk)
    if held.until is not None:
        return held
    record(action=Action.REVOKED, by=actor(by), object=held.user, detail=held.role)
    return held.end()


@transaction.atomic
def lock(*, user: User, by: User | None) -> User:
    """Let a person sign in no more, and sign her out everywhere; a new invitation unlocks."""
    user.is_active = False
    user.save(update_fields=["is_active"])
    record(action=Action.REVOKED, by=actor(by), object=user, detail="account locked")
    user.end_sessions()
    return user


@transaction.atomic
def sign_out(*, user: User, by: User | None) -> None:
    """End all sessions of a person."""
    record(action=Action.SIGNED_OUT, by=actor(by), object=user)
    user.end_sessions()
