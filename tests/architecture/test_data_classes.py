"""Every stored value says how private it is, and what is private is sealed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import models
from django.test.utils import isolate_apps

from vault.data_classes import SECRET_CLASSES, THIRD_PARTY, DataClass, Undeclared, data_class_of
from vault.fields import KeyedHashField, SealedField, SealedTextField


def fields() -> Iterator[models.Field]:
    """Yield every column of every installed model, tables of many-to-many fields included."""
    for model in apps.get_models(include_auto_created=True):
        yield from model._meta.local_concrete_fields


def is_own(field: models.Field) -> bool:
    """Return whether the model is ours."""
    file = Path(apps.get_containing_app_config(field.model.__module__).path).resolve()
    return file.parent == Path(settings.BASE_DIR).resolve()


def names(found: list[models.Field]) -> list[str]:
    """Return readable names."""
    return sorted(f"{field.model._meta.label}.{field.name}" for field in found)


def is_undeclared(field: models.Field) -> bool:
    """Return whether nothing says how private a field is."""
    try:
        data_class_of(field)
    except Undeclared:
        return True
    return False


def is_bare_secret(field: models.Field) -> bool:
    """Return whether a private value would lie in the clear; keys and relations hold ids only."""
    if field.primary_key or field.is_relation:
        return False
    return data_class_of(field) in SECRET_CLASSES and not isinstance(field, SealedField) and not is_hash(field)


def is_hash(field: models.Field) -> bool:
    """Return whether only a hash is kept: a keyed one, or SHA-256 of a random secret."""
    return isinstance(field, KeyedHashField) or (field.name.endswith("_hash") and field.max_length == 64)


def test_every_field_is_declared() -> None:
    assert names([field for field in fields() if is_undeclared(field)]) == []


def test_every_private_field_of_ours_is_sealed_or_hashed() -> None:
    declared = [field for field in fields() if is_own(field) and not is_undeclared(field)]

    assert len(declared) > 30
    assert names([field for field in declared if is_bare_secret(field)]) == []


def test_declared_names_exist() -> None:
    wrong = []
    for model in apps.get_models():
        # modeltranslation keeps the untranslated name as a field of its own.
        known = {field.name for field in model._meta.get_fields()}
        wrong += [f"{model._meta.label}.{name}" for name in set(getattr(model, "data_classes", {})) - known]

    assert wrong == []


@isolate_apps("vault")
def test_the_rules_can_fail() -> None:
    class Loose(models.Model):  # noqa: DJ008
        name = models.CharField(max_length=10)

        class Meta:
            app_label = "vault"

    class Bare(models.Model):  # noqa: DJ008
        data_class = DataClass.HEALTH
        data_classes = {"state": DataClass.OPERATIONAL}
        finding = models.TextField()
        sealed = SealedTextField()
        state = models.CharField(max_length=10)

        class Meta:
            app_label = "vault"

    assert is_undeclared(Loose._meta.get_field("name"))
    assert [field.name for field in Bare._meta.fields if is_bare_secret(field)] == ["finding"]


def test_class_of_the_field_goes_before_that_of_the_model() -> None:
    stored_file = apps.get_model("vault", "StoredFile")

    assert data_class_of(stored_file._meta.get_field("name")) == DataClass.HEALTH
    assert data_class_of(stored_file._meta.get_field("size")) == DataClass.OPERATIONAL


@pytest.mark.parametrize("label", THIRD_PARTY)
def test_declared_models_of_others_are_spelled_right(label: str) -> None:
    if apps.is_installed(f"django.contrib.{label.partition('.')[0]}") or label.startswith(("account.", "mfa.")):
        try:
            config = apps.get_app_config(label.partition(".")[0])
        except LookupError:
            return
        assert config.get_model(label.partition(".")[2])
