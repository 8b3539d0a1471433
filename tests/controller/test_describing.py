"""The document of the whole API: frozen, and changed only so that programs go on working."""

import json
from pathlib import Path

import pytest
from openapi_changes import METHODS, breaking

from guestwire.controller.composing.base import VERSION
from guestwire.controller.describing import API_VERSION, described, frozen
from guestwire.controller.main import main

ROOT = Path(__file__).parents[2]
FROZEN = ROOT / "deploy/docs/reference/openapi.json"
COMMAND = "python deploy/docs/reference/freeze_openapi.py"


def test_the_frozen_document_is_of_this_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["openapi"]) == 0
    present, kept = capsys.readouterr().out, FROZEN.read_text(encoding="utf-8")
    assert json.loads(present)["info"]["version"] == VERSION
    assert breaking(json.loads(kept), json.loads(present)) == [], "programs that use the API would break"
    assert kept == frozen(present), f"{FROZEN.name} is stale: run `make docs` (or `{COMMAND}` alone)"


def test_a_new_version_of_the_program_leaves_it_as_it_is() -> None:
    one, other = ({"info": {"version": version}, "paths": {}} for version in ("0.1", "0.2"))
    assert frozen(json.dumps(one)) == frozen(json.dumps(other))
    assert json.loads(FROZEN.read_text(encoding="utf-8"))["info"]["version"] == API_VERSION


async def test_it_has_every_part_of_the_api() -> None:
    document = json.loads(await described())
    operations = [item[method] for item in document["paths"].values() for method in METHODS if method in item]
    names = [one["operationId"] for one in operations]
    assert len(set(names)) == len(names) > 100
    used = {tag for one in operations for tag in one["tags"]}
    assert used == {one["name"] for one in document["tags"]}
    assert document["info"]["title"] == "Guestwire controller"
