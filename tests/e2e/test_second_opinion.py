import re
import uuid
from collections.abc import Callable
from email.message import EmailMessage

import pikepdf
import pytest
from playwright.sync_api import APIResponse, Route, expect

from tests.e2e.conftest import GiveCode, MakeReader
from tests.e2e.portal import PATIENCE, Portal, wait_for
from tests.e2e.reader import DESKTOP, PHONE, Reader, ask_for_code, pdf
from tests.turning_clock import QUARTER, let_begin

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

TREATMENT = "transcatheter-aortic-valve-implantation"
HOSPITAL = "demo-hospital-a"
SUMMARY = "The valve should be replaced in the coming months."


def find_the_hospital(reader: Reader, words: str) -> None:
    """Search, open a treatment, one of its hospitals, and what a second opinion there asks for."""
    reader.visit("")
    reader.page.get_by_role("combobox").first.fill(words)
    reader.page.get_by_role("combobox").first.press("Enter")
    reader.page.wait_for_url("**/search/**")
    reader.follow(f"/treatments/{TREATMENT}/")
    reader.follow(f"/facilities/{HOSPITAL}/")
    reader.follow(f"second-opinion/?facility={HOSPITAL}")
    reader.look("second opinion")
    reader.open_link("Start a second opinion")


def say_who_asks(reader: Reader, email: str) -> None:
    """Fill in the first screen, with a mistake at first."""
    reader.look("who")
    reader.press("Save and continue")
    reader.look("who, with errors")
    reader.choose("For me")
    reader.field("Your e-mail address").fill(email)
    reader.field("Your country or region").select_option("AE")
    reader.press("Save and continue")


def say_who_the_patient_is(reader: Reader) -> None:
    reader.look("patient")
    reader.press("Save and continue")
    reader.look("patient, with errors")
    reader.field("Name of the patient").fill("Amal Example")
    reader.field("Age of the patient, in years").fill("61")
    reader.press("Save and continue")


def ask(reader: Reader, question: str) -> None:
    reader.look("question")
    reader.field("What do you want to know?").fill(question)
    reader.press("Save and continue")
    reader.look("illness")
    reader.field("The treatment, if one was proposed").select_option(TREATMENT)
    reader.press("Save and continue")


def choose_the_hospital(reader: Reader) -> None:
    reader.look("hospital")
    reader.page.get_by_role("radio", name="Demo Hospital A").check()
    reader.press("Save and continue")


def send_papers(reader: Reader) -> None:
    """Send a good file and one that is refused."""
    reader.look("documents")
    for name, content in (("report.pdf", pdf()), ("not-a.pdf", b"only words")):
        chosen = reader.page.locator("main input[name=file]")
        chosen.set_input_files({"name": name, "mimeType": "application/pdf", "buffer": content})
        reader.press("Send this file")
        expect(reader.page.locator("[data-upload-status]")).to_contain_text(name, timeout=PATIENCE * 1000)
        reader.sees("Your file has arrived and is kept.")
    reader.reload_until("The content of the file does not match the end of its name.")
    reader.look("documents, sent")
    reader.open_link("Continue", "to the next screen")


def send(reader: Reader) -> str:
    """Consent, send, and return the private link of the receipt."""
    reader.look("review")
    for box in reader.page.get_by_role("checkbox").all():
        box.check()
    press_twice(reader, "Send request")
    reader.sees("Your request has arrived.")
    reader.look("my request, with the receipt")
    link = reader.page.get_by_text(re.compile("^http.*/my-request/")).inner_text()
    reader.press("I have kept my receipt")
    expect(reader.page.get_by_text(link)).to_have_count(0)
    return link


def press_twice(reader: Reader, english: str) -> None:
    """Press a button twice as fast as a page can, past our script's guard."""
    button = reader.page.get_by_role("button", name=reader.words(english), exact=True)
    with reader.page.expect_navigation():
        button.evaluate("button => { button.form.submit(); button.form.submit(); }")


def come_back(reader: Reader, link: str, email: str) -> None:
    """Open the private link and enter the mailed code."""
    reader.page.goto(link)
    reader.look("private link")
    ask_for_code(reader, email)
    reader.look("code")
    reader.press("Open my request")


