"""Where a listener is, as people write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guestwire.link.host_port import host_port


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.1", ("10.0.0.1", 6000)),
        ("plant-1.example:7000", ("plant-1.example", 7000)),
        (":6001", ("", 6001)),
        ("[::1]:6000", ("::1", 6000)),
        ("[fd00::7]", ("fd00::7", 6000)),
    ],
)
def test_an_address(text: str, expected: tuple[str, int]) -> None:
    assert host_port(text) == expected


@pytest.mark.parametrize(
    "text", ["", "::1", "a:b", "a:0", "a:65536", "a:99999", "tcp://a", "a b", "a/b", "me@a", "[::1", "a:1\n", "[x]:1"]
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not HOST:PORT|a port is"):
        host_port(text)


@given(st.text(max_size=20))
def test_any_text_is_one_or_is_refused(text: str) -> None:
    try:
        host, port = host_port(text)
    except ValueError:
        return
    assert 0 < port < 65_536
    assert host_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}") == (host, port)
