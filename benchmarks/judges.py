"""What the machines that judge pages say: Lighthouse (mobile, median of five) and the Nu HTML checker.

Both are installed outside the project: npm install lighthouse vnu-jar, a Java runtime, Chromium.

.venv/bin/python -m benchmarks.judges http://localhost:8000 --tools FOLDER_OF_NODE_MODULES [--rounds 5]
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import urllib.request
from pathlib import Path

LANGUAGES = ["en", "it", "ar", "zh-hans", "es", "fr", "de", "ru"]
CATEGORIES = ["performance", "accessibility", "best-practices", "seo"]
JUDGED = ["", "treatments/knee-replacement/", "facilities/niguarda/", "second-opinion/"]
CHECKED = [
    *JUDGED,
    "search/?q=knee",
    "search/?q=zzqqxx",
    "treatments/",
    "conditions/",
    "conditions/breast-cancer/",
    "specialties/",
    "specialties/cardiology/",
    "body/",
    "body/?figure=child",
    "body/spine/",
    "facilities/",
    "facilities/?province=MI&airport=MXP",
    "compare/?facility=niguarda&facility=ieo",
    "second-opinion/start/",
    "my-request/",
    "contact/",
    "partners/",
    "about/",
    "about/order/",
    "privacy/",
    "accessibility/",
]
FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"


def main() -> None:
    """Judge the pages of a running portal."""
    parser = argparse.ArgumentParser()
    parser.add_argument("portal", help="address of the portal, such as http://localhost:8000")
    parser.add_argument("--tools", type=Path, required=True, help="folder with node_modules")
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    portal = asked.portal.rstrip("/")
    check_html(portal, asked.tools)
    print(f"{'page':<36}" + "".join(f"{name:>16}" for name in CATEGORIES))
    for page in JUDGED:
        scores = [lighthouse(f"{portal}/en/{page}", asked.tools) for _round in range(asked.rounds)]
        medians = [statistics.median(score[name] for score in scores) for name in CATEGORIES]
        print(f"{page or 'home':<36}" + "".join(f"{median:>16.0f}" for median in medians), flush=True)


def lighthouse(address: str, tools: Path) -> dict[str, float]:
    """Return the scores of a page, 0 to 100."""
    command = ["npx", "lighthouse", address, "--quiet", "--output=json", f"--chrome-flags={FLAGS}"]
    chromium = os.environ.get("CHROME_PATH", "/usr/bin/chromium")
    said = subprocess.run(
        command, cwd=tools, env=os.environ | {"CHROME_PATH": chromium}, capture_output=True, check=True, timeout=300
    )
    categories = json.loads(said.stdout)["categories"]
    return {name: categories[name]["score"] * 100 for name in CATEGORIES}


def check_html(portal: str, tools: Path) -> None:
    """Print what the Nu checker finds on every kind of page in every language."""
    with tempfile.TemporaryDirectory() as folder:
        pages = {}
        for language in LANGUAGES:
            for page in CHECKED:
                path = Path(folder) / f"{len(pages)}.html"
                with urllib.request.urlopen(f"{portal}/{language}/{page}", timeout=60) as answer:  # noqa: S310
                    path.write_bytes(answer.read())
                pages[path.name] = f"/{language}/{page}"
        jar = tools / "node_modules" / "vnu-jar" / "build" / "dist" / "vnu.jar"
        command = ["java", "-jar", str(jar), "--format", "json", "--exit-zero-always", folder]
        said = subprocess.run(command, capture_output=True, check=True, timeout=600)
        found = [message for message in json.loads(said.stderr)["messages"] if message["type"] == "error"]
    print(f"Nu HTML checker: {len(found)} errors on {len(pages)} pages")
    for message in found[:40]:
        print(f"  {pages[Path(message['url']).name]}: {message['message']}")


if __name__ == "__main__":
    main()
