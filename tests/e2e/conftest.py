"""One portal and one browser for all end-to-end tests."""

import fcntl
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from healthlombardy.local.browser import find_chromium
from tests.e2e.portal import PATIENCE, Portal, wait_for
from tests.e2e.reader import DESKTOP, Reader

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MakeReader = Callable[..., Reader]
GiveCode = Callable[[Reader, str, str], None]

# A slow machine is no fault: what must come may take as long as anything else that is waited for.
expect.set_options(timeout=PATIENCE * 1000)


@contextmanager
def shared(file: Path) -> Iterator[dict[str, object]]:
    """Hold a record that the processes of a parallel run share; what is changed in it is kept."""
    with file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        record = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"users": 0}
        yield record
        file.write_text(json.dumps(record), encoding="utf-8")


@pytest.fixture(scope="session")
def common_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Return a folder that the processes of a parallel run share."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session")
def portal(common_folder: Path) -> Iterator[Portal]:
    """Return a running portal; processes of a parallel run share one, and the last one stops it."""
    file = common_folder / "portal.json"
    with shared(file) as record:
        if not record["users"]:
            started = Portal.start()
            record |= {"pid": started.pid, "data_dir": str(started.data_dir), "port": started.port}
        record["users"] = int(str(record["users"])) + 1
        portal = Portal(int(str(record["pid"])), Path(str(record["data_dir"])), int(str(record["port"])))
    yield portal
    with shared(file) as record:
        record["users"] = int(str(record["users"])) - 1
        if not record["users"]:
            portal.stop()


@pytest.fixture
def turn(request: pytest.FixtureRequest, common_folder: Path) -> Iterator[None]:
    """Let the tests of a parallel run use the portal side by side, but for one that kills a part of it or measures it.

    A file that the killed worker held would wait for the end of that worker's lease, longer than any test does. What
    the portal's processes load for another test would count as memory that the measured one takes.
    """
    is_alone = request.node.get_closest_marker("alone") is not None
    with (common_folder / "portal.turn").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if is_alone else fcntl.LOCK_SH)
        yield


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a Chromium; closed with each module, for its event loop would disturb other tests' databases."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS, timeout=PATIENCE * 1000)
        yield browser
        browser.close()


@pytest.fixture
def make_reader(portal: Portal, turn: None, browser: Browser) -> Iterator[MakeReader]:
    """Return a maker of readers; at the end none of them may have met an error in the console."""
    readers: list[Reader] = []
    contexts: list[BrowserContext] = []

    def make(language: str = "en", *, viewport: dict[str, int] = DESKTOP, **options: object) -> Reader:
        # Without motion a page is whole at once, and no transition is cut off by the next press.
        context = browser.new_context(viewport=viewport, locale=language, reduced_motion="reduce", **options)
        context.set_default_timeout(PATIENCE * 1000)
        contexts.append(context)
        readers.append(Reader(portal, context.new_page(), language))
        return readers[-1]

    yield make
    for context in contexts:
        for page in context.pages:
            # What a page still asks for would find it closed, and be told of in the next test.
            page.unroute_all(behavior="ignoreErrors")
        context.close()
    complaints = [complaint for reader in readers for complaint in reader.complaints]
    assert not complaints, "\n".join(complaints)


@pytest.fixture
def give_code(common_folder: Path) -> GiveCode:
    """Return how one of the demo people types the code of her second factor and presses a button.

    One at a time: a code works once, and two tests of a parallel run would read the same one.
    """

    def give(reader: Reader, role: str, button: str) -> None:
        person = f"{role.replace('_', '-')}@demo.invalid"
        with (common_folder / "portal.code").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            reader.field("Code").fill(wait_for(lambda: shown_code(reader, person), why="no code is shown"))
            with reader.page.expect_navigation():
                reader.press(button, "button")
            expect(reader.page.get_by_label("Code", exact=True)).to_have_count(0)

    return give


@pytest.fixture
def sign_in_as(portal: Portal, make_reader: MakeReader, give_code: GiveCode) -> Callable[[str], Reader]:
    """Return how one of the demo people signs in, second factor included."""

    def sign_in(role: str) -> Reader:
        reader = make_reader()
        reader.page.goto(portal.manage("demo_sign_in", role).strip().splitlines()[-1])
        reader.press("Sign in", "button")
        give_code(reader, role, "Sign in")
        return reader

    return sign_in


def shown_code(reader: Reader, person: str) -> str:
    """Return what the authenticator app of a demo person shows now, or nothing: a code works once."""
    page = reader.page.context.new_page()
    page.goto(f"{reader.portal.address}/demo/codes/")
    code = page.locator(f'[data-code="{person}"]')
    found = code.inner_text() if code.count() else ""
    page.close()
    return found
