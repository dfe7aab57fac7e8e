"""What a page says about a text: in which language it is shown, who wrote it, whether a doctor has read it."""

from dataclasses import dataclass

from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.utils import translation

from publishing.enums import TextStatus
from publishing.models import TextState
from publishing.templatetags.text import text_of
from taxonomy.languages import language_name


@dataclass(frozen=True)
class TextLabel:
    """One sentence under a text, as templates/components/text_state.html prints it."""

    state: str
    language_name: str = ""


def labels_of(source: Model, field: str) -> list[TextLabel]:
    """Return what must be said about a medical text as the reader sees it; one query, none for an empty text.

    A text without a state counts as not reviewed.
    """
    shown = text_of(source, field)
    if not shown.value:
        return []
    state = TextState.objects.filter(
        content_type=ContentType.objects.get_for_model(source),
        object_id=source.pk,
        field=field,
        language=shown.language,
    ).first()
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
