"""What may stand in the way of a change, each in a sentence for the person who tried."""

from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _


class ChangeRefused(Exception):
    """A step that is not possible now; `sentence` says why."""

    sentence = _("This is not possible now.")

    def __str__(self) -> str:
        return str(self.sentence)


class NotOpen(ChangeRefused):
    """The change was decided meanwhile."""

    sentence = _("Somebody has decided about this change already.")


class AlreadyDecided(ChangeRefused):
    """The error report was decided meanwhile."""

    sentence = _("Somebody has decided about this report already.")


class NotWaiting(ChangeRefused):
    """The change was sent back and not handed in again."""

    sentence = _("This change was sent back; it can be published when its author hands it in again.")


class OpenChange(ChangeRefused):
    """There is a change of the same object that waits."""

    sentence = _("Another change of this waits for an editor. Decide about that one first.")


class Gone(ChangeRefused):
    """What was to be changed was removed."""

    sentence = _("What this change is about does not exist any more.")


class NoteMissing(ChangeRefused):
    """A change is sent back with a reason only."""

    sentence = _("Write a note: the author needs to know what to change.")


class NothingToUndo(ChangeRefused):
    """Only what was published can be undone."""

    sentence = _("Only a published change can be undone.")


class Stale(ChangeRefused):
    """The published values have changed since the author saw them."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(names)
        self.names = names
        self.sentence = format_lazy(
            _("The published values have changed since: {names}. Open the entry, check it and save it again."),
            names=", ".join(names),
        )


class Invalid(ChangeRefused):
    """The values break a rule of the catalogue."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(problems)
        self.problems = problems
        self.sentence = format_lazy(_("This cannot be published: {problems}"), problems=" ".join(problems))
