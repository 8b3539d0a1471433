"""What a host's configuration is made of, as JSON Schema for the forms: the model's own, each field with what the model's docstring says
of it. Pure.
"""

import inspect
import json
import re
from collections.abc import Collection, Iterator
from typing import Any

from pydantic import BaseModel

from guestwire.model.desired import Desired


def model_schema(model: type[BaseModel] = Desired) -> bytes:
    """The schema, as JSON."""
    schema = model.model_json_schema()
    for one in (schema, *schema.get("$defs", {}).values()):
        _describe(one)
    return json.dumps(schema, ensure_ascii=False, separators=(",", ":")).encode()


def _describe(schema: dict[str, Any]) -> None:
    fields = schema.get("properties", {})
    for name, text in field_texts(schema.get("description", ""), fields.keys()).items():
        fields[name].setdefault("description", text)


def field_texts(docstring: str, fields: Collection[str]) -> dict[str, str]:
    """What a docstring says of fields. It may have a table, a name and its text in each line, where "; other: text" may follow; or "`a`,
    `b`: text"; or a sentence that begins with "`a`". A text ends where the next field's begins, or the paragraph does."""
    known = frozenset(fields)
    said = inspect.cleandoc(docstring)
    ticked = any(name in known for name in re.findall(r"`(\w+)`", said))
    found: dict[str, str] = {}
    for paragraph in re.split(r"\n\s*\n", said):
        marks = list(_marks(paragraph, known, ticked=ticked))
        for place, (names, _, start) in enumerate(marks):
            end = marks[place + 1][1] if place + 1 < len(marks) else len(paragraph)
            text = re.sub(r"^(is|are) ", "", " ".join(paragraph[start:end].split()).rstrip(" ;.,"))
            text = re.sub(r"^None: ", "without one: ", text)
            for name in names:
                if text:
                    found.setdefault(name, f"{text[:1].upper()}{text[1:]}.")
    return found


def _marks(paragraph: str, known: frozenset[str], *, ticked: bool) -> Iterator[tuple[list[str], int, int]]:
    """Where a paragraph begins to speak of fields: (which, where the mark begins, where the text does). `ticked`: the docstring has its
    fields in backticks, and a word without them is none."""
    name = r"`[a-z_0-9]+`" if ticked else r"[a-z][a-z_0-9]*"
    several = rf"{name}(?:(?:,|\s+and)\s+{name})*"
    begun = r"(?:^|(?<=[;.][ \n]))"
    forms = [rf"{begun}(?P<said>{several}):\s+"]
    forms.append(rf"{begun}(?P<subject>{several if ticked else '[a-z]+_[a-z_0-9]+'})\s+")
    forms.append(rf"(?<=[^`],[ \n])(?P<clause>{name})\s+(?=(?:the|is|in)\b)")
    row = rf"^(?P<row>{'|'.join(sorted(known, key=len, reverse=True)) or '(?!)'})[ \t]+(?=\S)"
    if not ticked and len(re.findall(row, paragraph, re.MULTILINE)) > 1:
        forms.insert(0, row)
    for found in re.finditer("|".join(forms), paragraph, re.MULTILINE):
        names = re.findall(r"[a-z_0-9]+", re.sub(r"\band\b", "", found[found.lastgroup or 0]))
        if known.issuperset(names):
            yield names, found.start(), found.end()
