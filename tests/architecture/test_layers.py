"""The floors of the house: imports and relations go down only."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import models

ROOT = Path(settings.BASE_DIR)
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
# From the top floor down; rooms on one line do not know each other.
FLOORS = [[room.strip() for room in floor.split("|")] for floor in CONTRACTS["contracts"][0]["layers"]]
FLOOR_OF = {room: -number for number, floor in enumerate(FLOORS) for room in floor}
DRAWERS = {"utils.py", "helpers.py", "services.py", "common.py", "misc.py", "tools.py"}


def own_models() -> list[type[models.Model]]:
    return [model for model in apps.get_models(include_auto_created=True) if model._meta.app_label in FLOOR_OF]


def goes_up(source: str, target: str) -> bool:
    """Return whether a relation leads from a room to one above it, or beside it on the same floor."""
    if source == target or target not in FLOOR_OF:
        return False
    return FLOOR_OF[target] >= FLOOR_OF[source]


def test_imports_keep_the_contracts() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )

    assert done.returncode == 0, done.stdout


def test_every_app_of_ours_stands_on_a_floor() -> None:
    ours = {config.label for config in apps.get_app_configs() if Path(config.path).parent == ROOT}

    assert ours - set(FLOOR_OF) == set()
    assert ours <= set(CONTRACTS["root_packages"])


def test_relations_between_models_go_down_only() -> None:
    up = [
        f"{model._meta.label}.{field.name} → {field.related_model._meta.label}"
        for model in own_models()
        for field in model._meta.get_fields()
        if field.is_relation and not field.auto_created and field.related_model
        if goes_up(model._meta.app_label, field.related_model._meta.app_label)
    ]

    assert len(own_models()) > 30
    assert up == []


@pytest.mark.parametrize("model", own_models(), ids=lambda model: model._meta.label)
def test_relations_written_as_words_go_down_too(model: type[models.Model]) -> None:
    """Migrations name relations in words; an app of a floor above in them would tie the floors together."""
    folder = Path(apps.get_app_config(model._meta.app_label).path) / "migrations"
    named = {
        label
        for file in folder.glob("*.py")
        for found in re.findall(r"""\bto=["'](\w+)\.\w+["']|\(["'](\w+)["'], ["']\d{4}_""", file.read_text())
        for label in found
        if label
    }

    assert [label for label in named if goes_up(model._meta.app_label, label)] == []


def test_no_drawer_that_collects_everything() -> None:
    found = [path for room in FLOOR_OF for path in (ROOT / room).rglob("*.py") if path.name in DRAWERS]

    assert found == []


def test_no_import_dodges_a_circle_inside_a_function() -> None:
    """Ruff refuses them (PLC0415); excepted is what runs before models are loaded, or is heavy and rarely needed."""
    excepted = {
        str(path.relative_to(ROOT))
        for room in CONTRACTS["root_packages"]
        for path in (ROOT / room).rglob("*.py")
        if "noqa: PLC0415" in path.read_text()
    }

    assert {path for path in excepted if not path.endswith("/apps.py")} <= {
        "healthlombardy/administration.py",
        "teleconsult/clock.py",
    }


def test_the_rule_can_fail() -> None:
    assert goes_up("taxonomy", "facilities")
    assert goes_up("catalogue", "demo")
    assert not goes_up("facilities", "taxonomy")
    assert not goes_up("facilities", "auth")


def test_no_path_of_one_machine_is_written_down() -> None:
    machine = re.compile(r"""["'\s(](/work/|/home/\w|/Users/|C:\\\\)""")
    files = [path for room in CONTRACTS["root_packages"] for path in (ROOT / room).rglob("*.py")]

    assert [str(path) for path in [*files, *(ROOT / "docs").rglob("*.md")] if machine.search(path.read_text())] == []
