"""The queue of the desk: who sees what, in which lane, in which words."""

import datetime
from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from accounts.models import User
from facilities.enums import StaffRole
from facilities.models import Facility
from teleconsult import clock, desk, workflow
from teleconsult.enums import Urgency
from teleconsult.models import CoordinationOffice, Request
from teleconsult.permissions import Actor
from tests.accounts.factories import sign_in
from tests.teleconsult import factories
from treatments.models import Condition
from vault.keys import opened_keys
from vault.trail import Action, TrailEntry

pytestmark = pytest.mark.django_db
MILAN = ZoneInfo("Europe/Rome")
# A Monday morning, with no holiday in the week that follows.
MONDAY = datetime.datetime(2026, 11, 16, 9, 0, tzinfo=MILAN)
Enter = Callable[[User], Client]


@pytest.fixture
def enter() -> Enter:
    return lambda user: sign_in(Client(), user)


def shown(client: Client, query: str = "") -> set[str]:
    """Return the references in a lane."""
    context = client.get(f"/desk/{query}").context
    return {item.request.reference for item in context["queue"].items}


def test_coordinator_sees_the_office_and_no_draft(enter: Enter, coordinator: User) -> None:
    factories.make_draft()
    case = factories.make_submitted()

    assert shown(enter(coordinator)) == {case.reference}


def test_each_sees_only_what_is_hers(
    enter: Enter, coordinator: User, facility: Facility, facility_office: User, specialist: User
) -> None:
    other_facility = factories.make_facility()
    other_office = CoordinationOffice.objects.create(name="Another office", is_receiving=False)
    in_triage = factories.make_in_triage(coordinator)
    at_facility = factories.make_with_facility(coordinator, facility)
    at_specialist = factories.make_with_specialist(coordinator, facility, facility_office, specialist)
    everything = {in_triage.reference, at_facility.reference, at_specialist.reference}

    assert shown(enter(coordinator)) == everything
    assert shown(enter(facility_office)) == {at_facility.reference, at_specialist.reference}
    assert shown(enter(specialist)) == {at_specialist.reference}
    assert shown(enter(factories.add_staff(facility, StaffRole.SPECIALIST))) == set()
    assert shown(enter(factories.reached(other_facility))) == set()
    assert shown(enter(factories.add_coordinator(other_office))) == set()


@pytest.mark.parametrize("who", ["facility_editor", "editor", "administrator", "stranger"])
def test_nobody_else_enters_the_desk(enter: Enter, who: str, request: pytest.FixtureRequest) -> None:
    assert enter(request.getfixturevalue(who)).get("/desk/").status_code == 403


def test_anonymous_is_asked_to_sign_in(client: Client) -> None:
    assert client.get("/desk/").url.startswith("/accounts/login/")


def test_lanes_count_and_keep(enter: Enter, coordinator: User, facility: Facility, facility_office: User) -> None:
    new = factories.make_submitted()
    mine = factories.make_in_triage(coordinator)
    colleagues = factories.make_in_triage(factories.add_coordinator())
    waiting = factories.make_awaiting(coordinator)
    away = factories.make_with_facility(coordinator, facility)
    ended = factories.make_in_triage(coordinator)
    workflow.close(request=ended, by=Actor.staff(coordinator), seen_version=ended.version)
    client = enter(coordinator)

    lanes = {lane["url"].split("=")[1]: lane["count"] for lane in client.get("/desk/").context["lanes"]}

    assert lanes == {"open": 5, "mine": 3, "new": 1, "patient": 1, "facility": 1, "today": 0, "late": 0, "ended": 1}
    assert shown(client, "?lane=new") == {new.reference}
    assert shown(client, "?lane=mine") == {mine.reference, waiting.reference, away.reference}
    assert shown(client, "?lane=patient") == {waiting.reference}
    assert shown(client, "?lane=facility") == {away.reference}
    assert shown(client, "?lane=ended") == {ended.reference}
    assert colleagues.reference in shown(client)


def test_a_delivered_opinion_waits_for_no_facility_unless_a_question_is_open(
    enter: Enter, coordinator: User, facility: Facility, facility_office: User, specialist: User
) -> None:
    factories.make_protocol(facility, follow_up_questions=1, follow_up_days=30)
    case = factories.make_with_specialist(coordinator, facility, facility_office, specialist)
    client = enter(coordinator)
    assert shown(client, "?lane=facility") == {case.reference}

    factories.deliver_opinion(case, Actor.staff(specialist))
    assert shown(client, "?lane=facility") == set()
    assert shown(client) == {case.reference}

    factories.ask_follow_up(Request.objects.get(pk=case.pk))
    assert shown(client, "?lane=facility") == {case.reference}


