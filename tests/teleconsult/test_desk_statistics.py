"""The figures of the desk, and the tables to take away: of what the reader may see, without health data or identity."""

import csv
import datetime
import io
from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from accounts.models import User
from facilities.models import Facility
from teleconsult import desk, workflow
from teleconsult.desk.exports import plain
from teleconsult.models import CoordinationOffice, Request
from teleconsult.permissions import Actor
from tests.accounts.factories import sign_in
from tests.teleconsult import factories
from vault.trail import Action, TrailEntry

pytestmark = pytest.mark.django_db
MILAN = ZoneInfo("Europe/Rome")
# A Monday morning, with no holiday in the two weeks that follow.
MONDAY = datetime.datetime(2026, 11, 9, 9, 0, tzinfo=MILAN)
ONE_DAY = datetime.timedelta(days=1)
Enter = Callable[[User], Client]


@pytest.fixture
def enter() -> Enter:
    return lambda user: sign_in(Client(), user)


def walk(coordinator: User, days: int, started: datetime.datetime = MONDAY) -> Request:
    """Make a request that was sent one day, taken so many days later, and closed on the day after that."""
    with time_machine.travel(started, tick=False):
        case = factories.make_submitted()
    with time_machine.travel(started + days * ONE_DAY, tick=False):
        case = workflow.take(request=case, by=Actor.staff(coordinator), seen_version=case.version)
    with time_machine.travel(started + (days + 1) * ONE_DAY, tick=False):
        return workflow.close(request=case, by=Actor.staff(coordinator), seen_version=case.version)


def figures(reader: User, since: datetime.datetime = MONDAY, days: int = 20) -> desk.Statistics:
    return desk.statistics_of(reader, since.date(), since.date() + days * ONE_DAY)


def step(found: desk.Statistics, key: str) -> desk.StepTimes:
    return next(step for step in found.steps if step.key == key)


def test_time_of_a_step_is_counted_in_working_days(coordinator: User) -> None:
    # Friday to Monday: one working day, though three days pass.
    walk(coordinator, 3, MONDAY + 4 * ONE_DAY)

    taken = step(figures(coordinator), "submitted")

    assert taken.days == (1,)
    assert step(figures(coordinator), "whole").days == (2,)


def test_median_and_nine_of_ten(coordinator: User) -> None:
    for days in (0, 0, 1, 1, 1, 1, 2, 2, 3, 4):
        walk(coordinator, days)

    taken = step(figures(coordinator), "submitted")

    assert sorted(taken.days) == [0, 0, 1, 1, 1, 1, 2, 2, 3, 4]
    assert (taken.count, taken.median, taken.nine_of_ten) == (10, 1, 3)
    assert step(figures(coordinator), "with_specialist").median is None


def test_only_what_ended_in_the_period_counts(coordinator: User) -> None:
    walk(coordinator, 1)

    with_period = figures(coordinator, days=0)

    assert step(with_period, "submitted").count == 0
    assert with_period.arrived == 1
    assert sum(line.count for line in with_period.ended) == 0
    assert sum(line.count for line in figures(coordinator).ended) == 1


def test_only_what_the_reader_may_see_counts(
    coordinator: User, facility: Facility, facility_office: User, stranger: User
) -> None:
    walk(coordinator, 1)
    case = factories.make_with_facility(coordinator, facility)
    elsewhere = factories.add_coordinator(CoordinationOffice.objects.create(name="Another office", is_receiving=False))
    today = datetime.datetime.now(tz=MILAN)

    def seen(reader: User) -> int:
        return sum(line.count for line in figures(reader, today).now)

    assert (seen(coordinator), seen(facility_office), seen(elsewhere), seen(stranger)) == (1, 1, 0, 0)
    assert figures(elsewhere).arrived == 0
    assert step(figures(elsewhere), "submitted").count == 0
    assert case.status == "with_facility"


def test_page_shows_the_figures_and_says_what_is_wrong(enter: Enter, coordinator: User) -> None:
    walk(coordinator, 1)
    client = enter(coordinator)

    page = client.get("/desk/statistics/?since=2026-11-01&until=2026-11-30").content.decode()
    wrong = client.get("/desk/statistics/?since=2026-11-30&until=2026-11-01").content.decode()

    assert "Until a coordinator takes it" in page
    assert "<svg" in page
    assert "The period ends before it begins." in wrong


@pytest.mark.parametrize("query", ["since=x", "since=%00", "since=0001-01-01&until=9999-12-31", "until=9999-12-31"])
def test_odd_periods_are_no_error(enter: Enter, coordinator: User, query: str) -> None:
    client = enter(coordinator)

    assert client.get(f"/desk/statistics/?{query}").status_code == 200
    assert client.post(f"/desk/statistics/export/?{query}").status_code == 200


