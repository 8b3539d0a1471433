"""HOST/GUEST as people write it."""

import pytest

from guestwire.model.errors import GuestwireError
from guestwire.sdk.addresses import GuestAddress, parse


@pytest.mark.parametrize(
    ("text", "only_host", "address"),
    [
        ("h1/web", None, ("h1", "web")),
        ("h1/GUEST0001", None, ("h1", "GUEST0001")),
        ("h1/*", None, ("h1", "*")),
        ("web", "h2", ("h2", "web")),
        ("h1/web", "h2", ("h1", "web")),
    ],
)
def test_addresses(text: str, only_host: str | None, address: tuple[str, str]) -> None:
    assert parse(text, only_host) == GuestAddress(*address)


@pytest.mark.parametrize("text", ["web", "", "/", "h1/", "/web", "H1/web", "h1/a/b", "h1/" + "x" * 64, "h_1/web"])
def test_refused(text: str) -> None:
    with pytest.raises(GuestwireError, match="CONFIG-INVALID"):
        parse(text)
