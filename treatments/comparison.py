"""Up to four facilities side by side, for one treatment or for none.

What is not known is no difference: only two known values that are not the same are marked. A list of what we know of
may lack something, so two such lists prove nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property

from django.conf import settings
from django.contrib.postgres.aggregates import ArrayAgg
from django.core.validators import slug_re
from django.db.models import CharField, OuterRef, Q, Value
from django.db.models.functions import Cast, Coalesce, Concat
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from facilities.distances import from_airports
from facilities.models import Accreditation, Facility, FacilityFact, Ranking
from facilities.rankings import newest_places
from publishing.enums import FactState
from publishing.models import Provenance
from publishing.templatetags.text import marked, text_of
from taxonomy.collation import sort_key
from taxonomy.dates import date_format
from taxonomy.languages import column, euros, kilometres, language_name
from taxonomy.models import Specialty
from taxonomy.rows import instances, rows_along
from treatments.enums import DocumentKind
from treatments.models import Offer, Protocol, Treatment

MAXIMUM = 4
LONGEST_SLUG = 120
# The address says `only=differences` where the reader wants nothing else.
DIFFERENCES = "differences"
STATES = {"in_date": "leaf", "expires_soon": "amber", "lapsed": "brick", "history": "sky"}


@dataclass(frozen=True)
class Line:
    """A line of a cell: words, as a badge where it has a state, with a smaller note."""

    text: str | SafeString
    state: str = ""
    note: str = ""
    url: str = ""


@dataclass(frozen=True)
class Cell:
    """What is known of one facility; `known` is what two cells are compared by, None where it proves nothing."""

    lines: list[Line] = field(default_factory=list)
    known: object = None

    @classmethod
    def of(cls, text: str | SafeString, known: object = None) -> "Cell":
        """Return a cell of one line that is compared by what it says."""
        return cls([Line(text)], known or str(text)) if text else cls()

    @classmethod
    def open(cls, texts: Iterable[str | SafeString]) -> "Cell":
        """Return a cell whose lines may not be all there is."""
        return cls([Line(text) for text in texts])


@dataclass(frozen=True)
class Row:
    """One fact about each facility."""

    label: str | SafeString
    cells: list[Cell]
    note: str = ""

    @property
    def difference(self) -> str:
        """Return `differs`, `same`, or `unknown` where no difference is known."""
        known = [cell.known for cell in self.cells if cell.known is not None]
        if len(set(known)) > 1:
            return "differs"
        return "same" if len(known) == len(self.cells) else "unknown"

    @property
    def is_empty(self) -> bool:
        return not any(cell.lines for cell in self.cells)


@dataclass(frozen=True)
class Section:
    """Facts that belong together."""

    title: str | SafeString
    rows: list[Row]
    note: str = ""
    slug: str = ""


@dataclass(frozen=True)
class Column:
    """A facility at the head of the table; `ask_query` names it to the page of second opinions, where one can ask."""

    name: SafeString
    place: str
    url: str
    remove_url: str
    earlier_url: str
    ask_query: str


class Comparison:
    """What an address asks to compare; the number of queries does not grow with what is chosen."""

    maximum = MAXIMUM

    def __init__(self, query: QueryDict, language: str) -> None:
        self.language = language
        self._slugs = [slug for slug in query.getlist("facility") if slug]
        self._treatment_slug = query.get("treatment", "")
        self._only = query.get("only", "")

    # --- what was asked for ---------------------------------------------------------------------------------------

    @cached_property
    def choices(self) -> dict[str, str]:
        """Return slug → name of every facility one can choose."""
        rows = Facility.objects.published().order_by(f"sort_key_{column(self.language)}", "slug")
        return dict(rows.values_list("slug", "short_name"))

    @cached_property
    def free_choices(self) -> list[tuple[str, str]]:
        """Return slug and name of the facilities that are not chosen yet."""
        chosen = set(self.slugs)
        return [(slug, name) for slug, name in self.choices.items() if slug not in chosen]

    @cached_property
    def known(self) -> list[str]:
        """Return the slugs asked for that exist, each once, in that order."""
        return [slug for slug in dict.fromkeys(self._slugs) if slug in self.choices]

    @property
    def slugs(self) -> list[str]:
        """Return the slugs of what is compared."""
        return self.known[:MAXIMUM]

    @property
    def has_unknown(self) -> bool:
        """Return whether the address names something that does not exist."""
        is_treatment_unknown = bool(self._treatment_slug) and self.treatment is None
        is_view_unknown = self._only not in {"", DIFFERENCES}
        return is_treatment_unknown or is_view_unknown or len(self.known) < len(set(self._slugs))

    @property
    def has_repetition(self) -> bool:
        """Return whether a facility is named twice."""
        return len(set(self._slugs)) < len(self._slugs)

    @property
    def has_too_many(self) -> bool:
        return len(self.known) > MAXIMUM

    @property
    def has_room(self) -> bool:
        return len(self.slugs) < MAXIMUM and bool(self.free_choices)

    @property
    def slots(self) -> list[int]:
        """Return the numbers of the selects: two for a start, then one at a time."""
        number = len(self.slugs)
        return [1, 2] if not number else [number + 1]

    @property
    def shows_differences_only(self) -> bool:
        return self._only == DIFFERENCES and len(self.chosen) > 1

    # --- what is compared -----------------------------------------------------------------------------------------

    @cached_property
    def chosen(self) -> list[Facility]:
        """Return the facilities to compare with what stands around them, in one query."""
        if not self.slugs:
            return []
        here, unpublished = {"facility": OuterRef("pk")}, {"state": FactState.UNVERIFIED}
        rows = Facility.objects.published().filter(slug__in=self.slugs).in_language(self.language)
        rows = rows.without("summary", self.language).annotate(
            accreditation_rows=rows_along(Accreditation.objects.exclude(**unpublished).filter(**here)),
            ranking_rows=rows_along(Ranking.objects.exclude(**unpublished).filter(**here)),
            member_rows=rows_along(
                FacilityFact.objects.exclude(**unpublished).filter(name=FacilityFact.Name.MEMBER, **here)
            ),
            specialty_rows=rows_along(Specialty.objects.filter(facilities=OuterRef("pk")).in_language(self.language)),
        )
        return sorted(rows, key=lambda facility: self.slugs.index(facility.slug))

    @cached_property
    def treatments(self) -> list[Treatment]:
        """Return the treatments one can choose: those that one of the facilities offers, and the one asked for."""
        slug = self._treatment_slug
        wanted = slug if len(slug) <= LONGEST_SLUG and slug_re.match(slug) else ""
        offered = Offer.objects.public().filter(facility__slug__in=self.slugs)
        rows = Treatment.objects.published().filter(Q(slug=wanted) | Q(pk__in=offered.values("treatment")))
        return list(rows.in_language(self.language).without("summary", self.language))

    @cached_property
    def treatment(self) -> Treatment | None:
        """Return the treatment the facilities are compared for."""
        return next((treatment for treatment in self.treatments if treatment.slug == self._treatment_slug), None)

    @cached_property
    def offers(self) -> dict[int, list[Offer]]:
        """Return facility → its offer of the treatment; without a treatment all its confirmed offers."""
        rows = Offer.objects.filter(facility__slug__in=self.slugs)
        if self.treatment:
            rows = rows.public().filter(treatment=self.treatment)
        else:
            rows = rows.confirmed().with_treatment(self.language)
        offers: dict[int, list[Offer]] = defaultdict(list)
        for offer in rows if self.slugs else []:
            offers[offer.facility_id].append(offer)
        return offers

    @cached_property
    def protocols(self) -> dict[int, Protocol]:
        """Return facility → the protocol that applies: one that names the treatment before a general one."""
        rows = Protocol.objects.in_force().filter(facility__slug__in=self.slugs).order_by("slug")
        rows = rows.annotate(
            treatment_ids=ArrayAgg("treatments", distinct=True, filter=Q(treatments__isnull=False), default=[]),
            # Kind and greatest age in days of each paper; no age is -1, for an array holds no holes.
            paper_kinds=ArrayAgg(
                Concat(
                    "required_documents__kind",
                    Value("|"),
                    Cast(Coalesce("required_documents__maximum_age_days", Value(-1)), CharField()),
                ),
                distinct=True,
                filter=Q(required_documents__isnull=False),
                default=[],
            ),
        )
        wanted = self.treatment.pk if self.treatment else None
        named: dict[int, Protocol] = {}
        general: dict[int, Protocol] = {}
        for protocol in rows if self.slugs else []:
            if wanted in protocol.treatment_ids:
                named.setdefault(protocol.facility_id, protocol)
            elif not protocol.treatment_ids:
                general.setdefault(protocol.facility_id, protocol)
        return general | named

    # --- the table ------------------------------------------------------------------------------------------------

    @property
    def columns(self) -> list[Column]:
        """Return the head of the table."""
        return [
            Column(
                name=_italian(facility.short_name),
                place=facility.place,
                url=facility.get_absolute_url(),
                remove_url=self._address([slug for slug in self.slugs if slug != facility.slug]),
                earlier_url=self._address(_earlier(self.slugs, place)) if place else "",
                ask_query=self._ask_query(facility),
            )
            for place, facility in enumerate(self.chosen)
        ]

    @cached_property
    def all_sections(self) -> list[Section]:
        """Return every fact of which something is known."""
        sections = [
            Section(_("The hospital"), self._about(), slug="about"),
            Section(_("Accreditations"), self._accreditations(), self._open_words, slug="accreditations"),
            *self._rankings(),
            Section(_("Second opinion"), self._second_opinion(), slug="opinion"),
            Section(_("Getting there"), self._distances(), _("In a straight line. Roads are longer."), slug="way"),
            Section(_("Specialties"), self._specialties(), self._open_words, slug="specialties"),
        ]
        if self.treatment:
            sections.insert(0, Section(_("This treatment"), self._offer(), slug="treatment"))
        else:
            title = _("Treatments that a source names, by specialty")
            sections.append(Section(title, self._counts(), self._open_words, slug="counts"))
        kept = [
            Section(section.title, [row for row in section.rows if not row.is_empty], section.note, section.slug)
            for section in sections
        ]
        return [section for section in kept if section.rows]

    @property
    def sections(self) -> list[Section]:
        """Return what the reader wants to see: everything, or the differences only."""
        if not self.shows_differences_only:
            return self.all_sections
        kept = [
            Section(section.title, [row for row in section.rows if row.difference == "differs"], slug=section.slug)
            for section in self.all_sections
        ]
        return [section for section in kept if section.rows]

    @property
    def number_of_differences(self) -> int:
        rows = [row for section in self.all_sections for row in section.rows]
        return sum(row.difference == "differs" for row in rows)

    @property
    def address(self) -> str:
        """Return the absolute address of just this comparison, to be printed and sent."""
        return settings.PUBLIC_URL + self._address(self.slugs, only=self.shows_differences_only)

    @property
    def everything_url(self) -> str:
        return self._address(self.slugs)

    @property
    def differences_url(self) -> str:
        return self._address(self.slugs, only=True)

    @property
    def general_url(self) -> str:
        """Return the address of the same facilities without a treatment."""
        return self._address(self.slugs, has_treatment=False)

    # --- rows, section by section ---------------------------------------------------------------------------------

    @property
    def _open_words(self) -> str:
        return _("What we know of; the list may not be complete.")

    def _row(self, label: str | SafeString, cell: Callable[[Facility], Cell], note: str = "") -> Row:
        return Row(label, [cell(facility) for facility in self.chosen], note)

    def _about(self) -> list[Row]:
        rows = [
            self._row(_("Kind"), lambda facility: Cell.of(str(facility.get_kind_display()))),
            self._row(_("Ownership"), lambda facility: Cell.of(str(facility.get_ownership_display()))),
            self._row(_("Place"), lambda facility: Cell.of(facility.place)),
            self._row(_("Overnight stay"), lambda facility: Cell.of(_stay_in_words(facility))),
            self._row(_("Takes part in Health Lombardy"), _membership),
            self._row(_("Last checked on"), _last_check),
        ]
        if any(facility.is_demo for facility in self.chosen):
            rows.insert(0, self._row(_("Listing"), lambda facility: Cell.of(_listing_in_words(facility))))
        return rows

    def _offer(self) -> list[Row]:
        return [self._row(_("Offers this treatment"), lambda facility: _offer_cell(self.offers[facility.pk]))]

    def _accreditations(self) -> list[Row]:
        """Return a row for each body: in date as a badge, the rest as history."""
        held = {row.pk: instances(Accreditation, row.accreditation_rows) for row in self.chosen}
        bodies = sorted({row.body for rows in held.values() for row in rows})
        return [
            self._row(
                format_html('<span lang="en" dir="ltr">{}</span>', body),
                lambda facility, body=body: _accreditation_cell([row for row in held[facility.pk] if row.body == body]),
            )
            for body in bodies
        ]

    def _rankings(self) -> list[Section]:
        """Return a section for each list in its newest edition here, with a row for each category."""
        places = [
            (facility.pk, place.newest)
            for facility in self.chosen
            for place in newest_places(instances(Ranking, facility.ranking_rows))
        ]
        newest: dict[tuple[str, str], int] = {}
        for _pk, ranking in places:
            key = (ranking.publisher, ranking.ranking)
            newest[key] = max(ranking.edition, newest.get(key, 0))
        sections = []
        for number, ((publisher, name), year) in enumerate(sorted(newest.items()), start=1):
            here = {
                (pk, ranking.category): ranking
                for pk, ranking in places
                if (ranking.publisher, ranking.ranking, ranking.edition) == (publisher, name, year)
            }
            labels = {ranking.category: str(ranking.get_category_display()) for ranking in here.values()}
            rows = [
                self._row(
                    label,
                    lambda facility, category=category, here=here: _ranking_cell(here.get((facility.pk, category))),
                )
                for category, label in sorted(labels.items(), key=lambda item: (item[0] != "overall", item[1]))
            ]
            title = format_html('<span lang="en" dir="ltr">{}, {}</span>', name, year)
            note = _("Published by %(publisher)s. 1 is the first place in the world.") % {"publisher": publisher}
            sections.append(Section(title, rows, note, slug=f"ranking-{number}"))
        return sections

    def _second_opinion(self) -> list[Row]:
        facts: list[tuple[str, Callable[[Protocol], Cell]]] = [
            (_("Answer within"), lambda protocol: Cell.of(promise_in_words(protocol))),
            (_("Start of the clock"), lambda protocol: Cell.of(str(protocol.get_clock_starts_display()))),
            (_("For whom"), lambda protocol: _prose(protocol, "for_whom")),
            (_("Age of the patient"), lambda protocol: Cell.of(ages_in_words(protocol))),
            (_("When it is not possible"), lambda protocol: _prose(protocol, "exclusions")),
            (_("Languages of your papers"), lambda protocol: self._languages(protocol.document_languages)),
            (_("Papers in other languages"), lambda protocol: _prose(protocol, "translation_rule")),
            (_("Papers to send"), _papers_cell),
            (_("Fee"), self._fee),
            (_("Languages of the answer"), lambda protocol: self._languages(protocol.report_languages)),
            (_("Video call with the specialist"), _consultation_cell),
            (_("Questions after the answer"), lambda protocol: Cell.of(follow_up_in_words(protocol))),
        ]
        return [self._row(label, self._of_protocol(cell)) for label, cell in facts]

    def _of_protocol(self, cell: Callable[[Protocol], Cell]) -> Callable[[Facility], Cell]:
        def of_facility(facility: Facility) -> Cell:
            protocol = self.protocols.get(facility.pk)
            return cell(protocol) if protocol else Cell()

        return of_facility

    def _languages(self, tags: list[str]) -> Cell:
        names = [language_name(tag, self.language) for tag in tags]
        return Cell([Line(name) for name in names], frozenset(tags) or None)

    def _fee(self, protocol: Protocol) -> Cell:
        """Return the fee; one that is told on request only proves no difference."""
        if protocol.fee is None:
            return Cell([Line(_("On request"))]) if protocol.is_fee_on_request else Cell()
        if not protocol.fee:
            return Cell.of(_("Free of charge"))
        return Cell.of(euros(protocol.fee, self.language))

    def _distances(self) -> list[Row]:
        ways = {facility.pk: from_airports(facility) for facility in self.chosen}
        airports = sorted({way.airport for rows in ways.values() for way in rows}, key=lambda airport: airport.name)
        ways_of = {(pk, way.airport): way.kilometres for pk, rows in ways.items() for way in rows}
        return [
            self._row(
                format_html(
                    '<span lang="it" dir="ltr">{}</span> <span class="ltr">({})</span>', place.name, place.iata
                ),
                lambda facility, place=place: Cell.of(kilometres(ways_of[facility.pk, place], self.language)),
            )
            for place in airports
        ]

    def _specialties(self) -> list[Row]:
        listed = {row.pk: instances(Specialty, row.specialty_rows) for row in self.chosen}
        sets = [{specialty.slug for specialty in rows} for rows in listed.values() if rows]
        common = set.intersection(*sets) if len(sets) > 1 else set()
        shared = [row for rows in listed.values() for row in rows if row.slug in common][: len(common)]

        def others(facility: Facility) -> Cell:
            return Cell.open(marked(text_of(row, "name")) for row in listed[facility.pk] if row.slug not in common)

        if not common:
            return [self._row(_("Specialties"), others)]
        comma = pgettext("between the items of a list", ", ")
        names = comma.join(self._sorted(text_of(row, "name").value for row in shared))
        note = _("Specialties they have in common: %(names)s") % {"names": names}
        return [self._row(_("Other specialties"), others, note)]

    def _counts(self) -> list[Row]:
        """Return how many confirmed treatments each has in a specialty, and how many all of them share."""
        names: dict[str, str | SafeString] = {}
        offered: dict[str, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
        for facility_id, offers in self.offers.items():
            for offer in offers:
                specialty = offer.treatment.specialty
                names[specialty.slug] = marked(text_of(specialty, "name"))
                offered[specialty.slug][facility_id].add(offer.treatment_id)
        return [
            self._row(
                names[slug],
                lambda facility, slug=slug: _count_cell(offered[slug].get(facility.pk, set())),
                self._shared_in_words(self._number_shared(offered[slug])),
            )
            for slug in sorted(names, key=lambda slug: sort_key(str(names[slug]), self.language))
        ]

    def _shared_in_words(self, number: int) -> str:
        """Return how many treatments stand in the lists of all of them."""
        words = ngettext("%(count)s that all of them share", "%(count)s that all of them share", number)
        return words % {"count": number} if number else ""

    def _number_shared(self, offered: dict[int, set[int]]) -> int:
        """Return how many treatments all the facilities have, where there is more than one facility."""
        lists = [offered.get(facility.pk, set()) for facility in self.chosen]
        return len(set.intersection(*lists)) if len(lists) > 1 else 0

    def _sorted(self, names: Iterable[str]) -> list[str]:
        return sorted(names, key=lambda name: sort_key(name, self.language))

    # --- addresses ------------------------------------------------------------------------------------------------

    def _address(self, slugs: list[str], *, has_treatment: bool = True, only: bool = False) -> str:
        query = [("facility", slug) for slug in slugs]
        if self.treatment and has_treatment:
            query.append(("treatment", self.treatment.slug))
        if only:
            query.append(("only", DIFFERENCES))
        return f"{reverse('treatments:compare')}?{urlencode(query)}".removesuffix("?")

    def _ask_query(self, facility: Facility) -> str:
        """Return what names the hospital to the page of second opinions; nothing where no source names the offer."""
        query = {"facility": facility.slug}
        if self.treatment:
            if not any(offer.is_confirmed for offer in self.offers[facility.pk]):
                return ""
            query = {"treatment": self.treatment.slug} | query
        return urlencode(query)


def _italian(name: str) -> SafeString:
    """Return a name that stays Italian."""
    return format_html('<span lang="it" dir="ltr">{}</span>', name)


def _earlier(slugs: list[str], place: int) -> list[str]:
    """Return the slugs with one of them moved before its neighbour."""
    return [*slugs[: place - 1], slugs[place], slugs[place - 1], *slugs[place + 1 :]]


def _listing_in_words(facility: Facility) -> str:
    return _("Invented for the demo") if facility.is_demo else _("A real hospital")


def _stay_in_words(facility: Facility) -> str:
    return _("Possible") if facility.has_inpatient_care else _("None: outpatients only")


def _proof_in_words(fact: Provenance) -> str:
    """Return source and day of the last check."""
    comma = pgettext("between the items of a list", ", ")
    parts = [fact.source_name]
    if fact.read_on:
        parts.append(_("checked on %(date)s") % {"date": date_format(fact.read_on, "DATE_FORMAT")})
    return comma.join(parts)


def _membership(facility: Facility) -> Cell:
    """Return whether the facility is a member; where no source says so, nothing."""
    facts = [fact for fact in instances(FacilityFact, facility.member_rows) if fact.value == "yes"]
    return Cell([Line(_("Yes"), note=_proof_in_words(facts[0]), url=facts[0].source_url)], "yes") if facts else Cell()


def _last_check(facility: Facility) -> Cell:
    """Return the day our listing was checked: it says nothing about the hospital, so it is no difference."""
    if not facility.verified_on:
        return Cell()
    return Cell([Line(date_format(facility.verified_on, "DATE_FORMAT"))])


def _offer_cell(offers: list[Offer]) -> Cell:
    """Return how sure it is that the facility offers the treatment; empty where nobody says so."""
    if not offers:
        return Cell()
    offer = offers[0]
    words = _("Named in a source") if offer.is_confirmed else _("Not yet confirmed by the hospital")
    state = "leaf" if offer.is_confirmed else "plain"
    return Cell([Line(words, state, _proof_in_words(offer), offer.source_url)], offer.state)


def _accreditation_cell(rows: list[Accreditation]) -> Cell:
    """Return the certificates of one body; what nobody dated proves no difference."""
    today = timezone.localdate()
    validities = {row.validity(today) for row in rows}
    lines = [Line(_validity_in_words(row, row.validity(today)), STATES[row.validity(today)], row.level) for row in rows]
    if validities & {"in_date", "expires_soon"}:
        return Cell(lines, "in_date")
    return Cell(lines, "lapsed" if validities == {"lapsed"} else None)


def _validity_in_words(row: Accreditation, validity: str) -> str:
    if row.valid_until:
        words = {
            "in_date": _("In date until %(date)s"),
            "expires_soon": _("Ends soon, on %(date)s"),
            "lapsed": _("Ended on %(date)s"),
        }[validity]
        return words % {"date": date_format(row.valid_until, "DATE_FORMAT")}
    if row.last_known_year:
        words = _("History: last renewal known to us %(year)s, validity not confirmed")
        return words % {"year": row.last_known_year}
    return _("History: validity not confirmed")


def _ranking_cell(ranking: Ranking | None) -> Cell:
    """Return the place in the world with the place in Italy, else that in Italy."""
    if ranking is None:
        return Cell()
    in_italy = _("in Italy: %(place)s") % {"place": ranking.italian_rank} if ranking.italian_rank else ""
    if not ranking.place:
        return Cell([Line(in_italy)], in_italy)
    place = format_html('<bdi dir="ltr">{}</bdi>', ranking.place)
    return Cell([Line(place, note=in_italy)], ranking.place)


def _prose(protocol: Protocol, name: str) -> Cell:
    """Return sentences of the hospital: two ways to say it prove no difference."""
    return Cell.open([marked(text_of(protocol, name))] if text_of(protocol, name).value else [])


def _papers_cell(protocol: Protocol) -> Cell:
    """Return the kinds of paper asked for and how recent they have to be, in the order of the kinds."""
    order = list(DocumentKind.values)
    asked = [(kind, int(days)) for kind, days in (paper.split("|") for paper in protocol.paper_kinds)]
    papers = sorted(asked, key=lambda paper: (order.index(paper[0]), paper[1]))
    lines = [Line(str(DocumentKind(kind).label), note=_age_in_words(days)) for kind, days in papers]
    return Cell(lines, tuple(papers) or None)


def _age_in_words(days: int) -> str:
    """Return the greatest age of a paper; empty where any age will do."""
    if days < 0:
        return ""
    return ngettext("Not older than %(counter)s day", "Not older than %(counter)s days", days) % {"counter": days}


def _consultation_cell(protocol: Protocol) -> Cell:
    if protocol.includes_consultation is None:
        return Cell()
    return Cell.of(_("Included") if protocol.includes_consultation else _("Not included"))


def _count_cell(treatments: set[int]) -> Cell:
    """Return a number of treatments; none in our list is not none in the hospital."""
    if not treatments:
        return Cell()
    words = ngettext("%(count)s treatment", "%(count)s treatments", len(treatments)) % {"count": len(treatments)}
    return Cell.open([words])


def promise_in_words(protocol: Protocol) -> str:
    """Return the promised working days; empty where there is no promise."""
    days = protocol.promised_working_days
    if days is None:
        return ""
    if protocol.is_promise_approximate:
        return ngettext("about %(days)s working day", "about %(days)s working days", days) % {"days": days}
    return ngettext("%(days)s working day", "%(days)s working days", days) % {"days": days}


def ages_in_words(protocol: Protocol) -> str:
    """Return the ages of patients the protocol is for; empty where it names none."""
    least, most = protocol.minimum_age, protocol.maximum_age
    if least and most:
        return _("from %(least)s to %(most)s years") % {"least": least, "most": most}
    if least:
        return ngettext("from %(counter)s year", "from %(counter)s years", least) % {"counter": least}
    if most:
        return ngettext("up to %(counter)s year", "up to %(counter)s years", most) % {"counter": most}
    return ""


def follow_up_in_words(protocol: Protocol) -> str:
    """Return how many questions may follow, and within how many days; empty where nothing is said."""
    count, days = protocol.follow_up_questions, protocol.follow_up_days
    if count is None:
        return ""
    if not count:
        return _("Not included")
    if not days:
        return ngettext("%(count)s question", "%(count)s questions", count) % {"count": count}
    words = ngettext("%(counter)s question within %(days)s days", "%(counter)s questions within %(days)s days", count)
    return words % {"counter": count, "days": days}
