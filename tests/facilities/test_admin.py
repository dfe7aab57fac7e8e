"""A facility's editor edits her listing; nothing is published before an editor says so."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from accounts.models import User
from facilities.models import Accreditation, Facility
from publishing import workflow
from publishing.models import Change
from taxonomy.languages import column
from tests.publishing.factories import address, form_values, save
from tests.treatments.factories import make_accreditation

pytestmark = pytest.mark.django_db

EVIL = '"><script>alert(1)</script>{{ 7*7 }}'


def row(edited: Any) -> dict[str, Any]:
    """Return a row as the database has it."""
    return type(edited).objects.filter(pk=edited.pk).values().get()


def test_saving_writes_a_change_in_all_languages_and_no_row(own: Facility, as_facility_editor: Client) -> None:
    before = row(own)
    typed = {f"summary_{column(code)}": f"Text {code}" for code, _name in settings.LANGUAGES}

    response = save(as_facility_editor, own, **typed, website="https://own.example.org")

    assert response.status_code == 302
    assert row(own) == before
    change = Change.objects.get()
    assert change.after() == typed | {"website": "https://own.example.org"}
    assert "waits for an editor" in as_facility_editor.get(response.url).content.decode()


def test_saving_unchanged_proposes_nothing(own: Facility, as_facility_editor: Client, as_editor: Client) -> None:
    for client in (as_facility_editor, as_editor):
        assert save(client, own).status_code == 302

    assert not Change.objects.exists()


def test_the_form_shows_the_open_change_over_what_is_published(own: Facility, as_facility_editor: Client) -> None:
    save(as_facility_editor, own, summary_it="Proposta.", group="Gruppo")

    page = as_facility_editor.get(address("change", own)).content.decode()

    assert "Proposta." in page
    assert 'value="Gruppo"' in page
    assert form_values(as_facility_editor, address("change", own))["summary_en"] == "A hospital."
    save(as_facility_editor, own, summary_it="Altra.")
    assert Change.objects.get().after() == {"summary_it": "Altra.", "group": "Gruppo"}


@pytest.mark.parametrize(
    "column",
    ["official_name", "short_name", "slug", "latitude", "is_published", "is_demo", "kind", "verified_on", "note"],
)
def test_what_is_not_hers_is_ignored(own: Facility, as_facility_editor: Client, column: str) -> None:
    before = row(own)

    save(as_facility_editor, own, **{column: "1"})

    assert row(own) == before
    assert not Change.objects.exists()


def test_notes_for_editors_are_not_shown_to_her(own: Facility, as_facility_editor: Client) -> None:
    Facility.objects.filter(pk=own.pk).update(note="internal remark")

    assert "internal remark" not in as_facility_editor.get(address("change", own)).content.decode()


def test_broken_values_are_said_at_the_field_and_kept(own: Facility, as_facility_editor: Client) -> None:
    response = save(as_facility_editor, own, website="javascript:alert(1)", summary_it="Typed text.")

    assert response.status_code == 200
    assert list(response.context["adminform"].form.errors) == ["website"]
    assert "Typed text." in response.content.decode()
    assert not Change.objects.exists()


@pytest.mark.parametrize("value", ["a\x00b", "x" * 2001])
def test_odd_texts_are_refused_in_words(own: Facility, as_facility_editor: Client, value: str) -> None:
    response = save(as_facility_editor, own, summary_it=value)

    assert list(response.context["adminform"].form.errors) == ["summary_it"]


def test_a_page_opened_before_something_was_published_says_what_moved(
    own: Facility, as_facility_editor: Client
) -> None:
    sent = form_values(as_facility_editor, address("change", own))
    Facility.objects.filter(pk=own.pk).update(summary_en="Published meanwhile.")

    response = as_facility_editor.post(address("change", own), sent | {"summary_it": "Typed text."})

    page = response.content.decode()
    assert response.status_code == 200
    assert "In short (English)" in page
    assert "Typed text." in page
    again = form_values_of(response)
    assert as_facility_editor.post(address("change", own), again).status_code == 302


def form_values_of(response: Any) -> dict[str, Any]:
    """Return what the page shown again would send."""
    form = response.context["adminform"].form
    return {field.html_name: field.value() for field in form if field.value() is not None}


def test_a_colleagues_proposal_is_not_replaced_unseen(
    own: Facility, as_facility_editor: Client, facility_editor: User
) -> None:
    sent = form_values(as_facility_editor, address("change", own))
    workflow.propose_edit(edited=own, after={"group": "Colleague"}, by=facility_editor)

    response = as_facility_editor.post(address("change", own), sent | {"group": "Mine"})

    assert "A colleague has saved another proposal" in response.content.decode()
    assert Change.objects.get().after() == {"group": "Colleague"}


def test_script_in_a_text_is_shown_as_text(own: Facility, as_facility_editor: Client, as_editor: Client) -> None:
    save(as_facility_editor, own, summary_en=EVIL, group=EVIL, address=EVIL[:60])
    change = Change.objects.get()
    pages = [address("change", own), address("history", own), address("change", change), "/admin/"]
    pages.append(address("changelist", own, is_list=True))
    Facility.objects.filter(pk=own.pk).update(short_name=EVIL[:50], usual_name_en=EVIL)

    for client in (as_facility_editor, as_editor):
        for path in [*pages, address("delete", change)]:
            assert "<script>alert" not in client.get(path).content.decode(), path
    Change.objects.all().delete()
    Facility.objects.filter(pk=own.pk).update(summary_en=EVIL)
    page = as_facility_editor.get(address("change", own)).content.decode()
    assert "&lt;script&gt;alert" in page
    assert "<script>alert" not in page


def test_texts_carry_their_language_and_the_english_source(own: Facility, as_facility_editor: Client) -> None:
    page = as_facility_editor.get(address("change", own)).content.decode()

    arabic = re.search(r'<textarea[^>]*name="summary_ar"[^>]*>', page)
    assert arabic is not None
    assert 'lang="ar"' in arabic[0]
    assert 'dir="rtl"' in arabic[0]
    assert page.count('class="source-text"') == 14
    assert page.count("<details>") == 7


def test_completeness_says_which_languages_are_missing(own: Facility, as_facility_editor: Client) -> None:
    Facility.objects.filter(pk=own.pk).update(
        **{f"usual_name_{column(code)}": "N" for code, _name in settings.LANGUAGES}
    )

    page = as_facility_editor.get(address("change", own)).content.decode()

    assert "Usual name: written in all 8 languages." in page
    assert "In short: written in 1 of 8 languages, missing in Italian, Arabic" in page


def test_an_end_date_makes_a_badge_once_published(own: Facility, as_facility_editor: Client, editor: User) -> None:
    accreditation = make_accreditation(own)

    save(as_facility_editor, accreditation, certificate="C-1", valid_from="2026-01-01", valid_until="2999-01-01")
    assert not Accreditation.objects.in_date().exists()
    workflow.publish(change=Change.objects.get(), by=editor)

    assert Accreditation.objects.in_date().get().certificate == "C-1"


def test_a_certificate_that_ends_before_it_begins_is_said_at_the_field(
    own: Facility, as_facility_editor: Client
) -> None:
    accreditation = make_accreditation(own)

    response = save(as_facility_editor, accreditation, valid_from="2026-01-01", valid_until="2025-01-01")

    assert list(response.context["adminform"].form.errors) == ["valid_until"]


def test_a_certificate_stays_at_its_facility(own: Facility, foreign: Facility, as_facility_editor: Client) -> None:
    accreditation = make_accreditation(own)

    save(as_facility_editor, accreditation, facility=str(foreign.pk), body="Other", level="Other", state="unverified")

    assert not Change.objects.exists()


def test_she_neither_adds_nor_removes_certificates_and_facilities(own: Facility, as_facility_editor: Client) -> None:
    for edited in (own, make_accreditation(own)):
        assert as_facility_editor.get(address("add", edited, is_list=True)).status_code == 403
        assert as_facility_editor.post(address("delete", edited), {"post": "yes"}).status_code == 403
    assert not Change.objects.exists()


def test_an_editor_edits_everything_of_a_facility(own: Facility, as_editor: Client) -> None:
    save(as_editor, own, official_name="Ospedale Nuovo", postal_code="20121", latitude="45.5")

    assert Change.objects.get().after() == {
        "official_name": "Ospedale Nuovo",
        "postal_code": "20121",
        "latitude": 45.5,
    }
