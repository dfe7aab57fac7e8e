"""A load is idempotent, keeps what editors have changed, and turns the flags of the facts into states."""

import datetime
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalogue.loading import load
from facilities.models import Accreditation, Facility, FacilityFact, Ranking
from partners.models import Agreement, Institution
from publishing.enums import FactState, SourceKind, TextStatus
from publishing.loading.files import Unloadable
from publishing.models import CatalogueLoad, LoadedRow, TextState
from taxonomy.models import BodyDistrict, Specialty
from teleconsult.models import CoordinationOffice
from tests.teleconsult.factories import make_draft
from treatments.models import Condition, Offer, Protocol, RequiredDocument, Treatment

Rewrite = Callable[[str, str, str], None]
pytestmark = pytest.mark.django_db


def state_of(field: str, language: str, item: object) -> TextState:
    """Return the state of one text."""
    return TextState.objects.get(
        content_type__model=type(item).__name__.lower(), object_id=item.pk, field=field, language=language
    )


def test_a_row_gets_columns_links_and_sort_keys(root: Path) -> None:
    load(root)

    condition = Condition.objects.get(slug="angina")
    assert condition.name_zh_hans == "Angina zh-hans"
    assert condition.synonyms_it == ["chest pain it"]
    assert condition.summary_en == "Tight chest en"
    assert condition.icd10 == ["I20", "I20.0"]
    assert condition.specialty.slug == "cardiology"
    assert [district.slug for district in condition.body_districts.all()] == ["heart"]
    assert {treatment.slug for treatment in condition.treatments.all()} == {"stent", "bypass"}
    assert condition.sort_key_ru == "angina ru"
    assert Treatment.objects.get(slug="bypass").icd9cm_newer == ["36.11"]


def test_the_untranslated_column_holds_english(root: Path) -> None:
    load(root)

    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM treatments_condition")
        assert cursor.fetchone() == ("Angina en",)


def test_a_facility_without_a_name_in_a_language_is_called_by_its_short_name(root: Path, rewrite: Rewrite) -> None:
    rewrite("facilities/data/texts/ar.yaml", "{summary: A house ar}", "{usual_name: ألفا}")

    load(root)

    facility = Facility.objects.get(slug="alpha")
    assert (facility.usual_name_ar, facility.usual_name_de, facility.sort_key_de) == ("ألفا", "Alpha", "alpha")
    assert state_of("usual_name", "ar", facility).status == TextStatus.MACHINE
    assert state_of("usual_name", "de", facility).status == TextStatus.ORIGINAL


def test_a_fact_carries_source_kind_day_and_state(root: Path) -> None:
    load(root)

    facts = {fact.name: fact for fact in FacilityFact.objects.all()}
    read_on = datetime.date(2026, 11, 21)
    assert {name: (fact.state, fact.source_kind, fact.read_on) for name, fact in facts.items()} == {
        "founded": (FactState.VERIFIED, SourceKind.NEWSPAPER, read_on),
        "beds": (FactState.UNVERIFIED, SourceKind.SECONDARY, read_on),
        "university_affiliation": (FactState.INDICATIVE, SourceKind.PUBLIC_KNOWLEDGE, None),
        "coordinates": (FactState.VERIFIED, SourceKind.AUTHORITY, read_on),
    }
    assert (facts["founded"].value, facts["beds"].year) == ("1900", 2020)
    assert facts["coordinates"].source == "https://data.example.org"
    assert facts["coordinates"].value == "45.46, 9.19"


def test_an_offer_takes_its_state_from_its_basis(root: Path) -> None:
    load(root)

    assert dict(Offer.objects.values_list("treatment__slug", "state")) == {
        "stent": FactState.VERIFIED,
        "bypass": FactState.INDICATIVE,
        "check": FactState.UNVERIFIED,
    }
    assert [offer.treatment.slug for offer in Offer.objects.confirmed()] == ["stent"]


def test_an_offer_that_is_not_verified_is_not_public_whatever_its_basis(root: Path, rewrite: Rewrite) -> None:
    rewrite("treatments/data/offers.yaml", "basis: source, verified: true", "basis: source, verified: false")

    load(root)

    assert Offer.objects.get(treatment__slug="stent").state == FactState.UNVERIFIED


