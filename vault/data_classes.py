"""How private each stored value is, from C0 (public) to C3 (health)."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class DataClass(models.TextChoices):
    """The class of a value; C2 and C3 are stored sealed or hashed."""

    PUBLIC = "C0", _("Public")
    OPERATIONAL = "C1", _("Operational")
    IDENTITY = "C2", _("Identity")
    HEALTH = "C3", _("Health")


class Undeclared(Exception):
    """A model field says nowhere how private it is."""


SECRET_CLASSES = frozenset({DataClass.IDENTITY, DataClass.HEALTH})

# Models that are not ours. A dict gives the classes of some fields; "*" stands for the others.
THIRD_PARTY: dict[str, DataClass | dict[str, DataClass]] = {
    "admin.LogEntry": DataClass.OPERATIONAL,
    "auth.Group": DataClass.OPERATIONAL,
    "auth.Permission": DataClass.PUBLIC,
    "contenttypes.ContentType": DataClass.PUBLIC,
    "sessions.Session": {
        "session_key": DataClass.IDENTITY,
        "session_data": DataClass.IDENTITY,
        "*": DataClass.OPERATIONAL,
    },
    "account.EmailAddress": {"email": DataClass.IDENTITY, "*": DataClass.OPERATIONAL},
    "account.EmailConfirmation": {"key": DataClass.IDENTITY, "*": DataClass.OPERATIONAL},
    "mfa.Authenticator": {"data": DataClass.IDENTITY, "*": DataClass.OPERATIONAL},
}


def data_class_of(field: models.Field) -> DataClass:
    """Return how private a field is; raises `Undeclared`."""
    own = getattr(field, "data_class", None)
    if own is not None:
        return DataClass(own)
    model = field.model
    # The table Django makes for a many-to-many field holds two keys; its class is that of the field's owner.
    owner = model._meta.auto_created if isinstance(model._meta.auto_created, type) else model
    declared = _declaration(owner)
    # modeltranslation's columns are as private as the field they translate.
    original = getattr(field, "translated_field", field)
    found = declared.get(field.name) or declared.get(original.name) or declared.get("*")
    if found is None:
        raise Undeclared(f"{model._meta.label}.{field.name} has no data class. Set data_class on the model.")
    return DataClass(found)


def _declaration(model: type[models.Model]) -> dict[str, DataClass]:
    """Return the classes by field name, with "*" for the others."""
    third_party = THIRD_PARTY.get(model._meta.label)
    if third_party is not None:
        return third_party if isinstance(third_party, dict) else {"*": third_party}
    declared = dict(getattr(model, "data_classes", {}))
    default = getattr(model, "data_class", None)
    return {"*": default, **declared} if default else declared