def words_of(mail: EmailMessage) -> str:
    return mail.get_body(("plain",)).get_content()


@pytest.mark.parametrize(
    ("language", "viewport", "search", "question"),
    [("en", DESKTOP, "heart valve", "Is the operation needed?"), ("ar", PHONE, "صمام القلب", "هل العملية ضرورية؟")],
)
def test_from_the_search_to_the_answer(
    portal: Portal,
    make_reader: MakeReader,
    sign_in_as: Callable[[str], Reader],
    give_code: GiveCode,
    language: str,
    viewport: dict[str, int],
    search: str,
    question: str,
) -> None:
    email = f"patient-{uuid.uuid4().hex[:8]}@example.org"
    patient = make_reader(language, viewport=viewport)

    find_the_hospital(patient, search)
    say_who_asks(patient, email)
    say_who_the_patient_is(patient)
    ask(patient, question)
    choose_the_hospital(patient)
    send_papers(patient)
    link = send(patient)
    reference = link.rstrip("/").split("/")[-2]

    saved, received = portal.wait_for_mails(email, 2)
    assert {saved["Content-Language"], received["Content-Language"]} == {language}
    assert reference in words_of(received)
    assert f"/{language}/my-request/" in words_of(received)
    assert question not in words_of(received)
    assert link.rstrip("/").split("/")[-1] not in received.as_string()

    at_home = make_reader(language, viewport=viewport)
    come_back(at_home, link, email)
    at_home.look("my request")
    # The working-day clock, and the due time in both zones: the patient's is Dubai.
    expect(at_home.page.get_by_role("list", name=at_home.words("Working days in Lombardy"))).to_be_visible()
    expect(at_home.page.get_by_text(re.compile(r"(18|6):00|١٨:٠٠|٦:٠٠")).first).to_be_visible()

    coordinator = sign_in_as("coordinator")
    coordinator.page.goto(f"{portal.address}/desk/")
    coordinator.look("desk, queue")
    coordinator.page.get_by_role("link", name=reference).click()
    expect(coordinator.page.get_by_text(question)).to_be_visible()
    coordinator.look("desk, new case")
    coordinator.press("Take this request")
    open_step(coordinator, "Ask for a document")
    coordinator.field("What is needed, and why").fill("Please send the echocardiogram.")
    coordinator.press("Ask and pause the clock")
    coordinator.look("desk, case that waits")

    asked = portal.wait_for_mails(email, 5)[-1]
    assert asked["Content-Language"] == language
    assert "echocardiogram" not in asked.as_string()
    at_home.page.reload()
    at_home.open_link("Answer")
    at_home.look("answer")
    at_home.field("The file").set_input_files({"name": "echo.pdf", "mimeType": "application/pdf", "buffer": pdf()})
    at_home.field("Something you want to add").fill("هذه هي الصورة")
    at_home.press("Send answer")
    at_home.sees("Thank you. Your answer has arrived.")

    coordinator.page.goto(f"{portal.address}/desk/{reference}/")
    expect(coordinator.page.get_by_text("echo.pdf").first).to_be_visible()
    expect(coordinator.page.get_by_text("هذه هي الصورة")).to_be_visible()
    if language == "ar":
        decline(coordinator)
        at_home.page.reload()
        at_home.sees("We cannot take your request.")
        at_home.look("my request, declined")
        return
    forward(coordinator)
    at_home.page.reload()
    at_home.sees("Your papers are with the hospital.")
    name_the_specialist(sign_in_as("facility_office"), reference)
    specialist = sign_in_as("specialist")
    write(specialist, reference)
    sign(specialist, give_code)
    read_the_opinion(at_home)
    book(at_home)

    told = portal.wait_for_mails(email, 9)
    assert {"The answer to your request is ready", "Your consultation is booked"} <= {mail["Subject"] for mail in told}
    assert not any(SUMMARY in mail.as_string() for mail in told)
    (entry,) = (part for mail in told for part in mail.walk() if part.get_content_type() == "text/calendar")
    assert "METHOD:REQUEST" in entry.get_content()


