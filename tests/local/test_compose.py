"""What is deployed is what runs on a developer's computer: compose, image and proxy repeat, and must not drift."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings

from healthlombardy.local import postgres, processes
from healthlombardy.local.configuration import REPOSITORY
from healthlombardy.local.steps import set_up_steps

COMPOSE = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OPEN_HOST = "0.0.0.0"  # noqa: S104  inside a container, behind the proxy


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("web", processes.web(host=OPEN_HOST, port=8000)),
        ("worker", processes.worker()),
        ("beat", processes.beat(schedule=Path("/data/celerybeat-schedule"))),
    ],
)
def test_process_is_started_as_here(name, command):
    assert SERVICES[name]["command"] == command


def test_image_starts_the_same_web_server():
    line = next(line for line in dockerfile().splitlines() if line.startswith("CMD "))

    assert yaml.safe_load(line.removeprefix("CMD ")) == processes.web(host=OPEN_HOST, port=8000)


def test_preparation_takes_the_same_steps_as_a_local_start():
    lines = [line for line in SERVICES["prepare"]["command"][-1].splitlines() if line]

    commands = [shlex.split(line)[2] for line in lines]
    assert commands == [step.arguments[0] for step in set_up_steps(is_demo=False)]


def test_database_is_made_as_the_embedded_one():
    assert shlex.split(SERVICES["postgres"]["environment"]["POSTGRES_INITDB_ARGS"]) == postgres.INITDB
    assert SERVICES["postgres"]["image"] == "postgres:18"
    given = dict(part.split("=") for part in SERVICES["postgres"]["command"] if "=" in part)
    for name, value in given.items():
        assert postgres.SETTINGS[name] == value, name
    roles = (REPOSITORY / "deploy" / "postgres" / "roles.sh").read_text(encoding="utf-8")
    for name in (postgres.OWNER, postgres.APPLICATION, postgres.DATABASE):
        assert name in roles


def test_only_the_preparation_connects_as_owner():
    holders = {name for name, service in SERVICES.items() if "DATABASE_OWNER_URL" in service.get("environment", {})}

    assert holders == {"prepare"}


def test_nothing_of_ours_runs_as_root_or_as_demo():
    assert "USER portal" in dockerfile()
    for name in ("prepare", "web", "worker", "beat"):
        service = SERVICES[name]
        assert service["environment"]["DEMO"] == "0", name
        assert (service["cap_drop"], service["read_only"]) == (["ALL"], True), name


def test_no_secret_stands_in_the_file():
    text = (REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8")

    for value in re.findall(r"(?m)^\s*\w*(?:PASSWORD|SECRET_KEY|MASTER_KEYS|AUTH)\w*: (.*)$", text):
        assert value.startswith("${"), value


def test_every_variable_of_compose_is_explained_in_the_example():
    used = set(re.findall(r"\$\{(\w+)", (REPOSITORY / "docker-compose.yml").read_text(encoding="utf-8")))
    offered = set(re.findall(r"(?m)^(\w+)=", (REPOSITORY / ".env.example").read_text(encoding="utf-8")))

    assert used == offered


def test_proxy_is_the_one_that_is_trusted():
    address = SERVICES["proxy"]["networks"]["outside"]["ipv4_address"]

    assert SERVICES["web"]["environment"]["TRUSTED_PROXY"] == address


def test_proxy_keeps_the_public_pages_of_every_language():
    rules = (REPOSITORY / "deploy" / "nginx" / "portal.conf").read_text(encoding="utf-8")
    prefixes = re.search(r"\^/\(\?:([^)]*)\)/", rules)

    assert prefixes is not None
    assert set(prefixes[1].split("|")) == {code for code, _name in settings.LANGUAGES}


@pytest.mark.parametrize("code", [code for code, _name in settings.LANGUAGES])
def test_proxy_lets_an_upload_be_resumed(code: str):
    """A cached place asks the application GET where a browser asked HEAD (`proxy_cache_convert_head`)."""
    rules = (REPOSITORY / "deploy" / "nginx" / "portal.conf").read_text(encoding="utf-8")
    places = re.findall(r"(?ms)^location ~ (\S+) \{(.*?)^\}", rules)

    def rules_of(path: str) -> str:
        return next(body for pattern, body in places if re.search(pattern, path))

    assert "proxy_cache" not in rules_of(f"/{code}/my-request/uploads/2450bbb7-be33-4939-98c7-1f437068796a/")
    assert "proxy_cache" in rules_of(f"/{code}/about/")


def test_files_the_services_mount_exist():
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0].replace("${PROXY_DOOR", "https")
            if source.startswith("./deploy") and "https" not in source:
                assert (REPOSITORY / source).exists(), f"{name}: {source}"


def dockerfile() -> str:
    """Return the text of the Dockerfile."""
    return (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")


def test_uploads_are_collected_in_memory_only():
    server = (REPOSITORY / "deploy" / "nginx" / "nginx.conf").read_text(encoding="utf-8")

    assert "client_body_temp_path /tmp/" in server
    assert SERVICES["proxy"]["tmpfs"] == ["/tmp:size=1g"]
    # The virus scanner writes what it is sent into a file.
    assert SERVICES["clamav"]["tmpfs"] == ["/tmp:size=4g,mode=1777"]
    assert SERVICES["proxy"]["read_only"] is True
