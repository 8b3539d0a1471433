"""The generated API is the operations table's."""

import inspect

from guestwire.protocol.operations import OPERATIONS
from guestwire.sdk import host_api_source
from guestwire.sdk.host_api import HostApi


def test_the_module_is_not_stale() -> None:
    written = host_api_source.TARGET.read_text()
    assert written == host_api_source.source(), "run `python -m guestwire.sdk.host_api_source`"


def test_every_operation_has_a_method() -> None:
    methods = {name for name, _ in inspect.getmembers(HostApi, inspect.isfunction) if not name.startswith("_")}
    assert methods == {row.name.replace("-", "_") for row in OPERATIONS}
