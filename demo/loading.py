"""Loads the four invented hospitals; people and requests of the demo are made by the command load_demo."""

from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.utils import translation

from facilities.loading import FACILITY, FACILITY_TEXT, plan_facilities
from facilities.models import Facility
from publishing import published
from publishing.loading.files import Book, Place
from publishing.loading.provenance import read_sources
from publishing.loading.shapes import rows
from publishing.loading.texts import read_texts
from publishing.loading.writing import Report, Writer
from taxonomy.models import Specialty
from treatments.loading import OFFER, PROTOCOL, PROTOCOL_TEXT, plan_offers, plan_protocols
from treatments.models import Treatment

FOLDER = "demo/data"
CATALOGUE = "the catalogue"


def load_facilities(root: Path = settings.BASE_DIR) -> Report:
    """Load the invented hospitals with offers and protocols; the catalogue must be loaded before."""
    if not settings.DEMO:
        raise ImproperlyConfigured("The invented hospitals are loaded with DEMO=1 only.")
    book = Book(root)
    sources = read_sources(book)
    for kind, model in (("specialty", Specialty), ("treatment", Treatment)):
        book.known[kind] = dict.fromkeys(model.objects.values_list("slug", flat=True), Place(CATALOGUE, 1))
    found = list(rows(book, f"{FOLDER}/facilities.yaml", "facilities", FACILITY, kind="facility"))
    offers = list(rows(book, f"{FOLDER}/offers.yaml", "offers", OFFER))
    protocols = list(rows(book, f"{FOLDER}/protocols.yaml", "protocols", PROTOCOL, kind="protocol"))
    sections = {"facilities": ("facility", FACILITY_TEXT), "protocols": ("protocol", PROTOCOL_TEXT)}
    texts = read_texts(book, f"{FOLDER}/texts", sections)
    batches = [
        *plan_facilities(book, sources, found, texts["facilities"], is_demo=True),
        *plan_offers(book, sources, offers),
        *plan_protocols(book, sources, protocols, texts["protocols"]),
    ]
    for batch in batches:
        batch.check(book)
    book.stop_if_wrong()
    report = Report()
    with translation.override(settings.LANGUAGE_CODE), transaction.atomic():
        # A namespace of its own: loading the catalogue never withdraws the demo, nor the other way round.
        writer = Writer(report, namespace="demo")
        writer.learn(Specialty)
        writer.learn(Treatment)
        for batch in batches:
            writer.write(batch)
        # Search finds them at once.
        published.tell(Facility.objects.filter(is_demo=True))
    return report
