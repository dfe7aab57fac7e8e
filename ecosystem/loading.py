"""Networks and roles in them, from data files to batches."""

from typing import Any

from ecosystem.enums import NetworkKind, Role
from ecosystem.models import Network, NetworkRole
from facilities.models import Facility
from publishing.enums import FactState
from publishing.loading.batches import Batch, Row, TranslatedText
from publishing.loading.files import Book, Record
from publishing.loading.provenance import FACT_FIELDS, NOTE, Sources, require_source
from publishing.loading.shapes import Choice, Many, Reference, Shape, Slug, Text, rows
from publishing.loading.texts import Texts, columns, originals, read_texts
from taxonomy.collation import sort_keys
from taxonomy.models import Specialty

FOLDER = "ecosystem/data"
ROLE = Shape(
    fields={
        "facility": Reference(to="facility"),
        "role": Choice(choices=Role, of="role"),
        **FACT_FIELDS,
        "note": NOTE,
    }
)
NETWORK = Shape(
    fields={
        "slug": Slug(),
        "kind": Choice(choices=NetworkKind, of="kind"),
        "specialty": Reference(to="specialty"),
        "roles": Many(of=ROLE, is_required=False),
        "note": NOTE,
    }
)
NETWORK_TEXT = Shape(fields={"name": Text(maximum=200)})


def plan(book: Book, sources: Sources) -> list[Batch]:
    """Return the batches of this app's tables; what is wrong in the files is noted in the book."""
    networks = list(rows(book, f"{FOLDER}/networks.yaml", "networks", NETWORK, kind="network"))
    texts = read_texts(book, f"{FOLDER}/texts", {"networks": ("network", NETWORK_TEXT)})["networks"]
    return [
        Batch(
            Network,
            [_network(row, texts) for row in networks],
            parents={"specialty": Specialty},
            texts=(TranslatedText("name"),),
            derive=lambda network: sort_keys(network, "name"),
            withdrawn={"is_published": False},
        ),
        Batch(
            NetworkRole,
            [role for row in networks for role in _roles(row, book, sources)],
            key_fields=("network", "facility"),
            parents={"network": Network, "facility": Facility},
            withdrawn={"state": FactState.UNVERIFIED},
        ),
    ]


def _network(row: Record, texts: Texts) -> Row:
    values: dict[str, Any] = {name: row[name] for name in ("slug", "kind", "specialty", "note")}
    values |= {"is_published": True, **columns(texts, row["slug"], ("name",))}
    return Row(row["slug"], values, row.place(), originals=originals("name"))


def _roles(row: Record, book: Book, sources: Sources) -> list[Row]:
    """Return who does what in a network; what no source names waits for an editor."""
    found = []
    for role in row["roles"]:
        require_source(role, book)
        key = f"{row['slug']}/{role['facility']}"
        if not book.define("role in a network", key, role.place()):
            continue
        values = {"network": row["slug"], **{name: role[name] for name in ("facility", "role", "note")}}
        found.append(Row(key, values | sources.columns(role["source"], is_verified=role["verified"]), role.place()))
    return found
