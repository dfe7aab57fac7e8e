"""Says who stands behind a text once an editor has published it, and which translations it puts out of date."""

from typing import Any

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.utils import timezone

from accounts.models import User
from publishing.editing import text_of_column
from publishing.enums import TextStatus
from publishing.loading.writing import DEPENDENT, source_hash
from publishing.models import TextState
from taxonomy.languages import column

SOURCE = settings.LANGUAGE_CODE


def mark_texts(published: Model, names: list[str], by: User) -> None:
    """Write the states of the texts among the columns just published."""
    texts = {text_of_column(type(published), name) for name in names} - {("", "")}
    for field, language in sorted(texts):
        mark(published, field, language, by)
    for field in {field for field, language in texts if language == SOURCE}:
        mark_outdated(published, field, {language for name, language in texts if name == field})


def mark(published: Model, field: str, language: str, by: User) -> None:
    """Write the state of one text: an original, a person's translation, or missing."""
    english = text(published, field, SOURCE)
    of_text = {
        "content_type": ContentType.objects.get_for_model(published),
        "object_id": published.pk,
        "field": field,
        "language": language,
    }
    if not text(published, field, language):
        TextState.objects.filter(**of_text).delete()
        # Other words for a thing need not exist in every language.
        if english and isinstance(english, str):
            TextState.objects.create(**of_text, status=TextStatus.MISSING)
        return
    is_original = language == SOURCE or not english
    state = {
        "status": TextStatus.ORIGINAL if is_original else TextStatus.TRANSLATED,
        "source_hash": "" if is_original else source_hash(english),
        "is_medically_reviewed": False,
        "reviewed_by": by,
        "changed_at": timezone.now(),
    }
    TextState.objects.update_or_create(**of_text, defaults=state)


def mark_outdated(published: Model, field: str, just_written: set[str]) -> None:
    """Mark the translations made from another English text than the present one."""
    present = source_hash(text(published, field, SOURCE) or "")
    TextState.objects.filter(
        content_type=ContentType.objects.get_for_model(published),
        object_id=published.pk,
        field=field,
        status__in=DEPENDENT,
    ).exclude(language__in=just_written).exclude(source_hash__in=["", present]).update(
        status=TextStatus.OUTDATED, changed_at=timezone.now()
    )


def copy_states(of: Model, to: Model) -> None:
    """Let the same people stand behind the texts of a copy."""
    states = TextState.objects.filter(content_type=ContentType.objects.get_for_model(of), object_id=of.pk)
    for state in states:
        state.pk, state.object_id = None, to.pk
    TextState.objects.bulk_create(states)


def text(published: Model, field: str, language: str) -> Any:
    """Return a text, or a list of words, in a language."""
    return getattr(published, f"{field}_{column(language)}")
