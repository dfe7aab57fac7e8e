"""What every form of a step has: an address, the version that was seen, the words that are kept."""

import uuid
from collections.abc import Iterable
from functools import cached_property
from typing import Any, ClassVar

from django import forms
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from facilities.models import Facility
from teleconsult import desk, message_templates
from teleconsult.enums import (
    Action,
)
from teleconsult.forms.patient import PlainTextField
from teleconsult.models import Request, TypedText
from teleconsult.permissions import Actor
from teleconsult.reach import reached_facilities
from teleconsult.workflow import LONGEST_TEXT


class WordsField(PlainTextField):
    """Words of staff, in any language: the direction follows what is typed."""

    default_error_messages = {
        "required": gettext_lazy("Write something first."),
        "max_length": gettext_lazy(
            "Your text has %(show_value)s characters; %(limit_value)d fit here. Nothing is lost: shorten it."
        ),
    }

    def __init__(self, *, rows: int = 4, shortcut: str = "", **kwargs: Any) -> None:
        leads_here = {"data-key": shortcut} if shortcut else {}
        widget = forms.Textarea(attrs={"rows": rows, "dir": "auto", **leads_here})
        super().__init__(max_length=LONGEST_TEXT, widget=widget, **kwargs)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        """Leave `maxlength` out: a browser would cut a long text without a word."""
        return {}


def facility_choice(facility: Facility, *notes: str) -> SafeString:
    """Return a facility as a choice, with smaller lines below it."""
    name = format_html('<span lang="it" dir="ltr">{}</span>', facility.short_name)
    return name + format_html_join("", "<small>{}</small>", ((note,) for note in notes))


class StepForm(forms.Form):
    """A step of a case; each has an address of its own and carries the version that was seen."""

    action: ClassVar[Action]
    title: ClassVar[str | Promise]
    button: ClassVar[str | Promise]
    # What happens then, in one sentence.
    hint: ClassVar[str | Promise] = ""
    # What speaks against doing it at all.
    warning: ClassVar[str | Promise] = ""
    done: ClassVar[str | Promise] = gettext_lazy("Done.")
    is_danger: ClassVar[bool] = False
    # A message or a note adds to a case and changes nothing others decide upon.
    is_versioned: ClassVar[bool] = True

    use_required_attribute = False

    seen_version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, case: Request, reader: User, typed: TypedText | None = None, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", f"{self.action}-%s")
        super().__init__(*args, **kwargs)
        self.typed = typed
        if typed is not None:
            self.initial = self._left(typed) | dict(self.initial)
        self.case, self.reader = case, reader
        if not self.is_versioned:
            del self.fields["seen_version"]
        self.prepare()

    def _left(self, typed: TypedText) -> dict[str, Any]:
        """Return what was left in the fields, one value or several."""
        fields = {name: field for name, field in self.fields.items() if not field.widget.is_hidden}
        several = {name for name, field in fields.items() if isinstance(field, forms.MultipleChoiceField)}
        kept = {name: given for name, given in typed.values.items() if name in fields and given}
        return {name: given if name in several else given[0] for name, given in kept.items()}

    @property
    def typed_words(self) -> str:
        """Return when what is being typed was kept last."""
        moment = desk.time_words(self.typed.saved_at) if self.typed else ""
        return _("Kept for you, %(moment)s") % {"moment": moment} if moment else ""

    @property
    def names(self) -> list[str]:
        """Return the fields in which somebody types or chooses."""
        return [field.name for field in self.visible_fields()]

    @property
    def heading(self) -> str:
        """Return the name of the step; some name a person in it."""
        return str(self.title)

    @property
    def url_name(self) -> str:
        """Return the name of the address to which it is sent."""
        return f"desk:{self.action.value}"

    @property
    def is_possible(self) -> bool:
        """Return whether there is something to choose from."""
        return True

    @property
    def is_one_press(self) -> bool:
        """Return whether nothing is to be filled in."""
        return not self.visible_fields()

    @property
    def typed_texts(self) -> list[str]:
        """Return the longer texts somebody typed: they are shown again whatever happens."""
        long = [name for name, field in self.fields.items() if isinstance(field.widget, forms.Textarea)]
        return [text for name in long if (text := str(self[name].value() or "").strip())]

    @property
    def templates(self) -> list[message_templates.MessageTemplate]:
        """Return the ready-made texts for this step in the patient's language."""
        return message_templates.templates_for(self.action, self.case.language, desk.active_language())

    @property
    def was_sent(self) -> bool:
        """Return whether this very form was sent: what is still on its way to be kept comes too late."""
        return False

    def prepare(self) -> None:
        """Set choices that depend on the case."""

    def seen(self) -> int:
        """Return the version that was on the screen; without one, none that ever was."""
        version = self.cleaned_data.get("seen_version")
        return -1 if version is None else version

    def take(self, by: Actor) -> Any:
        """Take the step; raises RequestError."""
        raise NotImplementedError

    def with_template(self, key: str) -> str:
        """Return what was typed, followed by a ready-made text."""
        found = message_templates.template(key, self.action, self.case.language, desk.active_language())
        typed = str(self["text"].value() or "").strip()
        return "\n\n".join(part for part in (typed, found.text if found else "") if part)


