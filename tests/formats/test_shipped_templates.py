"""The templates that come with Guestwire are those that its examples use."""

from importlib.resources import files

import pytest

from guestwire.formats.examples import EXAMPLES, open_example
from guestwire.formats.shipped_templates import SHIPPED, shipped, shipped_text
from guestwire.model.errors import GuestwireError


def test_the_table_lists_the_files() -> None:
    there = {entry.name for entry in files("guestwire.formats").joinpath("templates").iterdir()}
    assert {f"{name}.toml" for name in SHIPPED} == there
    assert tuple(template.id for template in shipped().templates) == SHIPPED


@pytest.mark.parametrize("name", [example.name for example in EXAMPLES])
def test_an_example_uses_no_others(name: str) -> None:
    desired = open_example(name, "h").hosts["h"]
    templates, images = shipped()
    assert desired.templates
    assert set(desired.templates) <= set(templates)
    assert set(desired.images) <= set(images)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(GuestwireError, match="did you mean RtLinux") as caught:
        shipped_text("RTLinux")
    assert caught.value.code == "NOT-FOUND"
    with pytest.raises(GuestwireError, match="Ubuntu"):
        shipped_text("../examples/vxworks")
