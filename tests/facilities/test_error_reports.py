"""What a reader found wrong about a facility: the form, who sees it, what becomes of it."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from facilities import views
from facilities.models import Facility
from publishing.enums import ReportKind, ReportState
from publishing.exceptions import AlreadyDecided
from publishing.models import ErrorReport
from publishing.reports import decide, report_error
from publishing.tasks import remove_old_reports
from tests.treatments.factories import make_facility

WORDS = "The telephone number is an old one."


def send(client: Client, slug: str = "own", *, language: str = "en", **answers: str) -> object:
    return client.post(f"/{language}/facilities/{slug}/report/", {"kind": "wrong", "words": WORDS} | answers)


def make_report(about: Facility, words: str = WORDS) -> ErrorReport:
    return report_error(about=about, facility_id=about.pk, kind=ReportKind.WRONG, words=words, language="en")


def test_decided_reports_go_after_their_days_and_open_ones_stay(
    own: Facility, editor: User, settings: Settings
) -> None:
    settings.ERROR_REPORT_DAYS = 90
    now = timezone.now()
    old, recent, waiting = (make_report(own) for _report in range(3))
    for report, days in ((old, 91), (recent, 89)):
        decide(report=report, state=ReportState.CORRECTED, by=editor)
        ErrorReport.objects.filter(pk=report.pk).update(decided_at=now - timedelta(days=days))
    ErrorReport.objects.filter(pk=waiting.pk).update(created_at=now - timedelta(days=400))

    remove_old_reports()

    assert set(ErrorReport.objects.all()) == {recent, waiting}


# --- the form -------------------------------------------------------------------------------------------------------


def test_the_page_of_a_facility_leads_to_the_form(client: Client, own: Facility) -> None:
    assert "/en/facilities/own/report/" in client.get("/en/facilities/own/").content.decode()


@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_form_is_private_and_asks_for_nobody(client: Client, own: Facility, language: str) -> None:
    answer = client.get(f"/{language}/facilities/own/report/")
    html = answer.content.decode()

    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    assert '<meta name="robots" content="noindex">' in html
    assert "csrfmiddlewaretoken" in html
    assert 'type="email"' not in html


def test_a_report_is_kept_sealed_and_thanked_for(client: Client, own: Facility) -> None:
    answer = send(client, language="ar", kind="outdated")

    report = ErrorReport.objects.get()
    assert answer.status_code == 302
    assert (report.words, report.kind, report.language, report.state) == (WORDS, "outdated", "ar", ReportState.OPEN)
    assert (report.facility_id, report.object_id, report.title) == (own.pk, own.pk, "Own")
    stored = ErrorReport.objects.extra(select={"raw": "words"}).values_list("raw", flat=True).get()
    assert WORDS.encode() not in bytes(stored)
    assert "Thank you" in client.get("/en/facilities/own/report/?sent=1").content.decode()


def test_a_token_is_needed(own: Facility) -> None:
    assert send(Client(enforce_csrf_checks=True)).status_code == 403
    assert not ErrorReport.objects.exists()


@pytest.mark.parametrize(
    "answers",
    [{"words": ""}, {"words": "  "}, {"words": "x" * 1001}, {"words": "a\x00b"}, {"kind": "rumour"}, {"kind": ""}],
)
def test_what_cannot_be_kept_is_said_in_words(client: Client, own: Facility, answers: dict[str, str]) -> None:
    answer = send(client, **answers)

    assert answer.status_code == 200
    assert 'role="alert"' in answer.content.decode()
    assert not ErrorReport.objects.exists()


@pytest.mark.parametrize("slug", ["nowhere", "foreign"])
def test_a_facility_that_is_not_there_has_no_form(client: Client, foreign: Facility, slug: str) -> None:
    assert client.get(f"/en/facilities/{slug}/report/").status_code == 404
    assert send(client, slug).status_code == 404


def test_a_flood_is_answered_in_words(client: Client, own: Facility, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "REPORTS_PER_NETWORK", 2)

    answers = [send(client).status_code for _turn in range(3)]

    assert answers == [302, 302, 429]
    assert ErrorReport.objects.count() == 2


# --- who sees it, and what becomes of it ----------------------------------------------------------------------------


def test_editors_see_all_and_a_facility_editor_her_own(
    own: Facility, facility_editor: User, editor: User, administrator: User, stranger: User
) -> None:
    here, elsewhere = make_report(own), make_report(make_facility("other"))

    def seen(user: object) -> set[ErrorReport]:
        return set(ErrorReport.objects.visible_to(user))

    assert seen(editor) == {here, elsewhere}
    assert seen(facility_editor) == {here}
    assert [seen(user) for user in (administrator, stranger, AnonymousUser())] == [set(), set(), set()]


def test_a_report_is_decided_once(own: Facility, facility_editor: User, editor: User) -> None:
    report = make_report(own)

    decided = decide(report=report, state=ReportState.CORRECTED, by=facility_editor)

    assert (decided.state, decided.decided_by) == (ReportState.CORRECTED, facility_editor)
    assert decided.decided_at is not None
    with pytest.raises(AlreadyDecided):
        decide(report=report, state=ReportState.UNFOUNDED, by=editor)


def test_nobody_decides_about_a_report_she_does_not_see(facility_editor: User) -> None:
    with pytest.raises(PermissionDenied):
        decide(report=make_report(make_facility("other")), state=ReportState.CORRECTED, by=facility_editor)


def test_it_waits_on_the_first_page_of_the_administration(
    own: Facility, as_facility_editor: Client, as_editor: Client
) -> None:
    report = make_report(own)
    path = reverse("admin:publishing_errorreport_change", args=[report.pk])

    for client in (as_facility_editor, as_editor):
        assert path in client.get("/admin/").content.decode()
        page = client.get(path)
        assert page.status_code == 200
        assert WORDS in page.content.decode()


def test_it_is_decided_in_the_administration(own: Facility, as_facility_editor: Client) -> None:
    first, second = make_report(own), make_report(own)
    change = reverse("admin:publishing_errorreport_change", args=[first.pk])

    as_facility_editor.post(change, {"state": "corrected", "words": "Other words."})
    as_facility_editor.post(
        reverse("admin:publishing_errorreport_changelist"),
        {"action": "mark_unfounded", "_selected_action": [second.pk]},
    )

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, first.words) == (ReportState.CORRECTED, WORDS)
    assert second.state == ReportState.UNFOUNDED
    assert 'name="_save"' not in as_facility_editor.get(change).content.decode()


def test_a_report_that_stays_open_stays_as_it_is(own: Facility, as_editor: Client) -> None:
    report = make_report(own)

    as_editor.post(reverse("admin:publishing_errorreport_change", args=[report.pk]), {"state": "open"})

    report.refresh_from_db()
    assert (report.state, report.decided_at) == (ReportState.OPEN, None)
