"""Every conformance case against the host's and the client's end; the cases themselves are plain YAML."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from runner import run

from guestwire.model.errors import CODES

FILES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))
CASES = [
    (f"{file.stem}: {case['name']}", case)
    for file in FILES
    for case in yaml.safe_load(file.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("case", [case for _, case in CASES], ids=[name for name, _ in CASES])
def test_case(case: dict[str, Any]) -> None:
    run(case)


def test_every_case_names_its_sentence_once() -> None:
    names = [name for name, _ in CASES]
    assert len(set(names)) == len(names) >= 80
    for name, case in CASES:
        assert case["says"].strip(), name
        assert set(case) <= {"name", "says", "given", "steps", "effects"}, name


def test_every_refusal_of_the_envelope_has_a_case() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in FILES)
    codes = [row.code for row in CODES]
    first = codes[: codes.index("PARTS-TIMEOUT") + 1]
    assert [code for code in first if code not in text] == []


def test_a_case_that_expects_something_else_fails() -> None:
    case = {"steps": [{"send": {"id": "A"}, "expect": [{"run": "B"}]}]}
    with pytest.raises(AssertionError, match=r"step 1 \(send\)"):
        run(case)
    with pytest.raises(AssertionError, match="ran 1 times"):
        run({"steps": [{"send": {"id": "A"}, "expect": [{"run": "A"}]}], "effects": {"A": 0}})
    with pytest.raises(AssertionError, match="expected \\[\\]"):
        run({"steps": [{"send": {"id": "A"}}]})
