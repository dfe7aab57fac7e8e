"""A file that breaks off on its way, in a browser: it goes on by itself, and after the page was opened anew."""

import re
import uuid
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.e2e.conftest import MakeReader
from tests.e2e.large_upload import Study
from tests.e2e.portal import PATIENCE
from tests.e2e.reader import PHONE, Reader
from tests.vault import corpus

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

PIECE = 8 * 1024**2
UPLOADS = "**/my-request/uploads/**"
CUT = "net::ERR_CONNECTION_RESET"


class Line:
    """The line between a browser and the portal, which can be cut."""

    def __init__(self, page: Page) -> None:
        self.pieces, self.is_cut, self.cuts_at = 0, False, 0
        page.route(UPLOADS, self._pass)

    def _pass(self, route: Route) -> None:
        if route.request.method == "PATCH":
            self.pieces += 1
            self.is_cut = self.is_cut or self.pieces == self.cuts_at
        if self.is_cut:
            route.abort("connectionreset")
        else:
            route.continue_()


def begin(reader: Reader) -> None:
    """Begin a draft and open the screen of the papers."""
    reader.visit("second-opinion/start/")
    reader.choose("For me")
    reader.field("Your e-mail address").fill(f"sender-{uuid.uuid4().hex[:8]}@example.org")
    reader.field("Your country or region").select_option("AE")
    reader.press("Save and continue")
    reader.page.wait_for_url("**/patient/")
    reader.visit("second-opinion/start/documents/")


def forgive_the_cut(reader: Reader) -> None:
    """The browser itself complains of a line that was cut, and of pieces it sent twice."""
    reader.complaints[:] = [words for words in reader.complaints if CUT not in words and "409" not in words]


def choose(reader: Reader, *files: Path) -> None:
    reader.page.locator("main input[name=file]").set_input_files(list(files))
    reader.press("Send this file")


def button(reader: Reader, words: str, file: str = "CT 12.zip") -> Locator:
    """Return a button beside a file; it names both."""
    return reader.page.get_by_role("button", name=re.compile(rf"^{words}\s*:\s*{re.escape(file)}$"))