def test_an_accreditation_without_end_date_stays_history(root: Path) -> None:
    load(root)

    accreditation = Accreditation.objects.get()
    assert (accreditation.valid_until, accreditation.last_known_year) == (None, 2018)
    assert not Accreditation.objects.in_date().exists()


def test_a_rank_range_that_is_not_verified_is_not_public(root: Path) -> None:
    load(root)

    ranking = Ranking.objects.get()
    assert (ranking.world_rank, ranking.world_rank_to, ranking.state) == (68, 78, FactState.UNVERIFIED)
    assert not Ranking.objects.confirmed().exists()


def test_notes_and_given_names_go_to_editors_fields(root: Path) -> None:
    load(root)

    assert Facility.objects.get().note == "for editors only"
    assert Institution.objects.get(slug="office-beta").name_given == "Ofice Beta"


def test_partners_that_are_not_verified_are_not_published(root: Path) -> None:
    load(root)

    assert [institution.slug for institution in Institution.objects.published()] == ["office-beta"]
    assert not Institution.objects.get(slug="office-beta").is_website_verified


def test_an_agreement_names_a_source_without_address(root: Path) -> None:
    load(root)

    agreement = Agreement.objects.get()
    assert (agreement.source_kind, agreement.source_url) == (SourceKind.AUTHORITY, "")
    assert agreement.title_fr == "Together fr"


def test_a_protocol_keeps_an_unconfirmed_fee_for_editors(root: Path) -> None:
    load(root)

    protocol = Protocol.objects.get()
    assert protocol.fee is None
    assert protocol.note == "Fee not confirmed: 500 EUR\nalso: https://clinic.example.org/more"
    assert protocol.exclusions_de == "one de\ntwo de"
    assert (protocol.promised_working_days, protocol.document_languages) == (5, ["en", "it"])
    papers = RequiredDocument.objects.filter(protocol=protocol)
    assert [(paper.position, paper.what_ru, paper.only_when_ru, paper.maximum_age_days) for paper in papers] == [
        (1, "Letter ru", "", 30),
        (2, "Report ru", "operated ru", None),
    ]


def test_a_confirmed_fee_is_published(root: Path, rewrite: Rewrite) -> None:
    rewrite("treatments/data/protocols.yaml", "confirmed: false", "confirmed: true")

    load(root)

    assert Protocol.objects.get().fee == 500


# --- text states --------------------------------------------------------------------------------------------------


def test_names_of_the_facts_are_original_and_everything_else_is_a_machines(root: Path) -> None:
    load(root)

    condition = Condition.objects.get()
    found = {
        (state.field, state.language): state.status
        for state in TextState.objects.filter(content_type__model="condition", object_id=condition.pk)
    }
    assert found["name", "en"] == found["name", "it"] == found["synonyms", "en"] == TextStatus.ORIGINAL
    assert {found[key] for key in found.keys() - {("name", "en"), ("name", "it"), ("synonyms", "en")}} == {
        TextStatus.MACHINE
    }
    assert not TextState.objects.filter(is_medically_reviewed=True).exists()


def test_a_text_that_is_not_written_is_missing(root: Path, rewrite: Rewrite) -> None:
    rewrite("treatments/data/texts/fr.yaml", ", summary: Tight chest fr", "")

    load(root)

    assert state_of("summary", "fr", Condition.objects.get()).status == TextStatus.MISSING
    # Nothing to translate: no treatment has an English summary here.
    assert not TextState.objects.filter(content_type__model="treatment", field="summary").exists()


def test_a_translation_is_out_of_date_when_its_english_changes(root: Path, rewrite: Rewrite) -> None:
    load(root)
    rewrite("treatments/data/texts/en.yaml", "Tight chest en", "A tight chest")
    rewrite("treatments/data/texts/de.yaml", "Tight chest de", "Enge Brust")

    load(root)

    condition = Condition.objects.get()
    assert state_of("summary", "en", condition).status == TextStatus.MACHINE
    assert state_of("summary", "de", condition).status == TextStatus.MACHINE
    assert state_of("summary", "ru", condition).status == TextStatus.OUTDATED


