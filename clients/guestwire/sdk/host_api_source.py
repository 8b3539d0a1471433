"""Writes `host_api`: one typed method per row of the operations table. `python -m guestwire.sdk.host_api_source`.

A test compares the module with what this gives, so a row cannot be added without its method.
"""

from pathlib import Path

from guestwire.model.base import Model
from guestwire.protocol.operation_models import Empty
from guestwire.protocol.operations import OPERATIONS, Operation

TARGET = Path(__file__).with_name("host_api.py")

_HEAD = '''"""The operations of one host as typed methods. Made by `host_api_source` from the operations table: do not edit.

Every method raises GuestwireError: the host's own errors, HOST-UNREACHABLE, NO-ANSWER, UNSIGNED-RESPONSE, the link's.
"""

from typing import Protocol, TypeVar

{imports}

T = TypeVar("T", bound=Model)


class Invoke(Protocol):
    """Calls an operation by its row of the table."""

    async def __call__(self, operation: str, request: Model, reply: type[T], options: CallOptions) -> Answer[T]: ...


class HostApi:
    """One host's operations."""

    def __init__(self, invoke: Invoke) -> None:
        self._invoke = invoke
'''

_METHOD = '''
    async def {method}({arguments}) -> Answer[{reply}]:
        """{summary}"""
        return await self._invoke("{name}", {request}, {reply}, options)
'''


def source() -> str:
    """The text of the module `host_api`."""
    used: set[type[Model]] = {model for row in OPERATIONS for model in (row.request, row.reply)}
    modules: dict[str, set[str]] = {"guestwire.sdk.answers": {"DEFAULT", "Answer", "CallOptions"}}
    used.add(Model)
    for model in used:
        modules.setdefault(model.__module__, set()).add(model.__name__)
    imports = "\n".join(_import(module, names) for module, names in sorted(modules.items()))
    return _HEAD.format(imports=imports) + "".join(_method(row) for row in OPERATIONS)


def _import(module: str, names: set[str]) -> str:
    ordered = sorted(names, key=lambda name: (not name.isupper(), name.lower()))
    line = f"from {module} import {', '.join(ordered)}"
    if len(line) <= 120:
        return line
    return "\n".join([f"from {module} import (", *(f"    {name}," for name in ordered), ")"])


def _method(row: Operation) -> str:
    empty = row.request is Empty
    arguments = ["self", *([] if empty else [f"request: {row.request.__name__}"]), "options: CallOptions = DEFAULT"]
    return _METHOD.format(
        method=row.name.replace("-", "_"),
        arguments=", ".join(arguments),
        reply=row.reply.__name__,
        summary=row.summary,
        name=row.name,
        request="Empty()" if empty else "request",
    )


if __name__ == "__main__":
    TARGET.write_text(source(), encoding="utf-8")
