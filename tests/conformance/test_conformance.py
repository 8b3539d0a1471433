"""Every conformance case against the host's and the client's end; the cases themselves are plain YAML."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from runner import rows_of, run

from guestwire.model.errors import CODES
from guestwire.protocol.operations import OPERATIONS

FILES = sorted((Path(__file__).parent / "cases").glob("*.yaml"))
CASES = [
    (f"{file.stem}: {case['name']}", case)
    for file in FILES
    for case in yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)
]
ROWS = [
    (f"{name}: {row['operation']}" if "rows" in case else name, filled)
    for name, case in CASES
    for row, filled in zip(case.get("rows", [{}]), rows_of(case), strict=True)
]


@pytest.mark.parametrize("case", [case for _, case in ROWS], ids=[name for name, _ in ROWS])
def test_case(case: dict[str, Any]) -> None:
    run(case)


def test_every_case_names_its_sentence_once() -> None:
    names = [name for name, _ in CASES]
    assert len(set(names)) == len(names) >= 80
    for name, case in CASES:
        assert case["says"].strip(), name
        assert set(case) <= {"name", "says", "given", "rows", "steps", "effects"}, name


def test_every_operation_has_a_case_of_its_effect_and_of_its_risk() -> None:
    """What it does after a crash, and which keys reach it, is in the cases; another table here fails them."""
    cases = dict(CASES)
    for prefix, wanted in (
        ("operations: a read", {o.name for o in OPERATIONS if not o.signed and not o.proven}),
        ("operations: what has no effect", {o.name for o in OPERATIONS if o.effect == "none" and o.signed}),
        ("operations: a plan", {o.name for o in OPERATIONS if o.proven}),
        ("operations: an idempotent", {o.name for o in OPERATIONS if o.effect == "idempotent"}),
        ("operations: a once", {o.name for o in OPERATIONS if o.effect == "once"}),
        ("operations: risk 0", {o.name for o in OPERATIONS if o.risk == 0}),
        ("operations: risk 1", {o.name for o in OPERATIONS if o.risk == 1}),
        ("operations: risk 2", {o.name for o in OPERATIONS if o.risk == 2}),
        ("operations: risk 3", {o.name for o in OPERATIONS if o.risk == 3}),
    ):
        (name,) = (name for name in cases if name.startswith(prefix))
        assert {row["operation"] for row in cases[name]["rows"]} == wanted


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
