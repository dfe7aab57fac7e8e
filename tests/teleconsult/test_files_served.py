"""The corpus through the portal: what is bad is never released, what is good is, and nothing is ever served inline."""

import base64
from typing import Any

import pytest

from teleconsult import workflow
from teleconsult.models import Document, Request
from tests.teleconsult.browsing import Browser
from tests.vault.test_judging import BAD, GOOD
from vault import judging

ADDRESS = "/en/my-request/uploads/"
TUS = {"Tus-Resumable": "1.0.0"}


def arrived(browser: Browser, name: str, content: bytes) -> Document:
    """Send a file in one piece, and let the worker keep and judge it."""
    said = f"filename {base64.b64encode(name.encode()).decode()}"
    begun = browser.client.post(ADDRESS, headers=TUS | {"Upload-Length": str(len(content)), "Upload-Metadata": said})
    assert begun.status_code == 201, begun.content
    address = begun["Location"]
    kind = "application/offset+octet-stream"
    sent = browser.client.generic("PATCH", address, content, kind, headers=TUS | {"Upload-Offset": "0"})
    assert sent.status_code == 204, sent.content
    document = workflow.keep_upload(upload_id=address.rstrip("/").rpartition("/")[2])
    assert document is not None
    judging.process(document.file_id)
    return Document.objects.with_file().get(pk=document.pk)


@pytest.mark.parametrize("name", GOOD)
def test_good_file_is_released_as_an_attachment_of_fixed_type(draft: Request, settings: Any, name: str) -> None:
    settings.CLAMAV_ADDRESS = ""
    content = GOOD[name][0]()
    browser = Browser().sign_in(draft)
    document = arrived(browser, name, content)
    answer = browser.client.get(f"/en/my-request/documents/{document.pk}/")

    assert answer.status_code == 200
    assert b"".join(answer.streaming_content) == content
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", sorted(BAD.keys() - {"empty.pdf"}))
def test_bad_file_is_never_released(draft: Request, settings: Any, name: str) -> None:
    settings.CLAMAV_ADDRESS = ""
    browser = Browser().sign_in(draft)
    document = arrived(browser, name, BAD[name][0]())
    answer = browser.client.get(f"/en/my-request/documents/{document.pk}/")

    assert not document.file.is_readable
    assert answer.status_code == 302
    shown = browser.open("second-opinion/start/documents/")
    assert str(document.file.get_refusal_display()) in shown.words
