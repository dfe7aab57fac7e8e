"""Body districts and specialties, from data files to batches.

The taxonomy lies below publishing, whose machinery reads the files; so its loader lives up here.
"""

from publishing.loading.batches import Batch, Row, TranslatedText
from publishing.loading.files import Book, Record
from publishing.loading.shapes import Many, Reference, Shape, Slug, Text, Whole, rows
from publishing.loading.texts import Texts, columns, originals, read_texts
from taxonomy.collation import sort_keys
from taxonomy.models import BodyDistrict, Specialty

FOLDER = "taxonomy/data"
BODY_DISTRICT = Shape(fields={"slug": Slug(), "number": Whole(low=1, high=99)})
SPECIALTY = Shape(fields={"slug": Slug(), "body_districts": Many(of=Reference(to="body district"))})
ENTRY_TEXT = Shape(
    fields={"name": Text(maximum=200), "synonyms": Many(of=Text(maximum=200), is_required=False)},
)
ENTRY_TEXTS = (TranslatedText("name"), TranslatedText("synonyms", is_optional=True))


def plan(book: Book) -> list[Batch]:
    """Return the batches of the taxonomy; what is wrong in the files is noted in the book."""
    districts = list(rows(book, f"{FOLDER}/body_districts.yaml", "body_districts", BODY_DISTRICT, kind="body district"))
    specialties = list(rows(book, f"{FOLDER}/specialties.yaml", "specialties", SPECIALTY, kind="specialty"))
    for row in districts:
        book.define("number on the body plate", str(row["number"]), row.place("number"))
    sections = {"body_districts": ("body district", ENTRY_TEXT), "specialties": ("specialty", ENTRY_TEXT)}
    texts = read_texts(book, f"{FOLDER}/texts", sections)
    return [
        _batch(BodyDistrict, [_row(row, texts["body_districts"], {"number": row["number"]}) for row in districts]),
        _batch(
            Specialty,
            [
                _row(row, texts["specialties"], {}, links={"body_districts": list(row["body_districts"])})
                for row in specialties
            ],
        ),
    ]


def _batch(model: type[BodyDistrict] | type[Specialty], found: list[Row]) -> Batch:
    return Batch(model, found, texts=ENTRY_TEXTS, derive=lambda entry: sort_keys(entry, "name"))


def _row(row: Record, texts: Texts, values: dict[str, object], links: dict[str, list[str]] | None = None) -> Row:
    return Row(
        row["slug"],
        {"slug": row["slug"], **values, **columns(texts, row["slug"], ("name", "synonyms"))},
        row.place(),
        links=links or {},
        originals=originals("name"),
    )
