"""The data files of the project: complete, in eight languages, with the states the facts allow."""

from collections import Counter
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import connection, models, transaction
from django.test.utils import CaptureQueriesContext

from catalogue.loading import load
from facilities.models import Accreditation, Facility, FacilityFact, Ranking
from partners.models import Agreement, Institution
from publishing.enums import FactState, SourceKind, TextStatus
from publishing.models import Provenance, TextState
from taxonomy.collation import sort_key
from taxonomy.languages import column
from taxonomy.models import BodyDistrict, Specialty
from treatments.models import Condition, Offer, Protocol, RequiredDocument, Treatment

LANGUAGES = [code for code, _name in settings.LANGUAGES]
NAMED = [(BodyDistrict, "name"), (Specialty, "name"), (Facility, "usual_name"), (Condition, "name")]
NAMED += [(Treatment, "name"), (Protocol, "name"), (Agreement, "title")]


@pytest.fixture(scope="module", autouse=True)
def catalogue(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """Load the real data files once for the tests of this module."""
    with django_db_blocker.unblock(), transaction.atomic():
        load()
        yield
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    ("model", "count"),
    [
        (BodyDistrict, 17),
        (Specialty, 40),
        (Facility, 56),
        (Accreditation, 11),
        (Ranking, 41),
        (Condition, 212),
        (Treatment, 199),
        (Offer, 577),
        (Protocol, 3),
        (RequiredDocument, 8),
        (Institution, 88),
        (Agreement, 1),
    ],
)
def test_every_row_of_the_facts_is_there(model: type[models.Model], count: int) -> None:
    assert model._default_manager.count() == count


def test_every_facility_condition_and_treatment_is_published() -> None:
    assert Facility.objects.published().count() == 56
    assert Condition.objects.published().count() == 212
    assert Treatment.objects.published().count() == 199


@pytest.mark.parametrize(("model", "field"), NAMED)
@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_has_a_name_of_its_own(model: type[models.Model], field: str, language: str) -> None:
    names = Counter(
        name.casefold() for name in model._default_manager.values_list(f"{field}_{column(language)}", flat=True)
    )

    assert "" not in names
    assert [name for name, times in names.items() if times > 1] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_patients_meet_protocols_in_their_language(language: str) -> None:
    ending = column(language)
    for field in ("for_whom", "exclusions", "translation_rule", "fee_note"):
        english = set(Protocol.objects.exclude(**{f"{field}_en": ""}).values_list("slug", flat=True))
        assert set(Protocol.objects.exclude(**{f"{field}_{ending}": ""}).values_list("slug", flat=True)) == english
    assert not RequiredDocument.objects.filter(**{f"what_{ending}": ""}).exists()
    conditional = RequiredDocument.objects.exclude(only_when_en="").count()
    assert RequiredDocument.objects.exclude(**{f"only_when_{ending}": ""}).count() == conditional == 3


@pytest.mark.parametrize("model", [Facility, Condition, Treatment])
@pytest.mark.parametrize("language", ["en", "it"])
def test_everything_is_described_in_english_and_italian(model: type[models.Model], language: str) -> None:
    assert not model._default_manager.filter(**{f"summary_{language}": ""}).exists()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_recognised_discipline_is_translated(language: str) -> None:
    known = set(FacilityFact.objects.filter(name="irccs_discipline").values_list("facility__slug", flat=True))
    written = Facility.objects.exclude(**{f"irccs_discipline_{column(language)}": ""})

    assert set(written.values_list("slug", flat=True)) == known
    assert len(known) == 19


def test_offers_have_the_states_the_facts_allow() -> None:
    assert Counter(Offer.objects.values_list("state", flat=True)) == {
        FactState.VERIFIED: 92,
        FactState.INDICATIVE: 389,
        FactState.UNVERIFIED: 96,
    }


def test_public_knowledge_is_never_shown_as_confirmed() -> None:
    for model in (Offer, FacilityFact, Accreditation, Ranking, Protocol, Institution, Agreement):
        assert issubclass(model, Provenance)
        wrong = model._default_manager.filter(source_kind=SourceKind.PUBLIC_KNOWLEDGE, state=FactState.VERIFIED)
        assert not wrong.exists(), model


def test_no_accreditation_is_in_date_until_an_editor_enters_one() -> None:
    assert not Accreditation.objects.in_date().exists()
    assert not Accreditation.objects.filter(last_known_year=None).exists()


def test_ranks_the_pages_do_not_give_are_ranges() -> None:
    ranges = Ranking.objects.filter(world_rank_to__isnull=False)

    found = {(row.facility.slug, row.edition): (row.world_rank, row.world_rank_to, row.italian_rank) for row in ranges}
    assert sorted(found.values(), key=str) == [(68, 78, None), (None, 20, 1), (None, 20, 1)]
    assert Ranking.objects.get(world_rank=68, world_rank_to=78).state == FactState.UNVERIFIED


def test_a_fact_without_a_value_has_no_row() -> None:
    assert Counter(FacilityFact.objects.values_list("name", flat=True)) == {
        "coordinates": 56,
        "founded": 26,
        "university_affiliation": 28,
        "health_lombardy_member": 28,
        "irccs_discipline": 19,
        "irccs_since": 19,
        "beds": 10,
    }


def test_no_real_hospital_promises_an_amount_nobody_has_confirmed() -> None:
    assert not Protocol.objects.filter(fee__isnull=False).exists()
    assert Protocol.objects.filter(note__contains="500 EUR").count() == 1


def test_no_website_that_was_never_opened_counts_as_checked() -> None:
    assert Facility.objects.filter(is_website_verified=True).count() == 17
    assert not Institution.objects.filter(is_website_verified=True).exists()


def test_partners_that_are_not_verified_wait_for_an_editor() -> None:
    assert Institution.objects.published().count() == 84
    assert Institution.objects.values("country").distinct().count() == 22


def test_the_body_districts_are_numbered_as_on_the_plate() -> None:
    assert list(BodyDistrict.objects.values_list("number", flat=True)) == list(range(1, 18))
    assert BodyDistrict.objects.get(number=7).slug == "heart-vessels"


@pytest.mark.parametrize("language", LANGUAGES)
def test_lists_are_in_the_order_of_the_language(language: str) -> None:
    found = list(Condition.objects.in_language(language))
    keys = [sort_key(getattr(condition, f"name_{column(language)}"), language) for condition in found]

    assert keys == sorted(keys)


def test_no_medical_text_counts_as_reviewed_by_a_doctor() -> None:
    assert not TextState.objects.filter(is_medically_reviewed=True).exists()
    assert not TextState.objects.filter(status__in=[TextStatus.REVIEWED, TextStatus.TRANSLATED]).exists()


def test_every_text_has_a_state() -> None:
    states = Counter(
        TextState.objects.filter(content_type__model="condition", field="name").values_list("language", "status")
    )
    assert states == {
        (code, TextStatus.ORIGINAL if code in {"en", "it"} else TextStatus.MACHINE): 212 for code in LANGUAGES
    }
    summaries = Counter(
        TextState.objects.filter(content_type__model="treatment", field="summary").values_list("language", "status")
    )
    assert summaries["en", TextStatus.MACHINE] == summaries["it", TextStatus.MACHINE] == 199
    assert sum(summaries.values()) == 199 * 8


def test_a_second_load_of_everything_reads_in_bulk() -> None:
    with CaptureQueriesContext(connection) as queries:
        report = load(is_forced=True)

    assert report is not None
    assert sum(tally.created + tally.changed + tally.withdrawn for tally in report.tallies.values()) == 0
    assert len(queries) <= 50