def hold(route: Route, held: list[Route]) -> None:
    """Let everything pass but pieces of a file."""
    if route.request.method == "PATCH":
        held.append(route)
    else:
        route.continue_()


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Return a study of 40 MB: five pieces."""
    made = Study(5 * PIECE)
    file = tmp_path / "CT 12.zip"
    file.write_bytes(made.read(made.size))
    return file


@pytest.mark.parametrize("language", ["en", "ar"])
def test_upload_goes_on_after_a_cut_and_in_a_new_page(make_reader: MakeReader, study: Path, language: str) -> None:
    reader = make_reader(language, viewport=PHONE)
    begin(reader)
    line = Line(reader.page)
    shown = reader.page.locator("[data-upload-list] [data-upload-text]")

    sentence = "The connection is lost. %(part)s of %(total)s have arrived and are kept; we try again by ourselves."
    lost = reader.words(sentence, part="{part}", total="{total}").partition("{part}")[0].strip()

    line.cuts_at = 3
    choose(reader, study)
    expect(shown).to_contain_text(lost, timeout=PATIENCE * 1000)
    expect(reader.page.get_by_role("progressbar", name=re.compile("CT 12.zip"))).to_have_count(1)
    reader.look("documents, line cut")
    # The page is opened anew, as on another device: the server says how far it was.
    reader.page.once("dialog", lambda dialog: dialog.accept())
    reader.page.reload()
    expect(shown).to_contain_text("16")
    reader.look("documents, an upload that broke off")
    line.is_cut, line.cuts_at, line.pieces = False, 0, 0
    choose(reader, study)
    reader.sees("Your file has arrived and is kept.")
    assert line.pieces <= 4, "what had arrived was not sent again"

    expect(reader.page.locator("[data-renewed=sent]")).to_contain_text("CT 12.zip", timeout=PATIENCE * 1000)
    expect(reader.page.locator("[data-upload-list] li")).to_have_count(0, timeout=PATIENCE * 1000)
    reader.sees("Received and checked, but not for viruses")
    reader.look("documents, arrived")
    forgive_the_cut(reader)


def test_line_that_breaks_for_a_moment_needs_no_hand(make_reader: MakeReader, study: Path) -> None:
    reader = make_reader()
    begin(reader)
    line = Line(reader.page)
    line.cuts_at = 2

    choose(reader, study)
    expect(reader.page.locator("[data-upload-text]").first).to_contain_text("The connection is lost.")
    line.cuts_at, line.is_cut = 0, False
    reader.sees("Your file has arrived and is kept.")
    forgive_the_cut(reader)


def test_paused_and_gone_on_with_by_the_keyboard(make_reader: MakeReader, study: Path) -> None:
    reader = make_reader()
    begin(reader)
    held: list[Route] = []
    # The first piece stays on its way, so that there is time to press a key.
    reader.page.route(UPLOADS, lambda route: hold(route, held))

    choose(reader, study)
    expect(reader.page.locator("[data-upload-text]").first).to_contain_text("have arrived.")
    button(reader, "Pause").press("Enter")
    going_on = button(reader, "Go on")
    expect(going_on).to_be_focused()
    expect(reader.page.locator("[data-upload-text]").first).to_contain_text("Paused:")
    reader.look("documents, paused")
    reader.page.unroute(UPLOADS)
    going_on.press("Enter")
    reader.sees("Your file has arrived and is kept.")
    reader.complaints[:] = [words for words in reader.complaints if "409" not in words]


def test_several_files_and_one_that_is_too_large(make_reader: MakeReader, tmp_path: Path) -> None:
    reader = make_reader()
    begin(reader)
    (tmp_path / "one.txt").write_text("first words")
    (tmp_path / "two.txt").write_text("second words")
    with (tmp_path / "video.mp4").open("wb") as video:
        video.truncate(51 * 1024**2)

    choose(reader, tmp_path / "one.txt", tmp_path / "video.mp4", tmp_path / "two.txt")
    sent = reader.page.locator("[data-renewed=sent]")
    expect(sent).to_contain_text("one.txt", timeout=PATIENCE * 1000)
    expect(sent).to_contain_text("two.txt", timeout=PATIENCE * 1000)
    # The line of a file goes once the page has asked anew.
    expect(reader.page.locator("[data-upload-list] li")).to_have_count(1)
    expect(reader.page.locator("[data-upload-list] li")).to_contain_text("This file is larger than 50.0")
    reader.look("documents, one too large")
    button(reader, "Remove", "video.mp4").click()
    expect(reader.page.locator("[data-upload-section]")).to_be_hidden()
    # The browser itself complains of an answer that refuses.
    reader.complaints[:] = [words for words in reader.complaints if "413" not in words]


def test_the_scans_of_a_cd_are_taken_out_of_its_folder(make_reader: MakeReader, tmp_path: Path) -> None:
    reader = make_reader()
    begin(reader)
    folder = tmp_path / "CD of Ada"
    (folder / "IMAGES").mkdir(parents=True)
    for number in range(3):
        (folder / "IMAGES" / f"IM{number}").write_bytes(corpus.dicom())
    (folder / "AUTORUN.INF").write_text("[autorun]\nopen=viewer.exe")
    (folder / "viewer.exe").write_bytes(b"MZ" + bytes(1000))

    reader.page.get_by_label(reader.words("Or the folder of a CD with scans")).set_input_files(folder)
    sent = reader.page.locator("[data-renewed=sent]")
    expect(sent).to_contain_text("CD of Ada.zip", timeout=PATIENCE * 1000)
    reader.sees("Received and checked, but not for viruses")
    expect(sent).to_contain_text("3 images", timeout=PATIENCE * 1000)
    reader.look("documents, a folder")

    (empty := tmp_path / "letters").mkdir()
    (empty / "letter.txt").write_text("words")
    reader.page.get_by_label(reader.words("Or the folder of a CD with scans")).set_input_files(empty)
    reader.sees("There are no scans (DICOM) in this folder.")


def test_the_page_goes_on_asking_while_a_kept_file_is_checked(make_reader: MakeReader, tmp_path: Path) -> None:
    """A worker may need long: of what is on its way the page tells until there is nothing more to tell."""
    reader = make_reader()
    begin(reader)
    (tmp_path / "notes.txt").write_text("words")
    told_later = ["checked later", "checked later still"]
    held = list(told_later)

    def answer(route: Route) -> None:
        told = route.fetch()
        page = told.text()
        is_kept = "Received and checked" in page
        if is_kept and held:
            page = re.sub(r'(data-renewed="sent">.*?<li)', r"\1 data-waiting", page, count=1, flags=re.DOTALL)
            page = page.replace("Received and checked, but not for viruses", held[0])
        route.fulfill(response=told, body=page)

    reader.page.route(re.compile(r"/documents/$"), answer)
    choose(reader, tmp_path / "notes.txt")

    # Each is told until it was seen: the page asks again by itself.
    for words in told_later:
        expect(reader.page.get_by_text(words, exact=True)).to_be_visible(timeout=PATIENCE * 1000)
        held.remove(words)
    reader.sees("Received and checked, but not for viruses")


def test_what_a_reader_has_in_hand_is_not_taken_away(make_reader: MakeReader, tmp_path: Path) -> None:
    reader = make_reader()
    begin(reader)
    for name in ("notes.txt", "letter.txt"):
        (tmp_path / name).write_text(name)
    choose(reader, tmp_path / "notes.txt")
    reader.sees("Received and checked, but not for viruses")
    sent = reader.page.locator("[data-renewed=sent]")

    in_hand = button(reader, "Remove", "notes.txt")
    reader.page.locator("main input[name=file]").set_input_files([tmp_path / "letter.txt"])
    in_hand.focus()
    reader.page.evaluate("document.querySelector('[data-upload]').requestSubmit()")
    reader.sees("Your file has arrived and is kept.")
    reader.page.wait_for_timeout(3000)
    expect(in_hand).to_be_focused()
    expect(sent).not_to_contain_text("letter.txt")

    in_hand.blur()
    expect(sent).to_contain_text("letter.txt", timeout=PATIENCE * 1000)


def test_without_script_a_file_is_sent_by_the_form(make_reader: MakeReader, tmp_path: Path) -> None:
    reader = make_reader(java_script_enabled=False)
    begin(reader)
    (tmp_path / "notes.txt").write_text("words")

    choose(reader, tmp_path / "notes.txt")
    reader.sees("Your file has arrived and is kept.")
    expect(reader.page.locator("[data-renewed=sent]")).to_contain_text("notes.txt")
