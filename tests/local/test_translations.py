"""The catalogues are compiled without gettext."""

import gettext
import os

from healthlombardy.local.translations import compile_translations

CATALOGUE = """
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\n"

msgid "Find a cure"
msgstr "Trova una cura"
"""


def test_compiled_catalogue_translates(tmp_path):
    source = tmp_path / "locale" / "it" / "LC_MESSAGES" / "django.po"
    source.parent.mkdir(parents=True)
    source.write_text(CATALOGUE, encoding="utf-8")

    written = compile_translations(tmp_path)

    assert written == [source.with_suffix(".mo")]
    with written[0].open("rb") as file:
        assert gettext.GNUTranslations(file).gettext("Find a cure") == "Trova una cura"


def test_only_what_changed_is_compiled_again(tmp_path):
    source = tmp_path / "locale" / "it" / "LC_MESSAGES" / "django.po"
    source.parent.mkdir(parents=True)
    source.write_text(CATALOGUE, encoding="utf-8")
    compile_translations(tmp_path)
    assert compile_translations(tmp_path) == []

    later = source.with_suffix(".mo").stat().st_mtime + 10
    os.utime(source, (later, later))

    assert compile_translations(tmp_path) == [source.with_suffix(".mo")]
