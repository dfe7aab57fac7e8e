"""A catalogue of a few invented rows, in data files that a test may damage."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from django.conf import settings

FILES = {
    "publishing/data/sources.yaml": """\
        checked_on: 2026-11-21
        sources:
          - id: open_data
            url: https://data.example.org
            about: an invented data set
        """,
    "publishing/data/source_kinds.yaml": """\
        hosts:
          facility: [clinic.example.org]
          authority: [data.example.org]
          newspaper: [news.example.org]
        names:
          authority: [Invented Gazette 1]
        """,
    "taxonomy/data/body_districts.yaml": """\
        body_districts:
          - slug: heart
            number: 1
          - slug: knee
            number: 2
        """,
    "taxonomy/data/specialties.yaml": """\
        specialties:
          - slug: cardiology
            body_districts: [heart]
        """,
    "facilities/data/facilities.yaml": """\
        facilities:
          - slug: alpha
            official_name: Clinic Alpha
            short_name: Alpha
            kind: general_hospital
            ownership: public
            address: Via Uno 1
            postal_code: '20100'
            city: Milano
            province: MI
            latitude: 45.46
            longitude: 9.19
            website: https://clinic.example.org
            website_verified: true
            specialties: [cardiology]
            facts:
              founded: {value: 1900, verified: true, source: https://news.example.org/alpha}
              beds: {value: 100, year: 2020, verified: false, source: https://other.example.org/alpha}
              university_affiliation: {value: University of Alpha, verified: true, source: public-knowledge}
              coordinates: {precision: street address, verified: true, source: open_data}
            accreditations:
              - {body: JCI, level: Hospital, year: 2018, verified: true, source: https://clinic.example.org/jci}
            notes: [for editors only]
            sources: [open_data]
        """,
    "facilities/data/rankings.yaml": """\
        rankings:
          - publisher: Publisher
            ranking: List
            edition: 2026
            category: oncology
            facility: alpha
            world_rank: 68
            world_rank_to: 78
            verified: false
            source: https://news.example.org/list
        """,
    "treatments/data/conditions.yaml": """\
        conditions:
          - slug: angina
            specialty: cardiology
            body_districts: [heart]
            icd10: [I20, I20.0]
        """,
    "treatments/data/treatments.yaml": """\
        treatments:
          - slug: stent
            kind: minimally_invasive
            specialty: cardiology
            body_districts: [heart]
            icd9cm: ['36.06']
            conditions: [angina]
          - slug: bypass
            kind: surgery
            specialty: cardiology
            body_districts: [heart]
            icd9cm: ['36.10', '36.11']
            icd9cm_newer: ['36.11']
            conditions: [angina]
          - slug: check
            kind: check_up
            specialty: cardiology
            body_districts: []
            icd9cm: []
            conditions: []
        """,
    "treatments/data/offers.yaml": """\
        offers:
          - {facility: alpha, treatment: stent, basis: source, verified: true, source: https://clinic.example.org/stent}
          - {facility: alpha, treatment: bypass, basis: public_knowledge, verified: true, source: public-knowledge}
          - {facility: alpha, treatment: check, basis: unconfirmed, verified: false}
        """,
    "treatments/data/protocols.yaml": """\
        protocols:
          - slug: alpha-opinion
            version: 1
            facility: alpha
            treatments: [stent]
            document_languages: [en, it]
            minimum_age: 18
            fee: {amount: 500, confirmed: false}
            promise: {working_days: 5, clock_starts: file_complete}
            required_documents:
              - {kind: report, maximum_age_days: 30}
              - {kind: report}
            valid_from: 2026-11-21
            verified: true
            sources: [https://clinic.example.org/opinion, https://clinic.example.org/more]
        """,
    "ecosystem/data/networks.yaml": """\
        networks:
          - slug: heart-network
            kind: pathology_network
            specialty: cardiology
            roles:
              - facility: alpha
                role: coordinates
                verified: true
                source: https://clinic.example.org/network
        """,
    "partners/data/partners.yaml": """\
        partners:
          - slug: office-beta
            country: AT
            name: Office Beta
            kind: consulate
            name_given: Ofice Beta
            website: https://beta.example.org
            website_verified: false
            verified: true
            source: an invented site
          - slug: office-gamma
            country: FI
            name: Office Gamma
            kind: cluster
            verified: false
            source: an invented site
        """,
    "partners/data/agreements.yaml": """\
        agreements:
          - slug: alpha-beta
            facility: alpha
            other_party: Beta
            countries: [AT]
            verified: true
            source: Invented Gazette 1
        """,
}
TEXTS = {
    "taxonomy/data/texts": """\
        body_districts:
          heart: {name: Heart LANG}
          knee: {name: Knee LANG}
        specialties:
          cardiology: {name: Cardiology LANG}
        """,
    "facilities/data/texts": """\
        facilities:
          alpha: {summary: A house LANG}
        """,
    "treatments/data/texts": """\
        conditions:
          angina: {name: Angina LANG, synonyms: [chest pain LANG], summary: Tight chest LANG}
        treatments:
          stent: {name: Stent LANG}
          bypass: {name: Bypass LANG}
          check: {name: Check LANG}
        protocols:
          alpha-opinion:
            name: Opinion LANG
            for_whom: Adults LANG
            exclusions: [one LANG, two LANG]
            documents:
              - {what: Letter LANG}
              - {what: Report LANG, only_when: operated LANG}
        """,
    "ecosystem/data/texts": """\
        networks:
          heart-network: {name: Network LANG}
        """,
    "partners/data/texts": """\
        agreements:
          alpha-beta: {title: Together LANG, summary: They met LANG}
        """,
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a project folder with a sound, tiny catalogue."""
    whole = dict(FILES)
    for folder, text in TEXTS.items():
        for code, _name in settings.LANGUAGES:
            whole[f"{folder}/{code}.yaml"] = text.replace("LANG", code)
    for path, text in whole.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(dedent(text), encoding="utf-8")
    return tmp_path


@pytest.fixture
def rewrite(root: Path) -> Callable[[str, str, str], None]:
    """Return a function that replaces a text in a data file; the text must stand there once."""

    def replace(path: str, old: str, new: str) -> None:
        text = (root / path).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path}"
        (root / path).write_text(text.replace(old, new), encoding="utf-8")

    return replace