def test_facility_has_no_lane_of_the_office(
    enter: Enter, coordinator: User, facility: Facility, facility_office: User
) -> None:
    factories.make_with_facility(coordinator, facility)

    context = enter(facility_office).get("/desk/?lane=mine").context

    assert context["queue"].lane == "open"
    assert not {"lane=mine", "lane=new", "lane=ended"} & {lane["url"].split("?")[1] for lane in context["lanes"]}


def test_late_is_said_before_it_happens(enter: Enter, coordinator: User) -> None:
    with time_machine.travel(MONDAY, tick=False):
        case = factories.make_submitted()
    # The office answers within two working days: by Wednesday, 18:00.
    moments = {
        MONDAY: "2 working days left",
        MONDAY + datetime.timedelta(days=1, hours=10): "Due tomorrow by 18:00",
        MONDAY + datetime.timedelta(days=2): "Due today by 18:00",
        MONDAY + datetime.timedelta(days=3): "Late since Wed 18 Nov, 18:00",
    }
    for moment, words in moments.items():
        with time_machine.travel(moment, tick=False):
            page = enter(coordinator).get("/desk/")
            standing = desk.standing_of(Request.objects.get(pk=case.pk), moment)

        assert words in page.content.decode()
        assert words in {standing.text, standing.due}
    with time_machine.travel(MONDAY + datetime.timedelta(days=2), tick=False):
        assert shown(enter(coordinator), "?lane=today") == {case.reference}
        assert shown(enter(coordinator), "?lane=late") == set()
    with time_machine.travel(MONDAY + datetime.timedelta(days=3), tick=False):
        assert shown(enter(coordinator), "?lane=late") == {case.reference}


def test_due_over_a_weekend_is_said_on_friday(coordinator: User) -> None:
    thursday, friday = MONDAY + datetime.timedelta(days=3), MONDAY + datetime.timedelta(days=4, hours=10)
    with time_machine.travel(thursday, tick=False):
        case = factories.make_submitted()

    with translation.override("en"):
        standing = desk.standing_of(case, friday)

    assert (standing.state, standing.text) == ("amber", "Due next, on Mon 23 Nov, 18:00")


def test_paused_case_is_never_late(enter: Enter, coordinator: User) -> None:
    with time_machine.travel(MONDAY, tick=False):
        factories.make_awaiting(coordinator)
    with time_machine.travel(MONDAY + datetime.timedelta(days=20), tick=False):
        page = enter(coordinator).get("/desk/")

    assert page.context["queue"].counts["late"] == 0
    assert "paused since Mon 16 Nov" in page.content.decode()


def test_line_says_country_language_owner_age_and_urgency(enter: Enter, coordinator: User) -> None:
    with time_machine.travel(MONDAY, tick=False):
        case = factories.make_in_triage(coordinator, language="ar")
        workflow.set_urgency(request=case, by=Actor.staff(coordinator), seen_version=case.version, urgency=Urgency.SOON)
    with time_machine.travel(MONDAY + datetime.timedelta(days=1), tick=False):
        page = enter(coordinator).get("/desk/").content.decode()

    assert "United Arab Emirates, Arabic" in page
    assert "Owner: you; 1 day old" in page
    assert "Soon" in page
    assert factories.ANSWERS["patient_name"] not in page
    assert factories.ANSWERS["question"] not in page


def test_most_pressing_is_first(enter: Enter, coordinator: User) -> None:
    first = factories.make_in_triage(coordinator)
    urgent = factories.make_in_triage(coordinator)
    workflow.set_urgency(
        request=urgent,
        by=Actor.staff(coordinator),
        seen_version=urgent.version,
        urgency=Urgency.URGENT,
        reason="Bleeding",
    )

    items = enter(coordinator).get("/desk/").context["queue"].items

    assert [item.request.reference for item in items] == [urgent.reference, first.reference]


