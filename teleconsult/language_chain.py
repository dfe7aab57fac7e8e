"""Whether the languages of a consultation fit together, from the papers to the written answer."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from teleconsult.models import Interpreter, Request, SpecialistProfile


class Gap(TextChoices):
    """Where the chain is broken; the words are for those who can mend it."""

    SPECIALIST = "specialist", _("The languages the specialist speaks are not known.")
    DOCUMENTS = (
        "documents",
        _("A document is in a language the specialist does not read and the protocol does not accept."),
    )
    INTERPRETER = "interpreter", _("No interpreter works between the patient’s language and one of the specialist’s.")
    REPORT = "report", _("The answer is written in no language that the patient or the specialist speaks.")


@dataclass(frozen=True)
class Chain:
    """The languages of patient, papers, visit and answer; `gaps` says where they do not meet."""

    patient: str
    # Spoken by the specialist without an interpreter; empty where one is needed.
    direct: str
    documents: frozenset[str]
    report: str
    # Who can interpret, with the language she speaks to the specialist.
    interpreters: dict[uuid.UUID, str] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()

    @property
    def works(self) -> bool:
        return not self.gaps

    @property
    def needs_interpreter(self) -> bool:
        return not self.direct

    def visit_with(self, interpreter_id: uuid.UUID | None) -> str:
        """Return the language the specialist speaks in the visit."""
        return self.interpreters[interpreter_id] if interpreter_id else self.direct


def chain_of(request: Request, specialist: User) -> Chain:
    """Return the chain of a request with a specialist, as it is today."""
    profile = SpecialistProfile.objects.filter(user=specialist).first()
    spoken = profile.languages if profile else []
    protocol = request.protocol
    accepted = set(protocol.document_languages) if protocol else set()
    written = list(protocol.report_languages) if protocol else []
    documents = frozenset(request.papers.exclude(language="").values_list("language", flat=True))
    direct = request.language if request.language in spoken else ""
    interpreters = {} if direct else _between(request.language, spoken)
    report = _report(request.language, written, spoken)
    gaps = []
    if not spoken:
        gaps.append(Gap.SPECIALIST)
    elif not direct and not interpreters:
        gaps.append(Gap.INTERPRETER)
    if accepted and not documents <= accepted | set(spoken):
        gaps.append(Gap.DOCUMENTS)
    if spoken and not report:
        gaps.append(Gap.REPORT)
    return Chain(request.language, direct, documents, report, interpreters, tuple(gaps))


def _between(language: str, spoken: Iterable[str]) -> dict[uuid.UUID, str]:
    """Return the interpreters between a language and one of those spoken, the first that is liked best."""
    found: dict[uuid.UUID, str] = {}
    for interpreter in Interpreter.objects.current().speaking(language).order_by("pk"):
        others = interpreter.spoken_with(language)
        best = next((other for other in spoken if other in others), "")
        if best:
            found[interpreter.pk] = best
    return found


def _report(patient: str, written: list[str], spoken: list[str]) -> str:
    """Return the language of the answer: the patient's, else one that the specialist can explain in the visit."""
    if not written or patient in written:
        return patient
    return next((language for language in written if language in spoken), "")
