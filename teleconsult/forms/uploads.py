"""What is said beside a file that arrives in chunks: the form of a paper without the file."""

import re
import uuid
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from taxonomy.languages import without_tricks
from teleconsult.forms.patient import DocumentForm
from vault.files import NAME_LENGTH

FINGERPRINT = re.compile(r"[0-9a-f]{64}")


class UploadForm(DocumentForm):
    """The fields of the header Upload-Metadata."""

    filename = forms.CharField(
        required=False,
        max_length=NAME_LENGTH,
        error_messages={"max_length": _("The name of this file is too long. Give it a shorter one.")},
    )
    fingerprint = forms.CharField(required=False)
    key = forms.UUIDField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["file"]
        self.fields["kind"].required = False

    def clean_filename(self) -> str:
        """Drop from the name what nobody sees, and folders."""
        name = without_tricks(self.cleaned_data["filename"]).replace("\\", "/").rpartition("/")[2]
        return name.strip() or "document"

    def clean_fingerprint(self) -> str:
        """Keep a digest, and nothing else."""
        digest = self.cleaned_data["fingerprint"]
        return digest if FINGERPRINT.fullmatch(digest) else ""

    def clean_kind(self) -> str:
        """Take the first kind where none is said."""
        return self.cleaned_data["kind"] or str(self.fields["kind"].initial)

    def clean(self) -> dict[str, Any]:
        """Name the upload where its sender did not."""
        answers = super().clean() or {}
        if not answers.get("key"):
            answers["key"] = uuid.uuid4()
        return answers

    def details(self) -> dict[str, Any]:
        """Return what the upload is begun with."""
        answers = self.cleaned_data
        said = super().details()
        del said["upload"]
        about = {name: answers[name] for name in ("fingerprint",)}
        return said | about | {"name": answers["filename"], "idempotency_key": answers["key"]}
