"""What somebody is typing at the desk and has not sent: hers alone, sealed with the case, gone when it is sent."""

from collections.abc import Iterable, Mapping

from django.http import QueryDict
from django.utils import timezone

from teleconsult.models import Request, TypedText
from teleconsult.querysets import Person
from teleconsult.workflow import LONGEST_TEXT

# Twice what a form takes: a text that is too long is shortened by whoever wrote it, not by us.
LONGEST_KEPT = 2 * LONGEST_TEXT


def keep_typed(request: Request, reader: Person, form: str, values: Mapping[str, list[str]]) -> TypedText | None:
    """Keep what stands in a form; nothing typed is nothing kept."""
    cleaned = {name: [value.replace("\0", "")[:LONGEST_KEPT] for value in given] for name, given in values.items()}
    if not any(value.strip() for given in cleaned.values() for value in given):
        forget_typed(request, reader, form)
        return None
    row, _is_new = request.typed_texts.update_or_create(
        user=reader, form=form, defaults={"values": cleaned, "saved_at": timezone.now()}
    )
    return row


def forget_typed(request: Request, reader: Person, form: str) -> None:
    """Remove it: it was sent, or is not wanted any more."""
    request.typed_texts.filter(user_id=reader.pk, form=form).delete()


def typed_by(request: Request, reader: Person) -> dict[str, TypedText]:
    """Return what a person left in the forms of a case, by form; nobody sees what another one typed."""
    return {row.form: row for row in request.typed_texts.filter(user_id=reader.pk)}


def data_of(typed: TypedText) -> QueryDict:
    """Return what stood in a form, as if it were sent now."""
    data = QueryDict(mutable=True)
    for name, given in typed.values.items():
        data.setlist(name, given)
    return data


def values_in(data: QueryDict, names: Iterable[str]) -> dict[str, list[str]]:
    """Return what was sent for some fields."""
    return {name: data.getlist(name) for name in names if name in data}
