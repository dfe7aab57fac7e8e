"""What an opinion says: the patient's question part by part, the language, the options with their links, who signed."""

import datetime
import re
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from facilities.models import Facility
from taxonomy.languages import BCP47
from teleconsult import clock
from teleconsult.enums import OptionKind, Role
from teleconsult.models import Addendum, FollowUpQuestion, Opinion, Request
from teleconsult.models.opinions import Signed
from teleconsult.permissions import Actor, roles_of
from treatments.models import Treatment

# A question ends with its mark, and what closes a quotation or a bracket after it.
QUESTION_END = re.compile(r"[?？؟]+[»”’\"')\]）」]*")
# More questions than anybody asks; each is a box of the editor, and a form takes so many fields.
MOST_PARTS = 40
# Registers of clinical trials: ClinicalTrials.gov, and the European one (EU CT number).
TRIALS = (
    (re.compile(r"NCT\d{8}"), "https://clinicaltrials.gov/study/{}"),
    (re.compile(r"\d{4}-\d{6}-\d{2}-\d{2}"), "https://euclinicaltrials.eu/ctis-public/view/{}"),
)
LINE_END = re.compile(r"\n+")


def parts_of(question: str) -> list[str]:
    """Return the patient's own words cut into parts, one a question; nothing is left out and no word is changed.

    A line without a question mark says something about the question that follows it, or about the one before it
    where none follows. What follows the last part there may be stands in it.
    """
    found: list[str] = []
    about = ""
    for line in filter(None, (line.strip() for line in LINE_END.split(question))):
        asked, rest = _questions_in(line)
        if not asked:
            about = f"{about}\n{line}".strip()
            continue
        found.append(f"{about}\n{asked[0]}".strip())
        found += asked[1:]
        about = rest
    if about and found:
        found[-1] += f"\n{about}"
    elif about:
        found.append(about)
    return [*found[: MOST_PARTS - 1], "\n".join(found[MOST_PARTS - 1 :])] if len(found) > MOST_PARTS else found


def _questions_in(line: str) -> tuple[list[str], str]:
    """Return the questions of a line, each with its mark, and what follows the last; in one pass, however long."""
    asked, begin = [], 0
    for end in QUESTION_END.finditer(line):
        asked.append(line[begin : end.end()].strip())
        begin = end.end()
    return asked, line[begin:].strip()


def report_language(request: Request) -> str:
    """Return the language that is agreed: the patient's where the protocol has it, else English, else its first."""
    known = dict(settings.LANGUAGES)
    offered = [code for code in request.protocol.report_languages if code in known] if request.protocol else []
    if not offered or request.language in offered:
        return request.language
    return "en" if "en" in offered else offered[0]


def trial_url(number: str) -> str:
    """Return where a register shows a trial; empty for a number of no known form."""
    return next((address.format(number) for form, address in TRIALS if form.fullmatch(number)), "")


@dataclass(frozen=True)
class OptionCard:
    """One option, as a card on the page: words, and links into the catalogue as far as they lead somewhere."""

    kind: str
    text: str
    treatment: str
    treatment_url: str
    facility: str
    facility_url: str
    trial: str
    trial_url: str

    @property
    def label(self) -> str:
        """Return the kind in the language of whoever reads, which may be the patient's on a page of the desk."""
        return str(OptionKind(self.kind).label)


def cards_of(opinion: Opinion) -> list[OptionCard]:
    """Return the options with their links, in the order the specialist wrote them."""
    rows = opinion.options
    treatments = Treatment.objects.published().filter(slug__in={row["treatment"] for row in rows})
    facilities = Facility.objects.published().filter(slug__in={row["facility"] for row in rows})
    of_treatment = {row.slug: row.get_absolute_url() for row in treatments}
    of_facility = {row.slug: row.get_absolute_url() for row in facilities}
    return [
        OptionCard(
            kind=row["kind"],
            text=row["text"],
            treatment=row["treatment_name"],
            treatment_url=of_treatment.get(row["treatment"], ""),
            facility=row["facility_name"],
            facility_url=of_facility.get(row["facility"], ""),
            trial=row["trial"],
            trial_url=trial_url(row["trial"]),
        )
        for row in rows
    ]


@dataclass(frozen=True)
class Signature:
    """Who signed a text, when, and its hash in groups that can be compared by eye."""

    name: str
    signed_as: Role
    facility: str
    clocks: list[clock.Clock]
    digest: str

    @property
    def role(self) -> str:
        """Return the role in the language of whoever reads."""
        return str(self.signed_as.label)


def signature_of(text: Opinion | Addendum, zone: str) -> Signature | None:
    """Return the signature in words; None for a draft."""
    if text.signed_at is None or text.signer is None:
        return None
    facility = text.facility if isinstance(text, Opinion) else text.opinion.facility
    return Signature(
        name=text.signer["name"],
        signed_as=Role(text.signer["role"]),
        facility=facility.official_name,
        clocks=clock.two_clocks(text.signed_at, zone),
        digest=" ".join(text.digest[at : at + 8] for at in range(0, len(text.digest), 8)),
    )


@dataclass(frozen=True)
class Said:
    """A text of the specialist with its language: what a page needs to print it right."""

    lang: str
    differs: bool
    translated_from: str

    @classmethod
    def of(cls, text: Signed, request: Request) -> "Said":
        return cls(BCP47[text.language], text.language != request.language, text.translated_from)


def page_of(opinion: Opinion) -> dict[str, Any]:
    """Return what every page that shows an opinion prints, in the active language."""
    request = opinion.request
    addenda = [row for row in opinion.addenda.all() if row.is_signed]
    return {
        "opinion": opinion,
        "said": Said.of(opinion, request),
        "question_lang": BCP47.get(request.language, request.language),
        "cards": cards_of(opinion),
        "signature": signature_of(opinion, request.zone),
        "addenda": [(row, Said.of(row, request), signature_of(row, request.zone)) for row in addenda],
        "questions": [question_of(row) for row in opinion.follow_up_questions.all()],
        "until": clock.two_clocks(opinion.closes_at, request.zone) if opinion.closes_at else [],
    }


def question_of(row: FollowUpQuestion) -> dict[str, Any]:
    """Return a question about the opinion and its answer, each with its language."""
    answered_in = row.answer_language or "en"
    return {
        "row": row,
        "lang": BCP47.get(row.language, row.language),
        "answer_lang": BCP47[answered_in],
    }


def delivered(request: Request) -> list[Opinion]:
    """Return the delivered opinions of a request, newest first."""
    rows = request.opinions.signed().select_related("facility", "request__data_key", "assignment")
    return list(rows.prefetch_related("addenda", "follow_up_questions").order_by("-signed_at"))


def is_current(opinion: Opinion, request: Request) -> bool:
    """Return whether its facility still has the case, so that questions can be asked."""
    assignment = request.assignment
    return assignment is not None and assignment.pk == opinion.assignment_id


def may_read(opinion: Opinion, by: Actor, request: Request) -> bool:
    """Return whether somebody of the staff may read the words: the specialist, and her facility once it is delivered.

    A coordinator learns that it is there, and nothing of what it says.
    """
    roles = set(roles_of(by, request))
    return Role.SPECIALIST in roles or (opinion.is_signed and Role.FACILITY_OFFICE in roles)


def last_addition(opinion: Opinion) -> datetime.datetime | None:
    """Return when something was last added to an opinion: an addendum, an answer."""
    moments = [row.signed_at for row in opinion.addenda.all() if row.signed_at]
    moments += [row.answered_at for row in opinion.follow_up_questions.all() if row.answered_at]
    return max(moments, default=None)
