"""The invented protocols together show every rule a protocol can hold."""

import datetime
from collections.abc import Callable

import pytest
from django.conf import settings
from django.utils import timezone

from catalogue.loading import load
from demo.loading import load_facilities
from taxonomy.languages import column
from treatments.enums import ClockStart, DocumentKind
from treatments.models import Protocol, RequiredDocument

pytestmark = pytest.mark.django_db

RULES: dict[str, Callable[[Protocol], bool]] = {
    "for one treatment or more": lambda row: row.treatments.exists(),
    "for every treatment": lambda row: not row.treatments.exists(),
    "from an age": lambda row: row.minimum_age is not None and row.maximum_age is None,
    "up to an age": lambda row: row.minimum_age is None and row.maximum_age is not None,
    "between ages": lambda row: row.minimum_age is not None and row.maximum_age is not None,
    "any age": lambda row: row.minimum_age is None and row.maximum_age is None,
    "exclusions": lambda row: len(row.exclusions_en.splitlines()) > 1,
    "no translation rule": lambda row: not row.translation_rule_en,
    "translation rule": lambda row: bool(row.translation_rule_en),
    "papers in Arabic": lambda row: "ar" in row.document_languages,
    "answer in fewer languages than papers": lambda row: set(row.report_languages) < set(row.document_languages),
    "languages of the answer not known": lambda row: not row.report_languages,
    "free": lambda row: row.fee == 0,
    "fixed fee": lambda row: bool(row.fee),
    "fee on request": lambda row: row.is_fee_on_request,
    "fee not known": lambda row: row.fee is None and not row.is_fee_on_request,
    "clock from the complete file": lambda row: row.clock_starts == ClockStart.FILE_COMPLETE,
    "clock from the settled fee": lambda row: row.clock_starts == ClockStart.FEE_SETTLED,
    "promise to the day": lambda row: bool(row.promised_working_days) and not row.is_promise_approximate,
    "promise of about so many days": lambda row: row.is_promise_approximate,
    "no promise": lambda row: row.promised_working_days is None and not row.clock_starts,
    "consultation": lambda row: row.includes_consultation is True,
    "no consultation": lambda row: row.includes_consultation is False,
    "consultation not known": lambda row: row.includes_consultation is None,
    "one question after the answer": lambda row: row.follow_up_questions == 1,
    "several questions after the answer": lambda row: (row.follow_up_questions or 0) > 1 and bool(row.follow_up_days),
    "no question after the answer": lambda row: row.follow_up_questions == 0,
    "questions after the answer not known": lambda row: row.follow_up_questions is None,
    "over": lambda row: row.valid_until is not None and row.valid_until < timezone.localdate(),
    "not begun": lambda row: row.valid_from > timezone.localdate() + datetime.timedelta(days=365),
    "proof of authority": lambda row: row.required_documents.filter(kind=DocumentKind.AUTHORITY).exists(),
    "paper of some cases": lambda row: row.required_documents.exclude(only_when_en="").exists(),
    "paper of a greatest age": lambda row: row.required_documents.filter(maximum_age_days__gt=0).exists(),
    "paper of any age": lambda row: row.required_documents.filter(maximum_age_days=None).exists(),
}


@pytest.fixture
def protocols() -> list[Protocol]:
    load()
    load_facilities()
    return list(Protocol.objects.filter(facility__is_demo=True))


def test_every_rule_is_shown_by_one_of_at_least_six(protocols: list[Protocol]) -> None:
    assert len(protocols) >= 6
    assert [rule for rule, holds in RULES.items() if not any(holds(row) for row in protocols)] == []
    kinds = set(RequiredDocument.objects.filter(protocol__in=protocols).values_list("kind", flat=True))
    assert kinds == set(DocumentKind.values)


def test_every_text_is_there_in_every_language(protocols: list[Protocol]) -> None:
    papers = list(RequiredDocument.objects.filter(protocol__in=protocols))
    for code, _name in settings.LANGUAGES:
        ending = column(code)
        for row in protocols:
            for name in ("name", "for_whom", "exclusions", "translation_rule", "fee_note"):
                text, english = getattr(row, f"{name}_{ending}"), getattr(row, f"{name}_en")
                assert bool(text) == bool(english), (row, name, code)
                assert len(text.splitlines()) == len(english.splitlines()), (row, name, code)
        for paper in papers:
            for name in ("what", "only_when"):
                assert bool(getattr(paper, f"{name}_{ending}")) == bool(getattr(paper, f"{name}_en")), (paper, code)


def test_what_is_over_or_has_not_begun_is_not_in_force(protocols: list[Protocol]) -> None:
    in_force = Protocol.objects.in_force().filter(facility__is_demo=True)

    assert {row.slug for row in protocols} - set(in_force.values_list("slug", flat=True)) == {
        "demo-former",
        "demo-children-joints",
    }
    assert Protocol.objects.in_force(datetime.date(2051, 1, 1)).filter(slug="demo-children-joints").exists()
    assert Protocol.objects.in_force(datetime.date(2026, 6, 29)).filter(slug="demo-former").exists()
