"""The opinion on paper: PDF/UA in its language, set when it is asked for and kept nowhere."""

import re
import unicodedata
from importlib import import_module
from io import BytesIO
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from taxonomy.languages import direction_of, isolated, language_name
from teleconsult import clock, mailings, opinions
from teleconsult.models import Addendum, Opinion
from teleconsult.models.opinions import Signed
from typesetting.coverage import unprintable, with_replacements
from typesetting.press import typeset

TEMPLATE = "typeset/opinion.typ"
# What is longer than a line and no word that can be hyphenated may be broken anywhere: at places nobody sees.
# Addresses break by themselves after their slashes, hyphens and question marks.
LONGEST_RUN, LONGEST_WORD, PIECE = 40, 70, 20
BREAK = "\u200b"
# Scripts without blanks between words (Thai, Lao, Tibetan, Myanmar, Khmer, Chinese, kana): they break by themselves.
WITHOUT_BLANKS = r"\u0e00-\u109f\u1780-\u17ff\u3000-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
RUN = re.compile(rf"[^\s/?\-{WITHOUT_BLANKS}]{{{LONGEST_RUN},}}")
JOINER = "\u200d"
# A dose is read wrong when its unit, or the sign that says "at least", stands on another line.
UNIT = r"mmHg|kPa|mmol|mcg|мкг|[GMk]?Bq|c?Gy|m?Sv|UI|IU|[µμmkcdn]?[gLlm]|[мк]?г|мл|с?м|мм|°C|[%‰]"
BLANK_IN_DOSE = re.compile(rf"(?<=\d) (?=(?:{UNIT})(?![^\W\d_²³]))|(?<=[≥≤<>±~]) (?=\d)")
NO_BREAK_SPACE = "\u00a0"


def pdf(opinion: Opinion) -> bytes:
    """Return the opinion with its addenda and the answered questions; a draft says that it is one."""
    return typeset(TEMPLATE, data_of(opinion))


def data_of(opinion: Opinion) -> dict[str, Any]:
    """Return what the template prints, in the language of the opinion; words are values there and never code."""
    with translation.override(opinion.language):
        return _data(opinion)


def _data(opinion: Opinion) -> dict[str, Any]:
    request = opinion.request
    language = opinion.language
    closes = opinion.closes_at
    return {
        "language": language,
        # Nothing about health: a title is shown in lists of files.
        "title": _("Opinion %(reference)s") % {"reference": request.reference},
        "reference": request.reference,
        "is_draft": not opinion.is_signed,
        "labels": _labels(),
        "notices": _notices(opinion),
        "patient": [isolated(block(request.patient_name))] if request.patient_name else [],
        "facility": block(opinion.facility.official_name),
        "plain_words": said(opinion.plain_words, language),
        "answers": [
            {
                "question": said(part["question"], request.language if part["is_patients"] else language),
                "is_patients": part["is_patients"],
                "answer": said(part["answer"], language),
            }
            for part in opinion.answered
        ],
        "options": [
            {
                "kind": card.label,
                "text": said(card.text, language),
                "treatment": block(card.treatment),
                "facility": block(card.facility),
                "trial": block(card.trial),
                "trial_url": card.trial_url,
            }
            for card in opinions.cards_of(opinion)
        ],
        "letter": said(opinion.letter, language),
        "signature": _signature(opinion, request.zone),
        "addenda": [
            {
                "heading": _("Addendum %(number)s") % {"number": row.number},
                "notices": _translation_notice(row),
                "text": said(row.text, row.language),
                "signature": _signature(row, request.zone),
            }
            for row in opinion.addenda.all()
            if row.is_signed
        ],
        "questions": [
            {
                "question": said(row.question, row.language),
                "answer": said(row.answer, row.answer_language or language),
                "answered": [_moment(face) for face in clock.two_clocks(row.answered_at, request.zone)],
            }
            for row in opinion.follow_up_questions.all()
            if row.answered_at
        ],
        "closes": [_moment(face) for face in clock.two_clocks(closes, request.zone)] if closes else [],
        "sign_in": mailings.sign_in_url(language),
        "qr": _qr(mailings.sign_in_url(language)),
    }


