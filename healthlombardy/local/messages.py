"""Collects the sentences of the interface into the .po files, without gettext installed.

Two groups: what patients meet (`locale/`, all languages) and what only staff meet (`locale_staff/`, Italian).
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import polib
from babel.messages.extract import extract
from django.utils.translation.template import templatize

from healthlombardy.local.configuration import REPOSITORY

APPS = (
    "accounts",
    "catalogue",
    "demo",
    "facilities",
    "healthlombardy",
    "notifications",
    "partners",
    "publishing",
    "search",
    "taxonomy",
    "teleconsult",
    "treatments",
    "vault",
)
KEYWORDS = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}
# What only staff read. Enumerations are not among it: patients read them too.
STAFF_FILES = re.compile(
    r"^(templates/(admin|accounts|account|mfa|demo|allauth|publishing/change|teleconsult/desk|gallery)"
    r"|templates/(base_desk|teleconsult/mail/(digest|follow_up_waiting|case_(waiting|left))|components/(lanes|queue_item))"
    r"|demo/|accounts/|notifications/|healthlombardy/gallery|publishing/(?!labels|templatetags|enums)"
    r"|[a-z]+/(admin|models|apps|management|migrations)(\.py|/)|vault/(trail|data_classes|keys|limits)"
    r"|templates/teleconsult/mail/consultation_staff"
    r"|teleconsult/(transitions|digest|desk|agenda|language_chain|views/(desk|consultations_desk)"
    r"|forms/(desk|availability)|data))"
)
FOLDERS = {"zh-hans": "zh_Hans"}
PLURALS = {
    "it": "nplurals=2; plural=(n != 1);",
    "es": "nplurals=2; plural=(n != 1);",
    "de": "nplurals=2; plural=(n != 1);",
    "fr": "nplurals=2; plural=(n > 1);",
    "zh-hans": "nplurals=1; plural=0;",
    "ru": "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);",
    "ar": "nplurals=6; plural=n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 ? 4 : 5;",
}
GROUPS = {"locale": tuple(PLURALS), "locale_staff": ("it",)}

Key = tuple[str, str]


@dataclass
class Sentence:
    """One sentence with where it stands and what its author tells the translator."""

    text: str
    plural: str = ""
    context: str = ""
    comments: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)

    @property
    def key(self) -> Key:
        return (self.context, self.text)


def sources() -> Iterator[Path]:
    """Yield every Python module and template that may hold sentences."""
    for app in APPS:
        yield from (path for path in sorted((REPOSITORY / app).rglob("*.py")) if "migrations" not in path.parts)
    for suffix in ("*.html", "*.txt"):
        yield from sorted((REPOSITORY / "templates").rglob(suffix))


def read(path: Path) -> Iterator[Sentence]:
    """Yield the sentences of one file."""
    code = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        # Blanked-out markup keeps its indentation, which Python's tokenizer would stumble over.
        code = "\n".join(line.strip() for line in templatize(code, origin=str(path)).splitlines())
    found = extract("python", BytesIO(code.encode()), KEYWORDS, ("Translators:",), {"encoding": "utf-8"})
    for _line, message, comments, context in found:
        texts = message if isinstance(message, tuple) else (message,)
        plural = texts[1] if len(texts) > 1 else ""
        if texts[0]:
            place = str(path.relative_to(REPOSITORY))
            yield Sentence(texts[0], plural or "", context or "", list(comments), [place])


def collect() -> dict[str, dict[Key, Sentence]]:
    """Return the sentences of each group; one that patients meet too belongs to the patients' group."""
    groups: dict[str, dict[Key, Sentence]] = {"locale": {}, "locale_staff": {}}
    for path in sources():
        name = "locale_staff" if STAFF_FILES.match(str(path.relative_to(REPOSITORY))) else "locale"
        for sentence in read(path):
            known = groups[name].setdefault(sentence.key, sentence)
            if known is not sentence:
                known.plural = known.plural or sentence.plural
                known.comments += [comment for comment in sentence.comments if comment not in known.comments]
                known.places += [place for place in sentence.places if place not in known.places]
    for key in groups["locale"].keys() & groups["locale_staff"].keys():
        del groups["locale_staff"][key]
    return groups


def catalogue_path(group: str, language: str) -> Path:
    """Return where the catalogue of a group and language stands."""
    return REPOSITORY / group / FOLDERS.get(language, language) / "LC_MESSAGES" / "django.po"


def merge(path: Path, language: str, sentences: dict[Key, Sentence]) -> polib.POFile:
    """Return the catalogue with every sentence of today and no other; known translations are kept."""
    old = polib.pofile(str(path)) if path.exists() else polib.POFile()
    known = {(entry.msgctxt or "", entry.msgid): entry for entry in old}
    new = polib.POFile(wrapwidth=110)
    new.metadata = {
        "Language": language,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": PLURALS[language],
    }
    for key, sentence in sorted(sentences.items(), key=lambda item: (item[1].places[0], item[0])):
        entry = polib.POEntry(
            msgid=sentence.text,
            msgid_plural=sentence.plural or None,
            msgctxt=sentence.context or None,
            comment="\n".join(sentence.comments),
            occurrences=[(place, "") for place in sentence.places],
            flags=["python-format"] if re.search(r"%\([a-z_]+\)", sentence.text + sentence.plural) else [],
        )
        before = known.get(key)
        if sentence.plural:
            count = int(PLURALS[language].split("=")[1].split(";")[0])
            kept = before.msgstr_plural if before is not None else {}
            entry.msgstr_plural = {number: kept.get(number, "") for number in range(count)}
        elif before is not None:
            entry.msgstr = before.msgstr
        new.append(entry)
    return new


def update() -> None:
    """Write every catalogue anew and say how many sentences wait for a translation."""
    groups = collect()
    for group, languages in GROUPS.items():
        for language in languages:
            path = catalogue_path(group, language)
            path.parent.mkdir(parents=True, exist_ok=True)
            catalogue = merge(path, language, groups[group])
            catalogue.save(str(path))
            waiting = len(catalogue.untranslated_entries())
            sys.stdout.write(f"{path.relative_to(REPOSITORY)}: {len(catalogue)} sentences, {waiting} to translate\n")


if __name__ == "__main__":
    update()
