"""What is set: values stay values, and a key tells when a picture must be made anew."""

import shutil
from pathlib import Path

import pytest
from django.conf import settings as project

from typesetting.press import fingerprint, typeset

HOSTILE = [
    '#panic("run")',
    '"); #panic("run") #("',
    '#read("/etc/passwd") #include "/etc/passwd"',
    "$ sum_(k=0)^n $ *bold* _leaning_ `code` = Heading",
    "// all is a comment /* and this too",
    r"\u{41} \ #{",
    "<label> @reference",
    "line\nline\r\n\ttab\x00\x1b",
    "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"),
]


@pytest.fixture
def echo(settings: object, tmp_path: Path) -> str:
    """Return the name of a template that sets one value, and fails where the value is not the text it was."""
    settings.TYPESETTING_TEMPLATES = tmp_path
    (tmp_path / "echo.typ").write_text(
        "#let data = json(bytes(sys.inputs.data))\n"
        "#assert.eq(type(data.text), str)\n"
        "#assert.eq(array(data.text.codepoints()).map(str.to-unicode), data.codes)\n"
        "#data.text\n"
    )
    return "echo.typ"


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_value_is_never_code(echo: str, text: str) -> None:
    picture = typeset(echo, {"text": text, "codes": [ord(letter) for letter in text]}, format="png")

    assert picture.startswith(b"\x89PNG")


def test_the_key_changes_with_what_is_shown_and_how(settings: object, tmp_path: Path) -> None:
    folder = Path(project.BASE_DIR) / "templates" / "typeset"
    data = {"language": "en", "name": "Cure"}
    first = fingerprint("typeset/card.typ", data)
    shutil.copytree(folder, tmp_path / "other")
    with (tmp_path / "other" / "look.typ").open("a") as look:
        look.write("// another look\n")

    assert fingerprint("typeset/card.typ", dict(reversed(data.items()))) == first
    assert fingerprint("typeset/card.typ", data | {"name": "Other"}) != first
    settings.TYPESETTING_TEMPLATES = tmp_path
    assert fingerprint("other/card.typ", data) != first