def test_queries_of_the_page_do_not_grow(enter: Enter, coordinator: User) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            figures(coordinator)
        return len(captured)

    walk(coordinator, 1)
    few = count()
    for days in (0, 1, 2):
        walk(coordinator, days)

    assert count() == few == 2


# --- tables -----------------------------------------------------------------------------------------------------------


def lines_of(response: HttpResponse) -> list[list[str]]:
    """Return a table as rows of cells."""
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text)))


def test_queue_is_saved_without_health_data_or_identity(enter: Enter, coordinator: User, facility: Facility) -> None:
    treatment = factories.make_treatment()
    factories.reached(facility, treatment)
    case = factories.make_with_facility(coordinator, facility, treatment=treatment)
    response = enter(coordinator).post("/desk/export/")

    head, line = lines_of(response)

    assert response["Content-Disposition"].startswith('attachment; filename="requests-')
    assert line[:2] == [case.reference, "Second opinion"]
    assert facility.short_name in line
    assert len(head) == len(line)
    for secret in (*factories.ANSWERS.values(), treatment.name_en, treatment.slug, coordinator.name, coordinator.email):
        assert str(secret) not in line, secret


def test_queue_is_saved_as_the_lane_and_the_filters_show_it(enter: Enter, coordinator: User) -> None:
    arabic = factories.make_in_triage(coordinator, language="ar")
    factories.make_in_triage(coordinator)
    factories.make_submitted(language="ar")

    lines = lines_of(enter(coordinator).post("/desk/export/?lane=mine&language=ar"))

    assert [line[0] for line in lines[1:]] == [arabic.reference]


def test_strangers_table_is_empty(enter: Enter, coordinator: User) -> None:
    factories.make_submitted()
    other = factories.reached(factories.make_facility())

    assert len(lines_of(enter(other).post("/desk/export/"))) == 1


@pytest.mark.parametrize("address", ["export/", "statistics/export/"])
def test_export_is_in_the_trail(enter: Enter, coordinator: User, address: str) -> None:
    enter(coordinator).post(f"/desk/{address}")

    entry = TrailEntry.objects.of_case(None).filter(action=Action.EXPORTED).last()
    assert (entry.actor_id, entry.role) == (str(coordinator.pk), "coordinator")


@pytest.mark.parametrize("address", ["export/", "statistics/export/"])
def test_no_row_in_the_trail_no_table(
    enter: Enter, coordinator: User, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = enter(coordinator)
    client.raise_request_exception = False

    def broken(**_about: object) -> None:
        raise RuntimeError("the trail is gone")

    monkeypatch.setattr("teleconsult.desk.exports.trail.record", broken)

    assert client.post(f"/desk/{address}").status_code == 500


@pytest.mark.parametrize("address", ["export/", "statistics/export/"])
def test_export_asks_for_the_second_factor_again(enter: Enter, coordinator: User, address: str) -> None:
    client = enter(coordinator)
    with time_machine.travel(datetime.datetime.now(tz=MILAN) + datetime.timedelta(minutes=6), tick=False):
        response = client.post(f"/desk/{address}")

    assert response.status_code == 302
    assert "/reauthenticate/" in response.url
    assert not TrailEntry.objects.filter(action=Action.EXPORTED).exists()


@pytest.mark.parametrize("address", ["export/", "statistics/export/"])
def test_nothing_is_exported_by_opening_an_address(enter: Enter, coordinator: User, address: str) -> None:
    assert enter(coordinator).get(f"/desk/{address}").status_code == 302
    assert not TrailEntry.objects.filter(action=Action.EXPORTED).exists()


@pytest.mark.parametrize("address", ["statistics/", "export/", "statistics/export/"])
@pytest.mark.parametrize("who", ["facility_editor", "editor", "administrator", "stranger"])
def test_nobody_else_sees_figures(enter: Enter, who: str, address: str, request: pytest.FixtureRequest) -> None:
    assert enter(request.getfixturevalue(who)).post(f"/desk/{address}").status_code == 403


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_computes(sign: str) -> None:
    assert plain(f"{sign}1+1") == f"'{sign}1+1"


def test_name_of_a_facility_computes_nothing(
    enter: Enter, coordinator: User, facility: Facility, facility_office: User
) -> None:
    facility.short_name = '=HYPERLINK("https://evil.example")'
    facility.save()
    factories.make_with_facility(coordinator, facility)

    assert '\'=HYPERLINK("https://evil.example")' in lines_of(enter(coordinator).post("/desk/export/"))[1]


def test_figures_speak_italian_where_the_reader_does(enter: Enter, coordinator: User) -> None:
    coordinator.language = "it"
    coordinator.save()

    with translation.override("it"):
        assert '<html lang="it"' in enter(coordinator).get("/desk/statistics/").content.decode()
