"""Every pattern of every model has words for people."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

import guestwire.formats
import guestwire.model
import guestwire.protocol
import guestwire.sdk
from guestwire.model.guest import Guest
from guestwire.model.patterns import WORDS, in_words

PACKAGES = (guestwire.model, guestwire.protocol, guestwire.formats, guestwire.sdk)
MORE = ("guestwire.agent.config",)
OURS = (*(package.__name__ for package in PACKAGES), *MORE)
"""What people write who read our words; who writes a program reads a pattern."""

FITS = (
    "https://site.example:8443",
    "GUEST0001", "6f1d3e0a-2b4c-4d5e-8f90-0123456789ab", "/", "0000:01:00.0", "usb:046d:c52b", "52:54:00:12:34:56", "x86_64",
    "quiet splash", "a" * 15, "a" * 16, "a" * 32, "a" * 36, "a" * 63, "A" * 64, "0" * 64, "0" * 16, "0" * 128, "_daemon", "",
    "operator:admin", "mqtts://broker.example:8883",
)  # fmt: skip


def every_model() -> Iterator[type[BaseModel]]:
    names = list(MORE)
    for package in PACKAGES:
        names += [found.name for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    for name in names:
        importlib.import_module(name)
    waiting = [BaseModel]
    while waiting:
        for model in waiting.pop().__subclasses__():
            waiting.append(model)
            if model.__module__.startswith(OURS):
                yield model


def patterns(schema: Any) -> Iterator[str]:
    """The patterns in a schema of pydantic's core."""
    if isinstance(schema, dict):
        if isinstance(found := schema.get("pattern"), str):
            yield found
        for part in schema.values():
            yield from patterns(part)
    elif isinstance(schema, list | tuple):
        for part in schema:
            yield from patterns(part)


def test_every_pattern_has_words_and_every_word_a_pattern() -> None:
    used: dict[str, str] = {}
    for model in every_model():
        model.model_rebuild()
        used |= dict.fromkeys(patterns(model.__pydantic_core_schema__), model.__name__)
    assert len(used) > 15
    assert {pattern: name for pattern, name in used.items() if pattern not in WORDS} == {}
    assert sorted(set(WORDS) - set(used)) == []


@pytest.mark.parametrize("pattern", WORDS)
def test_words_are_no_pattern(pattern: str) -> None:
    assert not re.search(r"[\^$\\{}\[\]]", WORDS[pattern])
    assert any(re.search(pattern, text) for text in FITS)


def test_a_mistake_is_told_in_words() -> None:
    with pytest.raises(ValidationError) as failed:
        Guest(name="a", id="7", vcpus=-1)
    assert {str(one["loc"][0]): in_words(one) for one in failed.value.errors()} == {
        "id": "must be GUEST and four digits, such as GUEST0001",
        "vcpus": "Input should be greater than or equal to 1",
    }
