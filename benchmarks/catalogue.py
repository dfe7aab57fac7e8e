"""Builds a large catalogue in a database of its own: 1,000 facilities, 2,000 treatments and 100,000 offers.

.venv/bin/python -m benchmarks.catalogue                            bench_100k, and bench_10k with a tenth of everything
.venv/bin/python -m benchmarks.catalogue --offers 25000 --again     another size, made anew

The real catalogue stays in it; the rest is made of its words in all eight languages, so that words are as frequent as
they are in truth. Some words are coined from halves of real ones: a larger catalogue has a larger vocabulary. The same
seed makes the same catalogue.
"""

import argparse
import itertools
import math
import random
import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, TypeVar

from tqdm import tqdm

from benchmarks.servers import database_of, exists, make_empty, servers, use
from healthlombardy.local.problems import Problem, say

SEED = 20_261_122
# As many as the sizes of the specification have.
OFFERS_PER_FACILITY = 100
OFFERS_PER_TREATMENT = 50
# New words that a new thing brings along: a vocabulary grows more slowly than what it describes.
COINED_SHARE = 0.6
PROTOCOL_SHARE = 0.2
SENTENCE_END = re.compile(r"(?<=[.!?。！？؟])\s*")
BRACKETS = re.compile(r"\s*[（(][^()（）]*[)）]")
Row = TypeVar("Row")


