"""The opinion of a specialist, what was added to it later, and what the patient asked about it."""

import datetime
import hashlib
import json
import secrets
import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from facilities.models import Facility
from teleconsult.enums import OptionKind, Role
from teleconsult.models.requests import Assignment, Request
from teleconsult.querysets import OpinionQuerySet
from vault.data_classes import DataClass
from vault.fields import SealedJSONField, SealedTextField

# What stands in the canonical form; a change of it needs another number, so that old hashes stay right.
CANONICAL_FORM = 1


class Signed(models.Model):
    """A text that is a draft until it is signed; from then on the database refuses every change (trigger)."""

    # Language of the text, and the one it was translated from, where it is a translation.
    language = models.CharField(_("language"), max_length=10, choices=settings.LANGUAGES, default="en")
    translated_from = models.CharField(_("translated from"), max_length=10, choices=settings.LANGUAGES, blank=True)
    # Counts the saves of the draft: each one carries the number it saw.
    version = models.PositiveIntegerField(default=1)
    begun_at = models.DateTimeField(default=timezone.now)
    saved_at = models.DateTimeField(default=timezone.now)
    signed_at = models.DateTimeField(null=True, blank=True)
    signed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    # SHA-256 of the canonical form, in hexadecimal.
    digest = models.CharField(max_length=64, blank=True)

    class Meta:
        abstract = True

    @property
    def is_signed(self) -> bool:
        return self.signed_at is not None

    def text_to_sign(self) -> dict[str, Any]:
        """Return the words and what they are about, without the signature."""
        raise NotImplementedError

    def canonical(self) -> bytes:
        """Return what the hash is made of: JSON in UTF-8, names sorted, no blanks (see docs/second-opinion.md)."""
        form = {
            "form": CANONICAL_FORM,
            **self.text_to_sign(),
            "signed_at": self.signed_at.astimezone(datetime.UTC).isoformat() if self.signed_at else "",
            "signed_by": str(self.signed_by_id or ""),
        }
        return json.dumps(form, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()

    def computed_digest(self) -> str:
        """Return the hash this text must have."""
        return hashlib.sha256(self.canonical()).hexdigest()


def signed_or_draft(name: str) -> models.CheckConstraint:
    """Return the rule that a signature is whole or absent."""
    return models.CheckConstraint(
        condition=Q(signed_at__isnull=True, signed_by__isnull=True, digest="")
        | Q(signed_at__isnull=False, signed_by__isnull=False, digest__regex="^[0-9a-f]{64}$"),
        name=name,
    )


def make_salt() -> str:
    """Return 128 random bits: with them the hash in the trail says nothing about words that are erased."""
    return secrets.token_hex(16)


class Opinion(Signed):
    """What the specialist of one assignment answers; a draft of hers alone until she signs it."""

    data_class = DataClass.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(Request, on_delete=models.PROTECT, related_name="opinions")
    assignment = models.OneToOneField(Assignment, on_delete=models.PROTECT, related_name="opinion")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    # [{"question", "answer", "is_joined", "is_patients"}]: the patient's question part by part in her own words;
    # a joined part is answered together with the one before it.
    answers = SealedJSONField(key="request.data_key", default=list)
    # In plain words, the first thing the patient reads.
    plain_words = SealedTextField(key="request.data_key", blank=True)
    # [{"kind", "text", "treatment", "treatment_name", "facility", "facility_name", "trial"}]: slugs, and the names as
    # they were when it was signed.
    options = SealedJSONField(key="request.data_key", default=list)
    letter = SealedTextField(key="request.data_key", blank=True)
    # As they stood when it was signed.
    signer = SealedJSONField(key="request.data_key", data_class=DataClass.IDENTITY, null=True, blank=True)
    salt = SealedTextField(key="request.data_key", default=make_salt)
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="+")

    # When the promise was due; nothing was promised without it.
    due_at = models.DateTimeField(null=True, blank=True)
    # What the protocol allows: so many questions, until then. The case closes by itself at `closes_at`.
    follow_up_limit = models.PositiveSmallIntegerField(default=0)
    closes_at = models.DateTimeField(null=True, blank=True)

    objects = OpinionQuerySet.as_manager()

    class Meta:
        ordering = ["begun_at"]
        constraints = [
            signed_or_draft("opinion_signed_or_draft"),
            models.CheckConstraint(
                condition=Q(signed_at__isnull=True, closes_at__isnull=True, due_at__isnull=True)
                | Q(signed_at__isnull=False, closes_at__gt=F("signed_at")),
                name="opinion_delivered_closes",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.request}, {self.facility}"

    @property
    def is_on_time(self) -> bool | None:
        """Return whether it was delivered in the promised time; None where nothing was promised."""
        if self.due_at is None or self.signed_at is None:
            return None
        return self.signed_at <= self.due_at

    @property
    def answered(self) -> list[dict[str, Any]]:
        """Return questions with their answers; parts answered together are one."""
        found: list[dict[str, Any]] = []
        for part in self.answers:
            if part["is_joined"] and found:
                found[-1]["question"] += "\n\n" + part["question"]
            else:
                found.append(dict(part))
        return found

    @property
    def added(self) -> int:
        """Return how many addenda are delivered."""
        return sum(row.is_signed for row in self.addenda.all())

    @property
    def questions_left(self) -> int:
        return max(0, self.follow_up_limit - self.follow_up_questions.count())

    def text_to_sign(self) -> dict[str, Any]:
        return {
            "kind": "opinion",
            "id": str(self.pk),
            "reference": self.request.reference,
            "salt": self.salt,
            "language": self.language,
            "translated_from": self.translated_from,
            "answers": [{"question": part["question"], "answer": part["answer"]} for part in self.answered],
            "plain_words": self.plain_words,
            "options": self.options,
            "letter": self.letter,
            "signer": self.signer,
            "facility": self.facility.slug,
        }


class Addendum(Signed):
    """What a specialist adds to a delivered opinion, signed by itself."""

    data_class = DataClass.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    opinion = models.ForeignKey(Opinion, on_delete=models.PROTECT, related_name="addenda")
    # 1 for the first of an opinion.
    number = models.PositiveSmallIntegerField()
    text = SealedTextField(key="opinion.request.data_key", blank=True)
    signer = SealedJSONField(key="opinion.request.data_key", data_class=DataClass.IDENTITY, null=True, blank=True)
    salt = SealedTextField(key="opinion.request.data_key", default=make_salt)

    class Meta:
        ordering = ["number"]
        constraints = [
            signed_or_draft("addendum_signed_or_draft"),
            models.UniqueConstraint(fields=["opinion", "number"], name="addendum_number_once"),
            models.UniqueConstraint(fields=["opinion"], condition=Q(signed_at__isnull=True), name="addendum_one_draft"),
        ]

    def __str__(self) -> str:
        return f"{self.opinion}, {self.number}"

    def text_to_sign(self) -> dict[str, Any]:
        return {
            "kind": "addendum",
            "id": str(self.pk),
            "opinion": self.opinion.digest,
            "number": self.number,
            "reference": self.opinion.request.reference,
            "salt": self.salt,
            "language": self.language,
            "translated_from": self.translated_from,
            "text": self.text,
            "signer": self.signer,
            "facility": self.opinion.facility.slug,
        }


class FollowUpQuestion(models.Model):
    """What the patient asks about the opinion, and the specialist's answer; neither is changed afterwards (trigger)."""

    data_class = DataClass.OPERATIONAL

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    opinion = models.ForeignKey(Opinion, on_delete=models.PROTECT, related_name="follow_up_questions")
    number = models.PositiveSmallIntegerField()
    role = models.CharField(max_length=20, choices=Role.choices)
    question = SealedTextField(key="opinion.request.data_key")
    language = models.CharField(max_length=10)
    asked_at = models.DateTimeField(default=timezone.now)
    answer = SealedTextField(key="opinion.request.data_key", blank=True)
    answer_language = models.CharField(max_length=10, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    # Of the form that asked: pressed twice, one question.
    idempotency_key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["opinion", "number"], name="follow_up_number_once"),
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True, answered_by__isnull=True)
                | Q(answered_at__isnull=False, answered_by__isnull=False),
                name="follow_up_answered_or_not",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.opinion}, {self.number}"

    @property
    def is_answered(self) -> bool:
        return self.answered_at is not None


def option(kind: OptionKind | str, text: str, **about: str) -> dict[str, str]:
    """Return one option as it is kept; what is not named is empty."""
    names = ("treatment", "treatment_name", "facility", "facility_name", "trial")
    return {"kind": str(kind), "text": text} | {name: about.get(name, "") for name in names}
