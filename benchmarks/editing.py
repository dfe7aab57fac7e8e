"""An editor who publishes one edit of one cure after the other, as the admin does."""

import itertools

from django.db.models import Count

from accounts.models import AssociationRole, User
from accounts.roles import grant
from publishing import workflow
from treatments.models import Treatment


class Editing:
    """Edits of the treatment with the median number of offers."""

    def __init__(self) -> None:
        rows = Treatment.objects.published().annotate(offers_count=Count("offers")).order_by("offers_count", "slug")
        self.treatment = rows[rows.count() // 2]
        self.path = f"/en/treatments/{self.treatment.slug}/"
        self.number = itertools.count(1)
        self.editor = make_editor()

    def publish(self) -> bytes:
        """Publish an edit and return a word that the page now says."""
        word = f"editionnumber{next(self.number)}x"
        self.treatment.refresh_from_db()
        change = workflow.propose_edit(
            edited=self.treatment, after={"summary_en": f"What it is: {word}."}, by=self.editor
        )
        if change:
            workflow.publish(change=change, by=self.editor)
        return word.encode()


def make_editor() -> User:
    """Return the editor, made at the first run."""
    found = AssociationRole.objects.current().filter(role="editor").select_related("user").first()
    if found is None:
        made = User.objects.create_user("editor@example.org", password=None, name="Editor", language="en")
        found = grant(user=made, role="editor", by=None)
    return found.user