def main() -> int:
    """Build what is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--offers", type=int, action="append", help="how many offers; may be given more than once")
    parser.add_argument("--facilities", type=int, help="how many facilities (one for 100 offers)")
    parser.add_argument("--treatments", type=int, help="how many treatments (one for 50 offers)")
    parser.add_argument("--again", action="store_true", help="make it anew where it is there already")
    asked = parser.parse_args()
    sizes = asked.offers or [10_000, 100_000]
    try:
        with servers() as environment:
            if len(sizes) == 1:
                build(environment, sizes[0], asked.facilities, asked.treatments, is_again=asked.again)
            else:
                each(sizes, is_again=asked.again)
    except Problem as problem:
        say(str(problem))
        return 1
    return 0


def each(sizes: list[int], *, is_again: bool) -> None:
    """Build several sizes, each in a process of its own: a process has one database."""
    import subprocess  # noqa: PLC0415

    for size in sizes:
        more = ["--again"] if is_again else []
        subprocess.run([sys.executable, "-m", "benchmarks.catalogue", "--offers", str(size), *more], check=True)


def build(
    environment: dict[str, str],
    offers: int,
    facilities: int | None = None,
    treatments: int | None = None,
    *,
    is_again: bool = False,
) -> None:
    """Make the database, unless it is there and whole; bring its tables up to date in any case."""
    name = database_of(offers)
    is_new = is_again or not exists(environment, name)
    if is_new:
        make_empty(environment, name)
    use(environment, name)
    from django.core.management import call_command  # noqa: PLC0415

    call_command("migrate", verbosity=0, interactive=False)
    from search.models import Build  # noqa: PLC0415

    if Build.objects.exists():
        call_command("grant_application_role", verbosity=0)
        say(f"{name} is there; --again makes it anew.")
        return
    if not is_new:
        make_empty(environment, name)
        call_command("migrate", verbosity=0, interactive=False)
    say(f"{name}: loading the real catalogue …")
    call_command("load_catalogue", verbosity=0)
    from django.db import connection, transaction  # noqa: PLC0415
    from django.utils import translation  # noqa: PLC0415

    with translation.override("en"), transaction.atomic():
        Making(offers, facilities, treatments).make()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    from search.index import rebuild  # noqa: PLC0415

    rebuild(lambda items, count, label: tqdm(items, total=count, desc=f"{name}: search, {label}", unit="batch"))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    call_command("grant_application_role", verbosity=0)
    say(f"{name} is ready: {describe()}.")


def describe() -> str:
    """Return the size of the catalogue in use."""
    from facilities.models import Facility  # noqa: PLC0415
    from search.models import Entry, Term, Word  # noqa: PLC0415
    from treatments.models import Condition, Offer, Treatment  # noqa: PLC0415

    models: list[Any] = [Facility, Treatment, Condition, Offer, Entry, Term, Word]
    names = ["facilities", "treatments", "conditions", "offers", "search entries", "terms", "words"]
    return ", ".join(f"{model.objects.count():,} {name}" for model, name in zip(models, names, strict=True))


class Making:
    """Makes rows until there are as many as asked for."""

    def __init__(self, offers: int, facilities: int | None, treatments: int | None) -> None:
        from django.conf import settings  # noqa: PLC0415

        from facilities.models import Facility  # noqa: PLC0415
        from taxonomy.languages import column  # noqa: PLC0415
        from treatments.models import Condition, Treatment  # noqa: PLC0415

        self.random = random.Random(SEED)
        self.endings = [column(code) for code, _name in settings.LANGUAGES]
        self.offers = offers
        self.conditions: list[Any] = list(Condition.objects.order_by("slug").select_related("specialty"))
        self.treatments: list[Any] = list(Treatment.objects.order_by("slug").select_related("specialty"))
        self.facilities: list[Any] = list(Facility.objects.order_by("slug").prefetch_related("specialties"))
        wanted = treatments or offers // OFFERS_PER_TREATMENT
        self.more_treatments = max(0, wanted - len(self.treatments))
        proportion = len(self.conditions) / len(self.treatments)
        self.more_conditions = round(self.more_treatments * proportion)
        self.more_facilities = max(0, (facilities or offers // OFFERS_PER_FACILITY) - len(self.facilities))
        self.number = itertools.count(1)

    def make(self) -> None:
        """Write everything."""
        new = self.more_treatments + self.more_conditions
        self.coined = {ending: self.coin(ending, round(new * COINED_SHARE) + 1) for ending in self.endings}
        self.sentences = self.read_sentences()
        self.make_conditions()
        self.make_treatments()
        self.make_facilities()
        self.make_offers()

    # --- words ----------------------------------------------------------------------------------------------------

    def coin(self, ending: str, count: int) -> list[str]:
        """Return words made of the beginning of one real word and the end of another."""
        texts = [getattr(entry, f"name_{ending}") or "" for entry in (*self.treatments, *self.conditions)]
        shortest = 2 if ending == "zh_hans" else 5
        found = {word for text in texts for word in re.findall(r"[^\W\d_]+", text) if len(word) >= shortest}
        real = sorted(found)
        made = []
        for _ in range(count):
            first, last = self.random.choice(real), self.random.choice(real)
            made.append(first[: len(first) // 2 + 1] + last[len(last) // 2 :])
        return made

    def read_sentences(self) -> dict[tuple[int, str], list[str]]:
        """Return the sentences of real descriptions by specialty and language."""
        found: dict[tuple[int, str], list[str]] = defaultdict(list)
        for entry in (*self.treatments, *self.conditions):
            for ending in self.endings:
                sentences = SENTENCE_END.split(getattr(entry, f"summary_{ending}") or "")
                found[entry.specialty_id, ending] += [sentence for sentence in sentences if sentence]
        return found

    def texts_of(self, like: Any, beside: Any) -> dict[str, Any]:
        """Return names, synonyms and descriptions in all languages: words of two real things and a coined one."""
        place = self.random.randrange(len(self.coined["en"]))
        mixed = self.random.random() < 0.5
        texts: dict[str, Any] = {}
        for ending in self.endings:
            coined = self.coined[ending][place]
            blank = "" if ending == "zh_hans" else " "
            name = BRACKETS.sub("", getattr(like, f"name_{ending}") or "")
            other = BRACKETS.sub("", getattr(beside, f"name_{ending}") or "")
            if mixed:
                name = half(name, is_first=True, blank=blank) + blank + half(other, is_first=False, blank=blank)
            texts[f"name_{ending}"] = f"{name}{blank}{coined}"[:200]
            texts[f"synonyms_{ending}"] = [
                f"{synonym}{blank}{coined}"[:200] for synonym in getattr(like, f"synonyms_{ending}") or []
            ]
            pool = self.sentences[like.specialty_id, ending]
            count = min(len(pool), self.random.randint(2, 4))
            texts[f"summary_{ending}"] = blank.join(self.random.sample(pool, count))[:2000]
        return texts

    # --- rows -----------------------------------------------------------------------------------------------------

    def make_conditions(self) -> None:
        """Make conditions like the real ones."""
        from treatments.models import Condition  # noqa: PLC0415

        made = []
        for like in self.bar(self.likes(self.conditions, self.more_conditions), "conditions"):
            beside = self.random.choice(self.of_specialty(self.conditions, like))
            made.append(
                Condition(
                    slug=self.slug("condition"),
                    specialty_id=like.specialty_id,
                    icd10=like.icd10,
                    **self.texts_of(like, beside),
                )
            )
            self.remember(made[-1], like)
        self.write_cures(Condition, made)
        self.all_conditions = self.conditions + made

    def make_treatments(self) -> None:
        """Make treatments like the real ones, each for as many conditions as its model."""
        from treatments.models import Treatment  # noqa: PLC0415

        made = []
        for like in self.bar(self.likes(self.treatments, self.more_treatments), "treatments"):
            beside = self.random.choice(self.of_specialty(self.treatments, like))
            made.append(
                Treatment(
                    slug=self.slug("treatment"),
                    specialty_id=like.specialty_id,
                    kind=like.kind,
                    icd9cm=like.icd9cm,
                    **self.texts_of(like, beside),
                )
            )
            self.remember(made[-1], like)
        self.write_cures(Treatment, made)
        links = []
        for treatment in made:
            pool = self.of_specialty(self.all_conditions, treatment)
            count = min(len(pool), treatment.like.conditions.count())
            links += [
                Treatment.conditions.through(treatment_id=treatment.pk, condition_id=condition.pk)
                for condition in self.random.sample(pool, count)
            ]
        Treatment.conditions.through.objects.bulk_create(links, batch_size=5000)
        self.all_treatments = self.treatments + made

    def write_cures(self, model: Any, made: list[Any]) -> None:
        """Write conditions or treatments with their keys, districts and states of texts."""
        from taxonomy.collation import sort_keys  # noqa: PLC0415

        for entry in self.bar(made, "keys"):
            for name, key in sort_keys(entry, "name").items():
                setattr(entry, name, key)
        model.objects.bulk_create(made, batch_size=500)
        through = model.body_districts.through
        owner = model._meta.model_name
        districts: dict[int, list[int]] = defaultdict(list)
        for row in through.objects.values(f"{owner}_id", "bodydistrict_id"):
            districts[row[f"{owner}_id"]].append(row["bodydistrict_id"])
        through.objects.bulk_create(
            [
                through(**{f"{owner}_id": entry.pk, "bodydistrict_id": district})
                for entry in made
                for district in districts[entry.like.pk]
            ],
            batch_size=5000,
        )
        self.copy_states(model, made)

    def copy_states(self, model: Any, made: list[Any]) -> None:
        """Let each text have the state of its model's."""
        from django.contrib.contenttypes.models import ContentType  # noqa: PLC0415

        from publishing.models import TextState  # noqa: PLC0415

        kind = ContentType.objects.get_for_model(model)
        states: dict[int, list[Any]] = defaultdict(list)
        for state in TextState.objects.filter(content_type=kind):
            states[state.object_id].append(state)
        rows = [
            TextState(
                content_type=kind,
                object_id=entry.pk,
                field=state.field,
                language=state.language,
                status=state.status,
                source_hash=state.source_hash,
            )
            for entry in made
            for state in states[entry.like.pk]
        ]
        TextState.objects.bulk_create(rows, batch_size=5000)

    def make_facilities(self) -> None:
        """Make facilities like the real ones, with certificates, ranks, facts and protocols."""
        from facilities.models import Facility  # noqa: PLC0415
        from taxonomy.collation import sort_keys  # noqa: PLC0415

        made: list[Any] = []
        own = sorted({word for facility in self.facilities for word in proper_words(facility.official_name)})
        for like in self.bar(self.likes(self.facilities, self.more_facilities), "facilities"):
            place = self.random.choice(self.facilities)
            called = f"{self.random.choice(own)} {self.random.choice(own)}"
            made.append(self.facility(like, place, called))
            for name, key in sort_keys(made[-1], "usual_name", "short_name").items():
                setattr(made[-1], name, key)
            self.remember(made[-1], like)
        Facility.objects.bulk_create(made, batch_size=500)
        every = sorted({specialty.pk for facility in self.facilities for specialty in facility.specialties.all()})
        through = Facility.specialties.through
        through.objects.bulk_create(
            [
                through(facility_id=facility.pk, specialty_id=specialty)
                for facility in made
                for specialty in self.random.sample(every, min(len(every), len(facility.like.specialties.all())))
            ],
            batch_size=5000,
        )
        self.copy_states(Facility, made)
        self.copy_facts(made)
        self.make_protocols(made)
        self.all_facilities = self.facilities + made

    def facility(self, like: Any, place: Any, called: str) -> Any:
        """Return one facility: the kind of one real one, the place of another."""
        from facilities.models import Facility  # noqa: PLC0415

        kind = like.official_name.split()[0]
        number = next(self.number)
        texts: dict[str, Any] = {}
        for ending in self.endings:
            usual = getattr(like, f"usual_name_{ending}") or ""
            texts[f"usual_name_{ending}"] = f"{usual} {self.random.choice(self.coined[ending])}"[:200] if usual else ""
            texts[f"summary_{ending}"] = getattr(like, f"summary_{ending}") or ""
            texts[f"irccs_discipline_{ending}"] = getattr(like, f"irccs_discipline_{ending}") or ""
        return Facility(
            slug=f"bench-facility-{number}",
            official_name=f"{kind} {called} di {place.city}"[:300],
            short_name=f"{kind} {called}"[:120],
            kind=like.kind,
            ownership=like.ownership,
            group=like.group,
            address=f"Via {called} {number % 90 + 1}"[:200],
            postal_code=place.postal_code,
            city=place.city,
            province=place.province,
            latitude=min(46.6, max(44.7, place.latitude + self.random.gauss(0, 0.05))),
            longitude=min(11.4, max(8.5, place.longitude + self.random.gauss(0, 0.05))),
            has_inpatient_care=like.has_inpatient_care,
            verified_on=like.verified_on,
            sources=like.sources,
            **texts,
        )

    def copy_facts(self, made: list[Any]) -> None:
        """Let each facility have the certificates, ranks and facts of its model."""
        from facilities.models import Accreditation, FacilityFact, Ranking  # noqa: PLC0415

        models: list[Any] = [Accreditation, FacilityFact, Ranking]
        for model in models:
            rows: dict[int, list[Any]] = defaultdict(list)
            for row in model.objects.all():
                rows[row.facility_id].append(row)
            copies = []
            for facility in made:
                for row in rows[facility.like.pk]:
                    values = {
                        field.attname: getattr(row, field.attname)
                        for field in model._meta.concrete_fields
                        if not field.primary_key
                    }
                    copies.append(model(**values | {"facility_id": facility.pk}))
            model.objects.bulk_create(copies, batch_size=5000)

    def make_protocols(self, made: list[Any]) -> None:
        """Let some facilities promise a second opinion, as the real protocols do."""
        from publishing.enums import FactState  # noqa: PLC0415
        from treatments.models import Protocol, RequiredDocument  # noqa: PLC0415

        real: list[Any] = list(Protocol.objects.order_by("slug").prefetch_related("required_documents"))
        if not real:
            return
        for facility in self.random.sample(made, round(len(made) * PROTOCOL_SHARE)):
            like = self.random.choice(real)
            texts = {
                f"{field}_{ending}": getattr(like, f"{field}_{ending}")
                for field in ("name", "for_whom", "exclusions", "translation_rule", "fee_note")
                for ending in self.endings
            }
            protocol = Protocol.objects.create(
                slug=f"{facility.slug}-second-opinion",
                facility=facility,
                document_languages=like.document_languages,
                report_languages=like.report_languages,
                promised_working_days=self.random.choice([3, 5, 7, 10, 15]),
                minimum_age=like.minimum_age,
                valid_from=like.valid_from,
                state=FactState.VERIFIED,
                **texts,
            )
            RequiredDocument.objects.bulk_create(
                RequiredDocument(
                    protocol=protocol,
                    position=paper.position,
                    kind=paper.kind,
                    maximum_age_days=paper.maximum_age_days,
                    **{f"what_{ending}": getattr(paper, f"what_{ending}") for ending in self.endings},
                )
                for paper in like.required_documents.all()
            )

    def make_offers(self) -> None:
        """Spread offers: few large houses and many small ones, few frequent treatments and many rare ones."""
        from treatments.models import Offer  # noqa: PLC0415

        present = set(Offer.objects.values_list("facility_id", "treatment_id"))
        states = list(Offer.objects.order_by("pk").values_list("state", "source_kind"))
        shuffled = list(self.all_treatments)
        self.random.shuffle(shuffled)
        weights = [(treatment.pk, 1 / math.sqrt(rank)) for rank, treatment in enumerate(shuffled, start=1)]
        sizes = [self.random.lognormvariate(0, 0.6) for _facility in self.all_facilities]
        scale = (self.offers - len(present)) / sum(sizes)
        largest = len(weights) * 8 // 10
        made: list[Any] = []
        for facility, size in self.bar(list(zip(self.all_facilities, sizes, strict=True)), "offers"):
            count = min(largest, round(size * scale) + 1)
            # A weighted sample without putting back: the largest of u^(1/w).
            keyed = sorted(((self.random.random() ** (1 / weight), pk) for pk, weight in weights), reverse=True)
            chosen = [pk for _key, pk in keyed if (facility.pk, pk) not in present][:count]
            for treatment in chosen:
                state, source_kind = self.random.choice(states)
                made.append(
                    Offer(facility_id=facility.pk, treatment_id=treatment, state=state, source_kind=source_kind)
                )
                present.add((facility.pk, treatment))
        self.random.shuffle(made)
        missing = self.offers - Offer.objects.count()
        while len(made) < missing:
            # Small houses had fewer treatments left to choose from.
            pair = self.random.choice(self.all_facilities).pk, self.random.choice(self.all_treatments).pk
            if pair not in present:
                present.add(pair)
                made.append(Offer(facility_id=pair[0], treatment_id=pair[1], state=states[0][0]))
        Offer.objects.bulk_create(made[:missing], batch_size=5000)

    # --- helpers of the rows ----------------------------------------------------------------------------------------

    def likes(self, real: list[Row], count: int) -> list[Row]:
        """Return the models of new rows, drawn evenly."""
        return list(itertools.islice(itertools.cycle(self.random.sample(real, len(real))), count))

    def of_specialty(self, rows: list[Any], like: Any) -> list[Any]:
        """Return rows of the same specialty, all where there is none."""
        return [row for row in rows if row.specialty_id == like.specialty_id] or rows

    def remember(self, made: Any, like: Any) -> None:
        """Note what a row was modelled on."""
        made.like = like

    def slug(self, kind: str) -> str:
        """Return the next slug."""
        return f"bench-{kind}-{next(self.number)}"

    def bar(self, items: list[Row], label: str) -> Iterable[Row]:
        """Show a bar while items are worked on."""
        return tqdm(items, desc=f"{database_of(self.offers)}: {label}")


def half(text: str, *, is_first: bool, blank: str) -> str:
    """Return the first or the last half of a name, by words; by signs in Chinese."""
    parts = text.split() if blank else list(text)
    middle = (len(parts) + 1) // 2
    return blank.join(parts[:middle] if is_first else parts[middle:] or parts[-1:])


def proper_words(name: str) -> list[str]:
    """Return the words of an official name after the first that look like a proper name."""
    return [word for word in name.split()[1:] if word[:1].isupper() and word.isalpha() and len(word) > 3]


if __name__ == "__main__":
    sys.exit(main())