def test_a_review_survives_a_load(root: Path) -> None:
    load(root)
    state = state_of("summary", "ru", Condition.objects.get())
    TextState.objects.filter(pk=state.pk).update(status=TextStatus.REVIEWED, is_medically_reviewed=True)

    load(root, is_forced=True)

    state.refresh_from_db()
    assert (state.status, state.is_medically_reviewed) == (TextStatus.REVIEWED, True)


# --- again --------------------------------------------------------------------------------------------------------


def rows_of_everything() -> dict[str, list[tuple[object, ...]]]:
    """Return every row of every table the loader writes."""
    models = [BodyDistrict, Specialty, Facility, FacilityFact, Accreditation, Ranking, Condition, Treatment, Offer]
    models += [Protocol, RequiredDocument, Institution, Agreement, LoadedRow, TextState]
    models += [Condition.body_districts.through, Treatment.conditions.through, Facility.specialties.through]
    return {model.__name__: list(model.objects.order_by("pk").values_list()) for model in models}


def test_loading_twice_changes_nothing(root: Path) -> None:
    load(root)
    before = rows_of_everything()

    report = load(root, is_forced=True)

    assert report is not None
    assert rows_of_everything() == before
    assert sum(tally.created + tally.changed for tally in report.tallies.values()) == 0
    assert report.kept == []


def test_unchanged_files_cost_one_query(root: Path) -> None:
    load(root)

    with CaptureQueriesContext(connection) as queries:
        report = load(root)

    assert report is None
    assert len(queries) == 1


def test_a_changed_file_changes_its_rows_only(root: Path, rewrite: Rewrite) -> None:
    load(root)
    rewrite("treatments/data/texts/es.yaml", "Stent es", "Endoprótesis")
    rewrite("treatments/data/conditions.yaml", "[heart]", "[knee]")

    report = load(root)

    assert report is not None
    assert {label: tally.changed for label, tally in report.tallies.items() if tally.changed} == {
        "conditions": 1,
        "treatments": 1,
    }
    assert Treatment.objects.get(slug="stent").sort_key_es == "endoprotesis"
    assert [district.slug for district in Condition.objects.get().body_districts.all()] == ["knee"]


def test_what_an_editor_changed_is_kept_and_counted(root: Path, rewrite: Rewrite) -> None:
    load(root)
    facility = Facility.objects.get()
    Facility.objects.filter(pk=facility.pk).update(address="Via Due 2", summary_it="Una casa")
    facility.specialties.clear()
    rewrite("facilities/data/facilities.yaml", "address: Via Uno 1", "address: Via Tre 3")
    rewrite("facilities/data/facilities.yaml", "city: Milano", "city: Monza")
    rewrite("facilities/data/texts/it.yaml", "A house it", "Un ospedale")

    report = load(root)

    assert report is not None
    facility.refresh_from_db()
    assert (facility.address, facility.summary_it, facility.city) == ("Via Due 2", "Una casa", "Monza")
    assert not facility.specialties.exists()
    assert sorted(report.kept) == [
        "facility alpha: address",
        "facility alpha: specialties",
        "facility alpha: summary_it",
    ]
    assert "3 edits of editors kept:" in report.lines()


def test_an_edit_is_kept_by_every_later_load(root: Path, rewrite: Rewrite) -> None:
    load(root)
    Facility.objects.update(address="Via Due 2")
    load(root, is_forced=True)
    rewrite("facilities/data/facilities.yaml", "address: Via Uno 1", "address: Via Tre 3")

    report = load(root)

    assert report is not None
    assert Facility.objects.get().address == "Via Due 2"
    assert report.kept == ["facility alpha: address"]


def test_what_an_editor_deleted_does_not_come_back(root: Path) -> None:
    load(root)
    Offer.objects.filter(treatment__slug="stent").delete()

    report = load(root, is_forced=True)

    assert report is not None
    assert not Offer.objects.filter(treatment__slug="stent").exists()
    assert report.kept == ["offer alpha/stent: deleted"]


