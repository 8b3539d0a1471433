"""The schema that the forms are made of: the model's, with what its docstrings say of fields."""

import json

import pytest

from guestwire.controller.dashboard.model_schema import field_texts, model_schema
from guestwire.model.desired import Desired

TEXTS = [
    ("One. `a`: first; `b`, `c`: others, a; still b.", {"a": "First.", "b": "Others, a; still b.", "c": "Others, a; still b."}),
    ("One. `a` is the first, `b` the other. `c` None: derived.", {"a": "The first.", "b": "The other.", "c": "Without one: derived."}),
    ("One.\n\na    first; b: other\nlong more\n     and more\n", {"a": "First.", "b": "Other.", "long": "More and more."}),
    ("long: more. a: first, b: not one.", {"long": "More.", "a": "First, b: not one."}),
    ("One: `other`: no field. a: first.", {"a": "First."}),
    ("`a` and\n`b` name guests.\n\nAnother: paragraph.", {"a": "Name guests.", "b": "Name guests."}),
    ("Speaks of `a` and of b, and says nothing.", {}),
    ("", {}),
]  # fmt: skip


@pytest.mark.parametrize(("docstring", "texts"), TEXTS)
def test_what_docstrings_say(docstring: str, texts: dict[str, str]) -> None:
    assert field_texts(docstring, {"a", "b", "c", "long"}) == texts


def test_the_schema_is_the_models() -> None:
    made = json.loads(model_schema())
    plain = Desired.model_json_schema()
    assert made["$defs"].keys() == plain["$defs"].keys()
    guest = made["$defs"]["Guest"]["properties"]
    assert guest["memory_mib"] == {
        **plain["$defs"]["Guest"]["properties"]["memory_mib"],
        "description": "What the guest boots with.",
    }
    assert made["properties"]["host_cpuset"]["description"].startswith("CPUs kept for the host")
    described = sum("description" in field for one in made["$defs"].values() for field in one["properties"].values())
    assert described > 40
