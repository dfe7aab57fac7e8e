"""Rows of other tables that come along with one query, as JSON: a page asks once for all that stands around a thing."""

from typing import Any, TypeVar, cast

from django.contrib.postgres.expressions import ArraySubquery
from django.db import models
from django.db.models.functions import JSONObject
from modeltranslation.translator import NotRegistered, translator

Row = dict[str, Any]
M = TypeVar("M", bound=models.Model)


def rows_along(rows: models.QuerySet) -> ArraySubquery:
    """Return an annotation that brings rows along in their order; they name the outer row by `OuterRef`."""
    row = JSONObject(**{name: name for name in _columns(rows)})
    # In two steps: modeltranslation adds every column to `values(row=…)`.
    return ArraySubquery(rows.annotate(row=row).values("row"))


def instances(model: type[M], found: list[Row]) -> list[M]:
    """Return what `rows_along` brought as objects; a column that was left out is loaded when it is asked for."""
    if not found:
        return []
    fields = [field for field in model._meta.concrete_fields if field.attname in found[0]]
    names = [field.attname for field in fields]
    return [
        cast(M, model.from_db(None, names, [field.to_python(row[field.attname]) for field in fields])) for row in found
    ]


def _columns(rows: models.QuerySet) -> list[str]:
    """Return the columns a queryset loads, without those modeltranslation keeps beside the languages."""
    names, are_left_out = rows.query.deferred_loading
    originals = _originals(rows.model)
    return [
        field.attname
        for field in rows.model._meta.concrete_fields
        if field.name not in originals and (field.primary_key or (field.name in names) != are_left_out)
    ]


def _originals(model: type[models.Model]) -> set[str]:
    try:
        return set(translator.get_options_for_model(model).get_field_names())
    except NotRegistered:
        return set()