def test_a_row_an_editor_made_under_the_same_slug_is_not_overwritten(root: Path) -> None:
    Institution.objects.create(slug="office-beta", country="DE", name="Office Beta of Berlin", kind="consulate")

    load(root)

    assert Institution.objects.get(slug="office-beta").name == "Office Beta of Berlin"


def test_a_row_that_left_the_files_is_unpublished_and_can_come_back(root: Path, rewrite: Rewrite) -> None:
    load(root)
    line = "  - {facility: alpha, treatment: stent, basis: source, verified: true, source: https://clinic.example.org/stent}\n"
    rewrite("treatments/data/offers.yaml", line, "")

    report = load(root)

    assert report is not None
    assert report.tallies["offers"].withdrawn == 1
    assert Offer.objects.get(treatment__slug="stent").state == FactState.UNVERIFIED
    rewrite("treatments/data/offers.yaml", "offers:\n", f"offers:\n{line}")
    load(root)
    assert Offer.objects.get(treatment__slug="stent").state == FactState.VERIFIED


def test_each_load_is_recorded_with_its_day(root: Path) -> None:
    load(root)
    load(root, is_forced=True)

    assert CatalogueLoad.objects.count() == 2
    assert CatalogueLoad.last_checked_on() == datetime.date(2026, 11, 21)


# --- the command --------------------------------------------------------------------------------------------------


def test_the_command_reports_and_then_ends_early(root: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr("catalogue.management.commands.load_catalogue.ROOT", root)

    call_command("load_catalogue")
    first = capsys.readouterr().out
    call_command("load_catalogue")

    assert "Loading offers (3)" in first
    assert "3 rows: 3 new, 0 changed, 0 as before" in first
    assert "up to date" in capsys.readouterr().out


def test_the_command_lists_problems_and_says_that_nothing_was_loaded(
    root: Path, rewrite: Rewrite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalogue.management.commands.load_catalogue.ROOT", root)
    rewrite("partners/data/partners.yaml", "country: AT", "country: XX")

    with pytest.raises(CommandError, match="1 problem. Nothing was loaded.") as caught:
        call_command("load_catalogue")

    assert "partners/data/partners.yaml:3: country: bad country code 'XX'" in str(caught.value)


def test_checking_loads_nothing(root: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr("catalogue.management.commands.load_catalogue.ROOT", root)

    call_command("load_catalogue", "--check")

    assert "25 rows are sound." in capsys.readouterr().out
    assert not Facility.objects.exists()


@pytest.fixture
def asked(root: Path) -> Protocol:
    """A protocol that a request was checked against."""
    load(root)
    protocol = Protocol.objects.get()
    CoordinationOffice.objects.get_or_create(is_receiving=True, defaults={"name": "Health Lombardy"})
    request = make_draft()
    request.protocol = protocol
    request.save()
    return protocol


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("working_days: 5", "working_days: 9"),
        ("treatments: [stent]", "treatments: [bypass]"),
        ("maximum_age_days: 30", "maximum_age_days: 60"),
        ("{kind: report, maximum_age_days: 30}", "{kind: imaging}"),
    ],
)
def test_the_rules_a_request_was_checked_against_are_not_overwritten(
    root: Path, rewrite: Rewrite, asked: Protocol, old: str, new: str
) -> None:
    rewrite("treatments/data/protocols.yaml", old, new)

    with pytest.raises(Unloadable, match="add the next `version` with its own `valid_from`"):
        load(root)

    asked.refresh_from_db()
    assert asked.promised_working_days == 5


def test_what_is_no_rule_may_change(root: Path, rewrite: Rewrite, asked: Protocol) -> None:
    rewrite("treatments/data/protocols.yaml", "verified: true", "verified: false")

    load(root)

    asked.refresh_from_db()
    assert asked.state == FactState.UNVERIFIED


def test_rules_nobody_was_checked_against_follow_the_file(root: Path, rewrite: Rewrite) -> None:
    load(root)
    counted = "clock_starts: file_complete"
    rewrite("treatments/data/protocols.yaml", f"{counted}}}", f"{counted}, restarts: true}}")

    load(root)

    assert Protocol.objects.get().restarts_with_documents is True
