"""The appointment on paper: mirrored in Arabic, printed whatever the place is called."""

from io import BytesIO

import pytest
from PIL import Image, ImageChops

from teleconsult import appointment_sheet
from typesetting.press import typeset


def sheet(language: str, place: str) -> dict[str, object]:
    return {
        "language": language,
        "title": "استشارتك",
        "reference": "HL-DPEM-GDCD-G",
        "clocks": [{"time": "13:00–13:30", "place": place, "offset": "UTC+4", "date": "الثلاثاء، 30 مارس 2027"}],
        "facts": [],
        "notes": [],
    }


@pytest.mark.parametrize(("language", "begins_right"), [("ar", True), ("en", False)])
def test_every_line_begins_where_the_language_does(language: str, begins_right: bool):
    page = Image.open(BytesIO(typeset(appointment_sheet.TEMPLATE, sheet(language, "Abu Dhabi"), format="png")))

    # What stands above the line across the page: title, reference, clock, place.
    above = page.convert("L").crop((0, 0, page.width, round(page.height * 0.3)))
    left, _top, right, _bottom = ImageChops.invert(above).getbbox()
    assert (left > page.width / 2) is begins_right
    assert (right < page.width / 2) is not begins_right


def test_a_place_of_any_script_is_set():
    assert typeset(appointment_sheet.TEMPLATE, sheet("en", "თბილისი 堃")).startswith(b"%PDF")