def open_step(reader: Reader, name: str) -> None:
    """Unfold one of the next steps of a case."""
    reader.page.locator("summary").filter(has_text=name).click()


def forward(coordinator: Reader) -> None:
    open_step(coordinator, "Send to a facility")
    coordinator.page.get_by_role("radio", name="Demo Hospital A").check()
    coordinator.press("Send the case")
    expect(coordinator.page.get_by_text("The case is with the facility.")).to_be_visible()


def decline(coordinator: Reader) -> None:
    open_step(coordinator, "Do not accept the request")
    coordinator.page.get_by_role("radio", name="No facility that we reach offers what you ask for.").check()
    coordinator.press("Decline and tell the patient")
    expect(coordinator.page.get_by_text("Not accepted").first).to_be_visible()


def name_the_specialist(office: Reader, reference: str) -> None:
    office.page.goto(f"{office.portal.address}/desk/{reference}/")
    open_step(office, "Accept and name the specialist")
    office.page.get_by_role("radio", name="Demo Specialist").check()
    office.press("Accept the case")
    expect(office.page.get_by_text("The case is with the specialist.")).to_be_visible()
    office.look("desk, case with its specialist")


def write(specialist: Reader, reference: str) -> None:
    """Write the opinion, and read it as the patient will."""
    specialist.page.goto(f"{specialist.portal.address}/desk/{reference}/")
    specialist.look("desk, case of a specialist")
    specialist.open_link("Write the opinion")
    specialist.field("Your answer").fill("Yes, and without haste.")
    specialist.field("Summary in plain words").fill(SUMMARY)
    specialist.look("desk, opinion")
    press_while_it_saves(specialist, "Save and preview")
    expect(specialist.page.get_by_role("button", name="Sign and deliver")).to_be_visible()
    specialist.look("desk, preview of the opinion")


def press_while_it_saves(specialist: Reader, english: str) -> None:
    """Press a button when the draft is saved already, and the page has not heard of it: that was nobody else."""
    held: list[tuple[Route, APIResponse]] = []

    def hold(route: Route) -> None:
        if "x-saved-by-script" in route.request.headers:
            held.append((route, route.fetch(timeout=PATIENCE * 1000)))
        else:
            route.continue_()

    specialist.page.route("**/opinion/", hold)
    answer = specialist.field("Your answer")
    answer.fill("Yes, and without haste. Rest.")
    wait_for(lambda: held or specialist.page.wait_for_timeout(100))
    answer.fill("Yes, and without haste.")
    specialist.press(english)
    [(route, saved)] = held
    route.fulfill(response=saved)


def sign(specialist: Reader, give_code: GiveCode) -> None:
    """Sign; the second factor is asked for in between."""
    specialist.press("Sign and deliver")
    give_code(specialist, "specialist", "Confirm")
    expect(specialist.page.get_by_text("The opinion is signed and delivered.")).to_be_visible()
    specialist.look("desk, delivered opinion")


def read_the_opinion(patient: Reader) -> None:
    """Read the opinion on its page, and take it along as a PDF."""
    patient.page.reload()
    patient.sees("The answer is ready.")
    patient.open_link("Read the opinion")
    expect(patient.page.get_by_text(SUMMARY)).to_be_visible()
    patient.look("opinion")
    with patient.page.expect_download() as download:
        patient.page.get_by_role("link", name=patient.words("Download as PDF")).click()
    paper = pikepdf.open(download.value.path())
    assert paper.Root.MarkInfo.Marked
    assert str(paper.Root.Lang) == "en"


def book(patient: Reader) -> None:
    """Choose a time of the specialist and confirm it, with both clocks on the page."""
    # Once it begins, the first time of the page may be too near to be booked.
    let_begin(QUARTER)
    patient.visit("my-request/")
    patient.open_link("Choose a time")
    patient.look("choose a time")
    patient.page.get_by_role("button", name=re.compile("^Keep this time")).first.click()
    patient.look("time that is kept")
    patient.press("Confirm this time")
    patient.look("booked consultation")
    for place in ("Dubai", "Milan"):
        expect(patient.page.get_by_text(place).first).to_be_visible()
