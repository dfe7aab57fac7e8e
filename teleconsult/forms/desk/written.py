"""Words to the patient, and words to colleagues."""

from typing import Any

from django.utils.translation import gettext_lazy

from teleconsult import workflow
from teleconsult.enums import (
    Action,
)
from teleconsult.forms.desk.steps import KeyedForm, WordsField
from teleconsult.permissions import Actor


class MessageForm(KeyedForm):
    """Words to the patient."""

    action = Action.SEND_MESSAGE
    title = gettext_lazy("Write to the patient")
    button = gettext_lazy("Send to the patient")
    done = gettext_lazy("The message is sent.")

    text = WordsField(label=gettext_lazy("Your message to the patient"), shortcut="m")

    @property
    def was_sent(self) -> bool:
        return self.case.messages.filter(idempotency_key=self.key).exists()

    def take(self, by: Actor) -> Any:
        return workflow.send_message(
            request=self.case,
            by=by,
            text=self.cleaned_data["text"],
            idempotency_key=self.cleaned_data["idempotency_key"],
        )


class NoteForm(KeyedForm):
    """Words to colleagues."""

    action = Action.WRITE_NOTE
    title = gettext_lazy("Write an internal note")
    button = gettext_lazy("Save the internal note")
    done = gettext_lazy("The note is saved. The patient never sees it.")

    text = WordsField(label=gettext_lazy("Internal note, never shown to the patient"), rows=3, shortcut="n")

    @property
    def was_sent(self) -> bool:
        return self.case.internal_notes.filter(idempotency_key=self.key).exists()

    def take(self, by: Actor) -> Any:
        return workflow.write_note(
            request=self.case,
            by=by,
            text=self.cleaned_data["text"],
            idempotency_key=self.cleaned_data["idempotency_key"],
        )