def test_filters_combine_and_stay_in_the_addresses(enter: Enter, coordinator: User) -> None:
    arabic = factories.make_in_triage(coordinator, language="ar", country="QA")
    factories.make_in_triage(coordinator, language="ar", country="AE")
    factories.make_in_triage(coordinator, language="en", country="QA")
    nobodys = factories.make_submitted(language="fr")
    client = enter(coordinator)

    assert shown(client, "?language=ar&country=QA") == {arabic.reference}
    assert shown(client, "?owner=nobody") == {nobodys.reference}
    assert shown(client, f"?owner={coordinator.pk}&language=ar&country=qa&urgency=0&status=in_triage") == {
        arabic.reference
    }
    page = client.get("/desk/?language=ar&country=QA")
    assert f"/desk/{arabic.reference}/?language=ar&amp;country=QA" in page.content.decode()
    assert page.context["queue"].counts["open"] == 1


@pytest.mark.parametrize(
    "query", ["?owner=x", "?language=xx", "?country=%00", "?urgency=9", "?status=draft", "?lane=x", "?page=x"]
)
def test_odd_filters_are_left_out(enter: Enter, coordinator: User, query: str) -> None:
    case = factories.make_submitted()

    assert shown(enter(coordinator), query) == {case.reference}


@pytest.mark.parametrize("lane", [lane.key for lane in desk.LANES])
def test_empty_lane_says_so(enter: Enter, coordinator: User, lane: str) -> None:
    page = enter(coordinator).get(f"/desk/?lane={lane}")

    assert "Nothing here" in page.content.decode()


def test_empty_lane_with_filters_offers_to_drop_them(enter: Enter, coordinator: User) -> None:
    factories.make_submitted()

    page = enter(coordinator).get("/desk/?lane=new&language=ru").content.decode()

    assert "No request in this lane fits the filters." in page
    assert 'href="/desk/?lane=new"' in page


def test_search_opens_the_case_however_it_is_typed(enter: Enter, coordinator: User) -> None:
    case = factories.make_submitted()
    typed = case.reference.lower().replace("-", " ")

    response = enter(coordinator).get(reverse("desk:find"), {"reference": typed})

    assert response.url == f"/desk/{case.reference}/"


def test_search_says_what_is_not_there(enter: Enter, coordinator: User) -> None:
    elsewhere = factories.make_draft()
    client = enter(coordinator)

    unknown = client.get(reverse("desk:find"), {"reference": elsewhere.reference})
    impossible = client.get(reverse("desk:find"), {"reference": "<b>x</b>"})

    assert (unknown.status_code, impossible.status_code) == (404, 404)
    assert f"There is no request {elsewhere.reference} on your desk." in unknown.content.decode()
    assert "This is not a request number." in impossible.content.decode()
    assert "<b>x</b>" not in impossible.content.decode()
    assert "&lt;b&gt;x&lt;/b&gt;" in impossible.content.decode()


def test_trail_says_that_the_list_was_read(enter: Enter, coordinator: User) -> None:
    factories.make_submitted()

    enter(coordinator).get("/desk/")

    entry = TrailEntry.objects.of_case(None).last()
    assert (entry.action, entry.actor_id, entry.detail) == (Action.VIEWED, str(coordinator.pk), "list of 1 requests")


