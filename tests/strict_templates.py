"""Makes our templates fail loudly in tests: on an undefined variable, and on a translated field printed bare.

Templates of others (Django's admin, allauth) lean on undefined variables and are left alone.
"""

import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.template import Context
from modeltranslation.fields import TranslationFieldDescriptor

TEMPLATES = str(Path(settings.BASE_DIR) / "templates")


class UndefinedVariable(AssertionError):
    """One of our templates prints a variable that nobody gave it."""


class BareTranslatedField(AssertionError):
    """One of our templates prints a translated field without `{% text %}`."""


class Undefined(str):
    """What Django prints for an undefined variable; in a template of ours it raises instead."""

    __slots__ = ()

    def __contains__(self, part: object) -> bool:
        # Django asks for a place to put the variable's name in.
        return part == "%s"

    def __mod__(self, variable: Any) -> str:
        name = template_of(sys._getframe(1).f_locals.get("context"))
        if name.startswith(TEMPLATES):
            raise UndefinedVariable(f"{{{{ {variable} }}}} is undefined in {name.removeprefix(TEMPLATES)}")
        return ""


def template_of(context: Any) -> str:
    """Return the file of the template that is being rendered."""
    template = context.render_context.template if isinstance(context, Context) else None
    return str(template.origin.name) if template is not None else ""


def install() -> None:
    """Make both rules hold from now on."""
    for engine in settings.TEMPLATES:
        engine["OPTIONS"]["string_if_invalid"] = Undefined("undefined")
    read = TranslationFieldDescriptor.__get__

    def refuse_in_templates(self: Any, instance: Any, owner: Any) -> Any:
        caller = sys._getframe(1)
        if instance is not None and caller.f_code.co_name == "_resolve_lookup":
            name = template_of(caller.f_locals["context"])
            if name.startswith(TEMPLATES):
                raise BareTranslatedField(f"{self.field.name} is printed bare in {name.removeprefix(TEMPLATES)}")
        return read(self, instance, owner)

    TranslationFieldDescriptor.__get__ = refuse_in_templates
