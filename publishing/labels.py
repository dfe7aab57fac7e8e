"""What a page says about a text: in which language it is shown, who wrote it, whether a doctor has read it."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.contenttypes.models import ContentType
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Model, OuterRef
from django.utils import translation

from publishing.enums import TextStatus
from publishing.models import TextState
from publishing.templatetags.text import text_of
from taxonomy.languages import language_name
from taxonomy.rows import Row, instances, rows_along


@dataclass(frozen=True)
class TextLabel:
    """One sentence under a text, as templates/components/text_state.html prints it."""

    state: str
    language_name: str = ""


def states_along(model: type[Model], field: str, code: str) -> ArraySubquery:
    """Return an annotation with the states of a field in a language and in English, for `labels_of`."""
    states = TextState.objects.filter(
        content_type=ContentType.objects.get_for_model(model),
        object_id=OuterRef("pk"),
        field=field,
        language__in={code, "en"},
    )
    return rows_along(states.only("language", "status", "is_medically_reviewed"))


def labels_of(source: Model, field: str, states: Iterable[Row]) -> list[TextLabel]:
    """Return what must be said about a medical text as the reader sees it; nothing about an empty text.

    `states` are what `states_along` brought. A text without a state counts as not reviewed.
    """
    shown = text_of(source, field)
    if not shown.value:
        return []
    known = instances(TextState, list(states))
    state = next((state for state in known if state.language == shown.language), None)
    labels = []
    if shown.is_fallback:
        labels.append(TextLabel("fallback", language_name(shown.language, translation.get_language() or "en")))
    if state and state.status == TextStatus.OUTDATED:
        labels.append(TextLabel("out_of_date"))
    is_machine = state is not None and state.status == TextStatus.MACHINE
    is_reviewed = state is not None and state.is_medically_reviewed
    if is_machine and not is_reviewed:
        labels.append(TextLabel("machine_not_reviewed"))
    elif is_machine:
        labels.append(TextLabel("machine"))
    elif not is_reviewed:
        labels.append(TextLabel("not_reviewed"))
    return labels