def paragraphs(text: str) -> list[list[str]]:
    """Return a text as paragraphs of lines."""
    parts = re.split(r"\n\s*\n", text.replace("\r\n", "\n").strip())
    return [[block(line) for line in part.split("\n")] for part in parts if part.strip()]


def block(text: str) -> str:
    """Return a line that can be set: a box for a sign no face has, long words with places to break, doses without."""
    return RUN.sub(_breakable, BLANK_IN_DOSE.sub(NO_BREAK_SPACE, with_replacements(text)))


def _breakable(found: re.Match[str]) -> str:
    run = found[0]
    if run.strip(".,;:!()\"'").isalpha() and len(run) < LONGEST_WORD:
        return run
    begins_in_word = found.start() > 0 and not found.string[found.start() - 1].isspace()
    return BREAK * begins_in_word + BREAK.join(_cut(run))


def _cut(run: str) -> list[str]:
    """Return a run in pieces; what belongs to the sign before it, as accents do, stays with it."""
    pieces = [""]
    for sign in run:
        is_bound = unicodedata.category(sign)[0] == "M" or sign == JOINER or pieces[-1].endswith(JOINER)
        if len(pieces[-1]) >= PIECE and not is_bound:
            pieces.append("")
        pieces[-1] += sign
    return pieces


def said(text: str, language: str) -> dict[str, Any]:
    """Return somebody's words with their direction: a patient may write in any language."""
    return {"text": paragraphs(text), "language": language, "direction": direction_of(text, language)}


def _labels() -> dict[str, str]:
    return {
        "heading": _("Medical opinion"),
        "draft": _("Draft, not signed"),
        "reference": _("Request"),
        "patient": pgettext("role", "Patient"),
        "plain_words": _("In plain words"),
        "answers": _("Your questions, and the answers"),
        "asked": _("You asked"),
        "asked_later": _("Asked later"),
        "answer": _("The answer"),
        "options": _("What you can do"),
        "treatment": pgettext("in an opinion", "Treatment"),
        "facility": pgettext("in an opinion", "Hospital"),
        "trial": _("Clinical trial:"),
        "letter": _("Letter for your doctor at home"),
        "addenda": _("Added later"),
        "questions": _("Questions about it"),
        "signature": pgettext("under a text", "Signature"),
        "digest": _("Check sum (SHA-256)"),
        "unqualified": _(
            "The specialist signed after confirming with a second factor. "
            "This is not a qualified electronic signature. The check sum (SHA-256) changes with every letter of the "
            "text; the coordination office can tell you whether it is the one in our records."
        ),
        "limits": _(
            "This opinion is based on your papers. It does not replace an examination by a doctor who sees you."
        ),
        "online": _("Sign in to your request"),
        "online_text": _("Questions, messages and what is added later stand there. You need your receipt."),
        "qr": _("QR code of the sign-in page"),
        # Translators: {number} and {total} stay as they are.
        "page": _("Page {number} of {total}"),
    }


def _notices(opinion: Opinion) -> list[str]:
    notices = _translation_notice(opinion)
    request = opinion.request
    asked = [part["question"] for part in opinion.answered if part["is_patients"]]
    if unprintable([request.patient_name, *asked, *(row.question for row in opinion.follow_up_questions.all())]):
        notices.append(_("Some signs of your own words cannot be printed here; you read them in your request."))
    return notices


def _translation_notice(text: Signed) -> list[str]:
    if not text.translated_from:
        return []
    original = language_name(text.translated_from, text.language)
    return [_("This text is a translation. The original language is: %(language)s.") % {"language": original}]


def _signature(text: Opinion | Addendum, zone: str) -> dict[str, Any] | None:
    signature = opinions.signature_of(text, zone)
    if signature is None:
        return None
    return {
        "name": block(signature.name),
        "role": signature.role,
        "facility": block(signature.facility),
        "moments": [_moment(face) for face in signature.clocks],
        "digest": signature.digest,
    }


def _moment(face: clock.Clock) -> str:
    """Return day, time and place; the time reads from left to right in every language."""
    words = {"date": face.date, "time": isolated(face.time), "place": face.place}
    return _("%(date)s, %(time)s (%(place)s)") % words


def _qr(address: str) -> str:
    segno = import_module("segno")
    out = BytesIO()
    segno.make(address, error="m").save(out, kind="svg", border=2, xmldecl=False, nl=False)
    return out.getvalue().decode()
