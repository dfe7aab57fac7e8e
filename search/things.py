"""What can be found: every published thing with its names and other words in each language."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from django.conf import settings
from django.db.models import Model, QuerySet

from facilities.models import Facility
from search.enums import Kind, Origin
from search.lay_words import lay_words
from search.normalise import normalise
from taxonomy.languages import column
from taxonomy.models import BodyDistrict, Specialty
from treatments.models import Condition, Treatment

LANGUAGES = [code for code, _name in settings.LANGUAGES]
# "Hip replacement (hip implant)" is found under either.
BRACKETS = re.compile(r"^(.+?)\s*[（(]([^()（）]+)[)）]\s*$")
SUMMARY_LENGTH = 220
SENTENCE_END = re.compile(r"(?<=[.!?。！？؟])\s*")


@dataclass
class Thing:
    """One object as search sees it."""

    kind: Kind
    object_id: int
    slug: str
    facilities: int = 0
    treatments: int = 0
    subkind: str = ""
    city: str = ""
    province: str = ""
    facets: list[str] = field(default_factory=list)
    # Language → column of Entry → text.
    shown: dict[str, dict[str, str]] = field(default_factory=dict)
    # Language → (origin, text), the weightiest first.
    called: dict[str, list[tuple[Origin, str]]] = field(default_factory=dict)

    def call(self, language: str, origin: Origin, *texts: str) -> None:
        """Add ways to call it."""
        self.called.setdefault(language, []).extend((origin, text) for text in texts if text and text.strip())

    def terms(self) -> Iterator[tuple[str, Origin, str]]:
        """Yield language, origin and text, the same words once a language."""
        for language, texts in self.called.items():
            seen = set()
            for origin, text in texts:
                form = normalise(text)
                if form and form not in seen:
                    seen.add(form)
                    yield language, origin, text


def first_sentences(text: str) -> str:
    """Return as many whole sentences as fit in a line or two."""
    kept = ""
    for sentence in SENTENCE_END.split(text or ""):
        if kept and len(kept) + len(sentence) > SUMMARY_LENGTH:
            break
        separator = "" if not kept or kept[-1] in "。！？" else " "
        kept += separator + sentence
    return kept[:400]


def add_names(thing: Thing, source: Model, name: str = "name") -> None:
    """Add the name and the synonyms of each language, the name also without and within its brackets."""
    for language in LANGUAGES:
        ending = column(language)
        text = getattr(source, f"{name}_{ending}") or ""
        thing.shown[language] = {
            "name": text,
            "summary": first_sentences(getattr(source, f"summary_{ending}", "")),
            "sort_key": getattr(source, f"sort_key_{ending}") or "",
        }
        thing.call(language, Origin.NAME, text)
        if brackets := BRACKETS.match(text):
            thing.call(language, Origin.NAME, *brackets.groups())
        thing.call(language, Origin.SYNONYM, *(getattr(source, f"synonyms_{ending}", None) or []))
        thing.call(language, Origin.LAY_WORD, *lay_words().get((thing.kind.value, thing.slug, language), []))
        thing.call(language, Origin.TEXT, getattr(source, f"summary_{ending}", ""))


def of_treatment(treatment: Treatment) -> Thing:
    """Return a treatment; it must carry `facility_count`."""
    thing = Thing(
        Kind.TREATMENT,
        treatment.pk,
        treatment.slug,
        facilities=treatment.facility_count,
        subkind=treatment.kind,
        facets=facets_of(treatment),
    )
    add_names(thing, treatment)
    add_specialty(thing, treatment.specialty)
    thing.call("", Origin.CODE, *treatment.icd9cm)
    return thing


def of_condition(condition: Condition) -> Thing:
    """Return a condition; it must carry `treatments_count`."""
    thing = Thing(
        Kind.CONDITION, condition.pk, condition.slug, treatments=condition.treatments_count, facets=facets_of(condition)
    )
    add_names(thing, condition)
    add_specialty(thing, condition.specialty)
    thing.call("", Origin.CODE, *condition.icd10)
    return thing


def of_specialty(specialty: Specialty) -> Thing:
    """Return a specialty; it must carry `facilities_count`."""
    thing = Thing(
        Kind.SPECIALTY,
        specialty.pk,
        specialty.slug,
        facilities=specialty.facilities_count,
        facets=[f"specialty:{specialty.slug}", *districts_of(specialty)],
    )
    add_names(thing, specialty)
    return thing


def of_body_district(district: BodyDistrict) -> Thing:
    """Return a body district; it must carry `treatments_count`."""
    thing = Thing(
        Kind.BODY_DISTRICT,
        district.pk,
        district.slug,
        treatments=district.treatments_count,
        facets=[f"body_district:{district.slug}"],
    )
    add_names(thing, district)
    return thing


def of_facility(facility: Facility) -> Thing:
    """Return a facility: its official, short and usual names, its group, its town."""
    thing = Thing(
        Kind.FACILITY,
        facility.pk,
        facility.slug,
        subkind=facility.kind,
        city=facility.city,
        province=facility.province,
        facets=[f"province:{facility.province}", *(f"specialty:{item.slug}" for item in facility.specialties.all())],
    )
    add_names(thing, facility, "usual_name")
    thing.call("it", Origin.NAME, facility.official_name, facility.short_name)
    thing.call("it", Origin.SYNONYM, facility.group)
    for language in LANGUAGES:
        kinds = lay_words().get(("facility_kind", facility.kind, language), [])
        provinces = lay_words().get(("province", facility.province, language), [])
        thing.call(language, Origin.PLACE, " ".join([facility.city, *provinces, *kinds]))
    return thing


def add_specialty(thing: Thing, specialty: Specialty) -> None:
    """Add the name of the specialty, shown where a summary is missing."""
    for language in LANGUAGES:
        thing.shown[language]["specialty"] = getattr(specialty, f"name_{column(language)}") or ""


def facets_of(cure: Treatment | Condition) -> list[str]:
    """Return what a cure can be filtered by."""
    return [f"specialty:{cure.specialty.slug}", *districts_of(cure)]


def districts_of(thing: Treatment | Condition | Specialty) -> list[str]:
    """Return the body districts something can be filtered by."""
    return [f"body_district:{district.slug}" for district in thing.body_districts.all()]


def treatments() -> QuerySet:
    return (
        Treatment.objects.published()
        .with_facility_count()
        .select_related("specialty")
        .prefetch_related("body_districts")
    )


def conditions() -> QuerySet:
    return (
        Condition.objects.published()
        .with_counts(treatments=Treatment.objects.published())
        .select_related("specialty")
        .prefetch_related("body_districts")
    )


def specialties() -> QuerySet:
    return Specialty.objects.with_counts(facilities=found_facilities()).prefetch_related("body_districts")


def body_districts() -> QuerySet:
    return BodyDistrict.objects.with_counts(treatments=Treatment.objects.published())


def found_facilities() -> QuerySet:
    """Return the facilities that may be found: published, invented ones in the demo only."""
    rows = Facility.objects.published()
    return rows if settings.DEMO else rows.filter(is_demo=False)


def facilities() -> QuerySet:
    return found_facilities().prefetch_related("specialties")


@dataclass(frozen=True)
class Source:
    """Where the things of a kind come from."""

    kind: Kind
    model: type[Model]
    # What may be found now; `rows` adds what a Thing is made of.
    public: Callable[[], QuerySet]
    rows: Callable[[], QuerySet]
    thing: Callable[..., Thing]


SOURCES = [
    Source(Kind.TREATMENT, Treatment, Treatment.objects.published, treatments, of_treatment),
    Source(Kind.CONDITION, Condition, Condition.objects.published, conditions, of_condition),
    Source(Kind.SPECIALTY, Specialty, Specialty.objects.all, specialties, of_specialty),
    Source(Kind.BODY_DISTRICT, BodyDistrict, BodyDistrict.objects.all, body_districts, of_body_district),
    Source(Kind.FACILITY, Facility, found_facilities, facilities, of_facility),
]


def source_of(model: type[Model]) -> Source:
    """Return the source of a model; raise LookupError for one that cannot be found."""
    for source in SOURCES:
        if source.model is model:
            return source
    raise LookupError(f"{model.__name__} is nothing that search finds")
