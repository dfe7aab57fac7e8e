"""Sealed columns: what the database sees, what a row sees, what a query may not ask."""

import copy
import uuid
from typing import Any

import pytest
from django.core import checks, serializers
from django.core.exceptions import FieldError, ValidationError
from django.db import connection, models, transaction
from django.db.migrations.writer import MigrationWriter
from django.forms import modelform_factory
from django.test.utils import CaptureQueriesContext, isolate_apps

from tests.vault.sealed_models import Case, Line
from vault.data_classes import DataClass
from vault.fields import SealedField, SealedJSONField, SealedTextField
from vault.files import StoredFile
from vault.keys import DataKey, KeyErased, SealBroken, opened_keys, portal_key


def stored(row: models.Model, column: str) -> bytes:
    """Return what the database holds."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {row._meta.db_table} WHERE id = %s", [row.pk])  # noqa: S608
        return bytes(cursor.fetchone()[0])


def put(row: models.Model, column: str, value: bytes) -> None:
    """Write raw bytes, as somebody at the database could."""
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {row._meta.db_table} SET {column} = %s WHERE id = %s", [value, row.pk])  # noqa: S608


def test_database_sees_nothing(case: Case) -> None:
    assert b"spread" not in stored(case, "question")
    assert b"pain" not in stored(case, "answers")
    assert Case.objects.get().question == "Does it spread?"
    assert Case.objects.get().answers == {"pain": 3}
    assert Case.objects.get().remark == "portal"


def test_value_is_plain_before_and_after_saving(data_key: DataKey, sealed_tables: None) -> None:
    case = Case(data_key=data_key, question="why")
    assert case.question == "why"
    case.save()
    assert case.question == "why"
    assert type(case.question) is str


def test_nothing_is_opened_before_it_is_read(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    monkeypatch.setattr(SealedField, "open", lambda self, instance, sealed: opened.append(self.name))
    fresh = Case.objects.get()
    fresh.refresh_from_db()
    fresh.state = "submitted"
    fresh.save()

    assert opened == []


def test_unchanged_value_is_not_sealed_anew(case: Case) -> None:
    before = stored(case, "question"), stored(case, "answers")
    fresh = Case.objects.get()
    assert fresh.question
    fresh.full_clean(exclude=["remark"])
    fresh.save()

    assert (stored(case, "question"), stored(case, "answers")) == before


def test_changed_value_is_sealed_anew(case: Case) -> None:
    before = stored(case, "question")
    case.question = "Is it treatable?"
    case.save()

    assert stored(case, "question") != before
    assert Case.objects.get().question == "Is it treatable?"


def test_json_changed_in_place_is_saved(case: Case) -> None:
    fresh = Case.objects.get()
    fresh.answers["pain"] = 5
    fresh.save()

    assert Case.objects.get().answers == {"pain": 5}


def test_same_text_is_sealed_differently_each_time(data_key: DataKey, sealed_tables: None) -> None:
    one, two = (Case.objects.create(data_key=data_key, question="same") for _ in range(2))

    assert stored(one, "question") != stored(two, "question")


def test_value_moved_to_another_row_does_not_open(case: Case, data_key: DataKey) -> None:
    other = Case.objects.create(data_key=data_key, question="mine")
    put(other, "question", stored(case, "question"))

    with pytest.raises(SealBroken):
        _ = Case.objects.get(pk=other.pk).question
    assert Case.objects.get(pk=case.pk).question == "Does it spread?"


def test_value_moved_to_another_column_does_not_open(case: Case) -> None:
    put(case, "other", stored(case, "question"))

    with pytest.raises(SealBroken):
        _ = Case.objects.get().other


def test_row_moved_under_another_case_does_not_open(case: Case) -> None:
    line = Line.objects.create(case=case, body="private")
    other = Case.objects.create(data_key=DataKey.objects.make())
    Line.objects.filter(pk=line.pk).update(case=other)

    with pytest.raises(SealBroken):
        _ = Line.objects.get().body
    with pytest.raises(SealBroken):
        Line.objects.get().save()


@pytest.mark.parametrize("position", [0, 5, 20, 40, -1])
def test_changed_byte_does_not_open(case: Case, position: int) -> None:
    damaged = bytearray(stored(case, "question"))
    damaged[position] ^= 1
    put(case, "question", bytes(damaged))

    with pytest.raises(SealBroken):
        _ = Case.objects.get().question


def test_row_copied_under_a_new_id_must_be_opened_first(case: Case) -> None:
    unopened = Case.objects.get()
    unopened.pk = uuid.uuid4()
    with pytest.raises(SealBroken), transaction.atomic():
        unopened.save(force_insert=True)

    opened = Case.objects.get(pk=case.pk)
    assert all(value is not None for value in (opened.question, opened.other, opened.answers, opened.remark))
    opened.pk = uuid.uuid4()
    opened.save(force_insert=True)
    assert Case.objects.get(pk=opened.pk).question == "Does it spread?"


def test_erased_key_cannot_be_read_written_or_guessed(case: Case) -> None:
    case.data_key.erase()
    fresh = Case.objects.select_related("data_key").get()

    with pytest.raises(KeyErased):
        _ = fresh.question
    fresh.refresh_from_db()
    fresh.state = "erased"
    fresh.save()
    fresh.question = "new"
    with pytest.raises(KeyErased):
        fresh.save()


def test_erased_row_can_be_emptied(case: Case) -> None:
    case.data_key.erase()
    fresh = Case.objects.get()
    fresh.question, fresh.answers = "", {}
    fresh.save()

    assert stored(case, "question") == stored(case, "answers") == b""
    assert Case.objects.get().question == ""
    assert Case.objects.get().answers == {}


def test_key_of_a_relation_is_found(case: Case) -> None:
    Line.objects.create(case=case, body="via the case")
    opened_keys.clear()

    assert Line.objects.get().body == "via the case"


def test_many_rows_cost_one_key_query(case: Case) -> None:
    Line.objects.bulk_create(Line(case=case, body=f"line {number}") for number in range(20))
    opened_keys.clear()
    with CaptureQueriesContext(connection) as queries:
        bodies = {line.body for line in Line.objects.select_related("case")}

    assert bodies == {f"line {number}" for number in range(20)}
    assert len(queries) == 2


def test_deferred_values_are_loaded_when_read(case: Case) -> None:
    assert Case.objects.defer("question").get().question == "Does it spread?"
    assert Case.objects.only("state").get().answers == {"pain": 3}
    partial = Case.objects.only("state").get()
    partial.save()
    assert Case.objects.get().question == "Does it spread?"


def test_refresh_forgets_what_was_typed(case: Case) -> None:
    case.question = "typed, not saved"
    case.refresh_from_db()

    assert case.question == "Does it spread?"


def test_null_stays_null(data_key: DataKey, sealed_tables: None) -> None:
    Case.objects.create(data_key=data_key, remark=None)

    assert Case.objects.filter(remark__isnull=True).count() == 1
    assert Case.objects.filter(remark=None).count() == 1
    assert Case.objects.get().remark is None


def test_null_can_be_asked_in_a_subquery(case: Case) -> None:
    inner = Case.objects.filter(pk=models.OuterRef("pk"), remark__isnull=False)

    assert Case.objects.filter(models.Exists(inner)).count() == 1


@pytest.mark.parametrize(
    "ask",
    [
        lambda: Case.objects.filter(question="Does it spread?"),
        lambda: Case.objects.exclude(question="x"),
        lambda: Case.objects.filter(question__icontains="spread"),
        lambda: Case.objects.filter(answers__pain=3),
        lambda: Case.objects.filter(question__in=["x"]),
        lambda: list(Case.objects.order_by("question")),
        lambda: list(Case.objects.order_by("-answers")),
        lambda: list(Line.objects.order_by("case__question")),
        lambda: Case.objects.update(question="clear text"),
        lambda: Case.objects.update(answers={"clear": "text"}),
    ],
)
def test_query_that_would_need_the_plain_value_is_refused(case: Case, ask: Any) -> None:
    with pytest.raises(FieldError, match="sealed"):
        ask()


def test_bulk_update_is_refused(case: Case) -> None:
    case.question = "clear text"
    with pytest.raises(FieldError):
        Case.objects.bulk_update([case], ["question"])


def test_values_and_repr_show_nothing(case: Case) -> None:
    value = Case.objects.values_list("question", flat=True).get()

    assert b"spread" not in value
    assert "spread" not in repr(value) + repr(vars(Case.objects.get())) + repr(vars(case))


def test_export_is_refused(case: Case) -> None:
    with pytest.raises(FieldError, match="export"):
        serializers.serialize("json", [case])


@pytest.mark.parametrize("text", ["nul \0 inside", "half a pair \ud800", "عربي 🩺", "x" * 100_000])
def test_odd_text_does_not_crash(case: Case, text: str) -> None:
    case.question = text
    case.answers = {"text": text}
    case.save()

    assert Case.objects.get().question == text.replace("\ud800", "?")
    assert Case.objects.get().answers == {"text": text}


def test_form_refuses_nul_and_too_long_text(case: Case) -> None:
    form = modelform_factory(Line, fields=["body"])({"body": "a\0b"})
    assert form.errors["body"].as_data()[0].code == "null_characters_not_allowed"
    form = modelform_factory(Line, fields=["body"])({"body": "x" * 51})
    assert form.errors["body"].as_data()[0].code == "max_length"
    with pytest.raises(ValidationError):
        Line(case=case, body="x" * 51).full_clean()


def test_copies_do_not_share_changes(data_key: DataKey) -> None:
    file = StoredFile(data_key=data_key, name="scan.pdf")
    copied = copy.copy(file)
    copied.name = "changed"

    assert file.name == "scan.pdf"


def test_row_without_its_key_says_so(sealed_tables: None) -> None:
    with pytest.raises(ValueError, match="needs data_key"):
        Case.objects.create(question="x")


def test_fields_can_be_written_into_migrations() -> None:
    text = SealedTextField(data_class=DataClass.IDENTITY, key="request.data_key", max_length=80)
    written, imports = MigrationWriter.serialize(text)
    _name, path, args, kwargs = text.deconstruct()

    assert path == "vault.fields.SealedTextField"
    assert "import vault.fields" in imports
    assert "data_class='C2'" in written
    rebuilt = SealedTextField(*args, **kwargs)
    assert (rebuilt.data_class, rebuilt.key, rebuilt.max_length) == (DataClass.IDENTITY, "request.data_key", 80)


def test_column_can_be_added_to_a_table_with_rows(case: Case) -> None:
    connection.check_constraints()
    for name, field in (
        ("added", SealedTextField(key="data_key", blank=True)),
        ("more", SealedJSONField(default=list)),
    ):
        field.set_attributes_from_name(name)
        field.model = Case
        with connection.schema_editor() as editor:
            editor.add_field(Case, field)

        assert stored(case, name) == b""


@isolate_apps("vault")
def test_numbered_ids_and_indexes_are_refused_by_check() -> None:
    class Numbered(models.Model):  # noqa: DJ008
        secret = SealedTextField(unique=True)

        class Meta:
            app_label = "vault"

    found = {message.id for message in Numbered.check() if isinstance(message, checks.Error)}
    assert {"vault.E001", "vault.E002"} <= found


def test_portal_key_seals_what_has_no_request(case: Case) -> None:
    opened_keys.clear()
    key_id = stored(case, "remark")[1:17]

    assert key_id == portal_key().pk.bytes