def test_no_row_in_the_trail_no_list(enter: Enter, coordinator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    factories.make_submitted()
    client = enter(coordinator)
    client.raise_request_exception = False

    def broken(**_about: object) -> None:
        raise RuntimeError("the trail is gone")

    monkeypatch.setattr("teleconsult.desk.queue.trail.record", broken)

    assert client.get("/desk/").status_code == 500


def test_long_lane_has_pages(enter: Enter, coordinator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("teleconsult.desk.queue.OPENED_AT_ONCE", 2)
    cases = {factories.make_submitted().reference for _number in range(3)}
    client = enter(coordinator)

    first, second = shown(client), shown(client, "?page=2")

    assert (len(first), len(second)) == (2, 1)
    assert first | second == cases
    assert 'rel="next"' in client.get("/desk/?lane=new").content.decode()


def queries_of(read: Callable[[], object]) -> int:
    """Return how many queries something takes in a process that has just started and holds no key."""
    opened_keys.clear()
    with CaptureQueriesContext(connection) as captured:
        assert read()
    return len(captured)


# The session notes once in a while when it was used: a frozen clock keeps that out of the count.
@time_machine.travel(MONDAY, tick=False)
def test_queries_do_not_grow(enter: Enter, coordinator: User, facility: Facility, facility_office: User) -> None:
    def make(number: int) -> None:
        for _number in range(number):
            factories.make_with_facility(coordinator, facility)
            factories.make_awaiting(coordinator, treatment=treatment)
            factories.make_submitted(language="ar", country="QA", condition=condition)

    treatment = factories.make_treatment()
    condition = Condition.objects.create(slug="example", name_en="Example", specialty=treatment.specialty)

    def read() -> bool:
        items = desk.queue_of(coordinator).items
        assert any(item.request.treatment for item in items)
        return all(item.standing.text and item.person and item.owner and item.age for item in items)

    client = enter(coordinator)
    # The first page of all makes the portal's own key.
    queries_of(lambda: client.get("/desk/"))
    make(1)
    # The first row of the trail asks whether there was one before.
    desk.queue_of(coordinator)
    few, few_on_the_page = queries_of(read), queries_of(lambda: client.get("/desk/"))
    make(3)
    many, many_on_the_page = queries_of(read), queries_of(lambda: client.get("/desk/"))

    assert (few, few_on_the_page) == (many, many_on_the_page)
    # Eight of its own and two of the transaction; the door (session, person, second factor, areas) takes seven more.
    assert many <= 10
    assert many_on_the_page <= 17


def test_page_is_private_and_not_stored(enter: Enter, coordinator: User) -> None:
    response = enter(coordinator).get("/desk/")

    assert response["Cache-Control"] == "no-store"
    assert 'content="noindex"' in response.content.decode()


def test_desk_speaks_italian(enter: Enter, coordinator: User) -> None:
    factories.make_submitted(language="ar")
    coordinator.language = "it"
    coordinator.save()

    page = enter(coordinator).get("/desk/").content.decode()

    assert '<html lang="it"' in page
    assert "Emirati Arabi Uniti, arabo" in page


@pytest.mark.parametrize("hours", [0, 3, 9, 10, 24, 33, 57, 80, 100, 130, 200])
@pytest.mark.parametrize("paused_days", [0, 1, 4])
def test_days_left_are_those_of_the_clock_drawn_day_by_day(hours: int, paused_days: int, coordinator: User) -> None:
    with time_machine.travel(MONDAY, tick=False):
        case = factories.make_awaiting(coordinator) if paused_days else factories.make_in_triage(coordinator)
    answered = MONDAY + datetime.timedelta(days=paused_days)
    if paused_days:
        with time_machine.travel(answered, tick=False):
            by = factories.patient_of(case)
            case = workflow.patient_answers(request=case, by=by, seen_version=case.version, text="Here.")
    now = answered + datetime.timedelta(hours=hours)

    assert clock.days_left(case, now) == clock.progress(case, now).left


def test_last_afternoon_is_counted_in_hours(coordinator: User) -> None:
    with time_machine.travel(MONDAY, tick=False):
        case = factories.make_submitted()
    last_day = MONDAY + datetime.timedelta(days=2)

    with translation.override("en"):
        words = {
            hours: desk.standing_of(case, last_day + datetime.timedelta(hours=hours)).text for hours in (2, 3, 6, 8.5)
        }

    assert words == {
        2: "Due today by 18:00",
        3: "Due in 6 h, by 18:00",
        6: "Due in 3 h, by 18:00",
        8.5: "Due in 30 min, by 18:00",
    }


def test_filters_by_kind_age_and_due_day(enter: Enter, coordinator: User) -> None:
    with time_machine.travel(MONDAY - datetime.timedelta(days=10), tick=False):
        old = factories.make_in_triage(coordinator)
    with time_machine.travel(MONDAY - datetime.timedelta(days=3), tick=False):
        paused = factories.make_awaiting(coordinator)
    with time_machine.travel(MONDAY, tick=False):
        new = factories.make_submitted()
        client = enter(coordinator)

        assert shown(client, "?age=today") == {new.reference}
        assert shown(client, "?age=3") == {old.reference, paused.reference}
        assert shown(client, "?age=7") == {old.reference}
        assert shown(client, "?age=30") == set()
        assert shown(client, "?due=0") == {old.reference}
        assert shown(client, "?due=2") == {old.reference, new.reference}
        assert shown(client, "?due=none") == set()
        assert shown(client, "?kind=question") == set()
        assert shown(client, "?kind=second_opinion&age=x&due=%00") == {old.reference, paused.reference, new.reference}


def test_owners_are_the_colleagues_of_the_office(enter: Enter, coordinator: User) -> None:
    colleague = factories.add_coordinator()
    elsewhere = factories.add_coordinator(CoordinationOffice.objects.create(name="Another office", is_receiving=False))

    page = enter(coordinator).get("/desk/").content.decode()

    assert f'value="{colleague.pk}"' in page
    assert f'value="{elsewhere.pk}"' not in page
