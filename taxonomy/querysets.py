"""Words that every translated list of the catalogue shares."""

from typing import Self, cast

from django.conf import settings
from django.db import models
from django.db.models import Func, IntegerField, OuterRef, Subquery
from modeltranslation.translator import translator

from taxonomy.languages import column


def columns_of_others(model: type[models.Model], code: str, prefix: str = "") -> list[str]:
    """Return the columns of a model that neither English nor the language needs, to be deferred."""
    wanted = {column(code), "en"}
    fields = translator.get_options_for_model(model).get_field_names()
    others = [column(other) for other, _name in settings.LANGUAGES if column(other) not in wanted]
    return [f"{prefix}{field}_{other}" for field in fields for other in others]


def row_count(rows: models.QuerySet) -> Subquery:
    """Return a subquery that counts rows; PostgreSQL runs it for the rows of the page only, unlike a join."""
    counted = rows.order_by().annotate(number_of_rows=Func("pk", function="COUNT", output_field=IntegerField()))
    return Subquery(counted.values("number_of_rows"), output_field=IntegerField())


class TranslatedQuerySet(models.QuerySet):
    """A list whose texts stand in one column a language."""

    def in_language(self, code: str, *related: str) -> Self:
        """Load that language and English only, in the order of that language; `related` rows come along likewise."""
        unwanted = columns_of_others(self.model, code)
        for name in related:
            model = cast(type[models.Model], self.model._meta.get_field(name).related_model)
            unwanted += columns_of_others(model, code, f"{name}__")
        rows = self.select_related(*related) if related else self
        return rows.defer(*unwanted).order_by(f"sort_key_{column(code)}", "slug")

    def without(self, field: str, code: str) -> Self:
        """Leave out a long text that a list does not show; call it after `in_language`."""
        return self.defer(field, f"{field}_en", f"{field}_{column(code)}")

    def with_counts(self, **related: models.QuerySet) -> Self:
        """Add `<relation>_count` for each relation: how many of the given rows belong to it."""
        counts = {}
        for relation, rows in related.items():
            way_back = self.model._meta.get_field(relation).remote_field.name
            counts[f"{relation}_count"] = row_count(rows.filter(**{way_back: OuterRef("pk")}))
        return self.annotate(**counts)