class FacilityStepForm(StepForm):
    """A step about a facility that is reached through the portal."""

    @cached_property
    def reached(self) -> list[Facility]:
        """Return the facilities a request about this treatment can be sent to."""
        return list(reached_facilities(self.case.treatment))

    @cached_property
    def consented(self) -> set[int]:
        """Return the facilities for which a consent is live."""
        live = self.case.consents.live().filter(facility__isnull=False)
        return set(live.values_list("facility_id", flat=True))

    @cached_property
    def matches(self) -> list[desk.Match]:
        """Return the same with how far the protocol of each fits the case, the best first."""
        return desk.matches_of(self.case, self.reached)

    @cached_property
    def not_reached(self) -> list[Facility]:
        """Return those that are not reached, to be named with their own address."""
        return desk.not_reached(self.case, self.reached)

    def note_on(self, facility: Facility) -> str:
        """Return what is worth knowing beside the name."""
        is_wished = facility.pk == self.case.facility_id
        consent = _("Consent given") if facility.pk in self.consented else _("No consent yet")
        return _("%(consent)s; the patient’s wish") % {"consent": consent} if is_wished else consent

    def choices_of(self, facilities: Iterable[Facility]) -> list[tuple[str, SafeString]]:
        """Return choices by slug with consent and fit, the patient's wish first, then what fits best."""
        ordered = sorted(self._matches_of(facilities), key=lambda match: match.facility.pk != self.case.facility_id)
        return [
            (match.facility.slug, facility_choice(match.facility, self.note_on(match.facility), match.words))
            for match in ordered
        ]

    def matching_choices(self, facilities: Iterable[Facility]) -> list[tuple[str, SafeString]]:
        """Return choices by slug with how far the protocol fits, the best first."""
        return [
            (match.facility.slug, facility_choice(match.facility, match.words))
            for match in self._matches_of(facilities)
        ]

    def _matches_of(self, facilities: Iterable[Facility]) -> list[desk.Match]:
        kept = {facility.pk for facility in facilities}
        return [match for match in self.matches if match.facility.pk in kept]

    def chosen(self, name: str = "facility") -> Facility:
        """Return the facility that was chosen."""
        return next(facility for facility in self.reached if facility.slug == self.cleaned_data[name])


class KeyedForm(StepForm):
    """Words that add to the case: pressed twice, one row."""

    is_versioned = False

    idempotency_key = forms.UUIDField(widget=forms.HiddenInput)

    @property
    def key(self) -> uuid.UUID | None:
        """Return the id that the form carries, if it is one."""
        try:
            return uuid.UUID(str(self["idempotency_key"].value()))
        except ValueError:
            return None

    def prepare(self) -> None:
        """Give the text an id of its own."""
        self.initial.setdefault("idempotency_key", uuid.uuid4())
