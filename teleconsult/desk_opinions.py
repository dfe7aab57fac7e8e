"""What the desk says about the opinions of a case: who writes, what is delivered, what waits for an answer."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from teleconsult import desk, opinions, reading, references, workflow
from teleconsult.desk import time_words
from teleconsult.enums import Action, Delivery, Status
from teleconsult.models import Opinion, Request
from teleconsult.permissions import Actor
from teleconsult.querysets import Person
from typesetting.coverage import unprintable


def find_case(reference: str, reader: Person) -> Request:
    """Return the case of an opinion; of a closed one its opinion opens for whoever signed it, and nothing else.

    Raises `desk.NoSuchCase`.
    """
    own = Opinion.objects.visible_to(reader).own_of_closed(reader)
    opinion = own.filter(request__reference=references.normalise(reference))
    found = opinion.select_related("request__data_key", "request__office").first()
    return found.request if found else desk.find_case(reference, reader)


def typed_key(action: Action, question: uuid.UUID | None = None) -> str:
    """Return under what name the words typed into a form about an opinion are kept."""
    return f"{action.value}:{question.hex[:12]}" if question else action.value


@dataclass(frozen=True)
class OpinionLine:
    """One opinion on the page of the case: where it stands in words, and what the reader can do with it."""

    state: str
    title: str
    sentences: list[str]
    url: str = ""
    label: str = ""
    is_next_step: bool = False


def lines_of(case: Request, by: Actor) -> list[OpinionLine]:
    """Return the opinions a reader of the case may know of, newest first; before the first save the way to write it."""
    if by.user is None:
        return []
    rows = Opinion.objects.visible_to(by.user).filter(request=case).select_related("facility", "assignment", "request")
    lines = [_line(opinion, case, by) for opinion in rows.order_by("-begun_at")]
    can_write = workflow.allows(Action.WRITE_OPINION, by, case)
    if can_write and not any(row.assignment.ended_at is None for row in rows):
        url = reverse("desk:opinion", args=[case.reference])
        lines.insert(0, OpinionLine("plain", _("No opinion yet"), [], url, _("Write the opinion"), is_next_step=True))
    return lines


def _line(opinion: Opinion, case: Request, by: Actor) -> OpinionLine:
    url = reverse("desk:opinion", args=[case.reference])
    can_read = opinions.may_read(opinion, by, case) and opinion.assignment.ended_at is None
    if not opinion.is_signed:
        saved = _("Last saved on %(moment)s.") % {"moment": time_words(opinion.saved_at)}
        can_write = can_read and workflow.allows(Action.WRITE_OPINION, by, case)
        label = _("Go on writing") if can_write else ""
        return OpinionLine("sky", _("Being written"), [saved], url if can_write else "", label, is_next_step=can_write)
    return OpinionLine(
        "leaf" if opinion.is_on_time is not False else "brick",
        _("Delivered"),
        delivery_words(opinion),
        url if can_read else "",
        _("Read the opinion") if can_read else "",
    )


def delivery_words(opinion: Opinion) -> list[str]:
    """Return who signed, when, whether in time, whether it was read, and what waits."""
    signer = opinion.signer["name"] if opinion.signer else ""
    moment = time_words(opinion.signed_at or opinion.saved_at)
    words = [_("Signed by %(name)s on %(moment)s.") % {"name": signer, "moment": moment}]
    if opinion.is_on_time is not None:
        words.append(str((Delivery.ON_TIME if opinion.is_on_time else Delivery.LATE).label))
    read_at = reading.patient_opened(opinion)
    words.append(
        _("The patient opened it on %(moment)s.") % {"moment": time_words(read_at)}
        if read_at
        else _("The patient has not opened it yet.")
    )
    waiting = opinion.follow_up_questions.filter(answered_at__isnull=True).count()
    if waiting:
        words.append(
            ngettext(
                "%(count)s question of the patient waits for an answer.",
                "%(count)s questions of the patient wait for an answer.",
                waiting,
            )
            % {"count": waiting}
        )
    if opinion.closes_at and opinion.request.status == Status.OPINION_READY:
        words.append(
            _("The case closes by itself on %(moment)s, unless a question waits.")
            % {"moment": time_words(opinion.closes_at)}
        )
    return words


def names_not_found(opinion: Opinion) -> list[str]:
    """Return the names typed into options that the catalogue does not know."""
    pairs = (("treatment", "treatment_name"), ("facility", "facility_name"))
    return [row[name] for row in opinion.options for slug, name in pairs if row[name] and not row[slug]]


def problems_of(opinion: Opinion) -> list[str]:
    """Return what keeps an opinion from being signed, in sentences for its author."""
    found = []
    unanswered = sum(not part["answer"] for part in opinion.answered)
    if unanswered or not opinion.answered:
        found.append(_("A question has no answer yet."))
    if not opinion.plain_words:
        found.append(_("The summary in plain words is missing."))
    found += [
        _("The catalogue does not know “%(name)s”. Choose a name of the list, or leave the field empty.")
        % {"name": name}
        for name in names_not_found(opinion)
    ]
    written = [opinion.plain_words, opinion.letter, *(part["answer"] for part in opinion.answers)]
    signs = unprintable([*written, *(row["text"] for row in opinion.options)])
    if signs:
        found.append(unprintable_words(signs))
    return found


def unprintable_words(signs: Iterable[str]) -> str:
    """Return the sentence about signs that our fonts cannot print."""
    return _("These signs cannot be printed in the PDF: %(signs)s. Write them in words.") % {"signs": " ".join(signs)}
