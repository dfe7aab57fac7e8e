from io import StringIO
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from teleconsult.enums import Status
from teleconsult.transitions import TABLE, mermaid


def test_the_diagram_in_the_docs_is_that_of_the_table():
    out = StringIO()
    call_command("draw_workflow", stdout=out)
    text = (Path(settings.BASE_DIR) / "docs" / "second-opinion.md").read_text(encoding="utf-8")

    assert text.split("<!-- workflow -->\n")[1].split("<!-- /workflow -->")[0] == out.getvalue()


def test_every_status_is_reached():
    reached = {str(row.target) for row in TABLE}

    assert set(Status.values) - reached == set()
    assert all(f" {status}" in mermaid() for status in Status)
