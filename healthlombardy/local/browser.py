"""Where the browser of the browser tests is."""

import os
import shutil

NO_BROWSER = "The browser tests were left out: no Chromium at $CHROMIUM or /usr/bin/chromium."


def find_chromium() -> str:
    """Return the path of Chromium, or nothing when there is none."""
    named = os.environ.get("CHROMIUM", "")
    return shutil.which(named or "/usr/bin/chromium") or ""
