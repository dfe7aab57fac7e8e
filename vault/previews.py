"""What is known of the pictures in a file: the studies of scans, and small pictures that may be shown."""

import base64
import uuid
from datetime import date

from django.db import models
from django.utils import timezone

from vault.data_classes import DataClass
from vault.fields import SealedJSONField, SealedTextField
from vault.files import FileKind, FileState, StoredFile

# What can be looked at.
KINDS = (FileKind.IMAGE, FileKind.DICOM, FileKind.DICOM_ARCHIVE)


class LookQuerySet(models.QuerySet["Look"]):
    """A list of looks."""

    def for_files(self) -> "LookQuerySet":
        """Fetch studies and places of the pictures along, without the pictures themselves."""
        pictures = Preview.objects.defer("jpeg")
        return self.select_related("file").prefetch_related(models.Prefetch("previews", queryset=pictures), "studies")


class Look(models.Model):
    """A file was looked into, once; nothing of it could be shown where no picture hangs on it."""

    data_class = DataClass.OPERATIONAL

    file = models.OneToOneField(StoredFile, primary_key=True, on_delete=models.CASCADE, related_name="look")
    at = models.DateTimeField(default=timezone.now)
    # Files that the directory of the CD names and that are not there.
    lost = models.PositiveIntegerField(default=0)

    objects = LookQuerySet.as_manager()

    def __str__(self) -> str:
        return str(self.pk)


class ScanStudy(models.Model):
    """One examination among the scans of a file, as the scans themselves tell it."""

    data_class = DataClass.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    look = models.ForeignKey(Look, on_delete=models.CASCADE, related_name="studies")
    position = models.PositiveSmallIntegerField()
    # {"date": ISO or "", "body_part", "description", "patient_name", "series": [{"number", "modality", "description",
    # "images", "missing"}]}; texts as the scans say them.
    facts = SealedJSONField(data_class=DataClass.HEALTH, key="look.file.data_key")

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["look", "position"], name="vault_scanstudy_once")]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def taken_on(self) -> date | None:
        """Return the day of the examination, if the scans tell it."""
        return date.fromisoformat(self.facts["date"]) if self.facts["date"] else None

    @property
    def patient_name(self) -> str:
        return str(self.facts["patient_name"])

    @property
    def modalities(self) -> list[str]:
        """Return the DICOM codes of how the pictures were taken, most images first."""
        count: dict[str, int] = {}
        for series in self.facts["series"]:
            count[series["modality"]] = count.get(series["modality"], 0) + series["images"]
        return sorted(filter(None, count), key=lambda code: -count[code])

    @property
    def images(self) -> int:
        return sum(series["images"] for series in self.facts["series"])

    @property
    def missing(self) -> int:
        """Return how many images of the numbered series are left out."""
        return sum(series["missing"] for series in self.facts["series"])


class Preview(models.Model):
    """A small picture that we made ourselves; the only thing of a patient's file that is ever shown in a page."""

    data_class = DataClass.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    look = models.ForeignKey(Look, on_delete=models.CASCADE, related_name="previews")
    position = models.PositiveSmallIntegerField()
    # {} for a photograph; {"study": position, "series": number, "number": of the image, "of": images} for a scan.
    place = SealedJSONField(data_class=DataClass.HEALTH, key="look.file.data_key")
    # In base64.
    jpeg = SealedTextField(data_class=DataClass.HEALTH, key="look.file.data_key")

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["look", "position"], name="vault_preview_once")]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def content(self) -> bytes:
        """Return the JPEG file."""
        return base64.b64decode(self.jpeg)


def files_to_look_at() -> models.QuerySet[StoredFile]:
    """Return the released files with pictures in them that nobody has looked into, oldest first."""
    readable = StoredFile.objects.filter(state__in=[FileState.CLEAN, FileState.UNSCANNED], kind__in=KINDS)
    return readable.filter(look__isnull=True, data_key__erased_at=None).order_by("created_at")
