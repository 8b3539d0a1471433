"""Broker URLs."""

import pytest

from guestwire.link.broker_url import broker_address


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://b", ("b", 1883, False)),
        ("mqtts://b", ("b", 8883, True)),
        ("mqtt://[::1]:99", ("::1", 99, False)),
        ("mqtts://b.example:1", ("b.example", 1, True)),
    ],
)
def test_a_url_is_an_address(url: str, address: tuple[str, int, bool]) -> None:
    assert broker_address(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "",
        "b",
        "h:1883",
        "http://b",
        "mqtt://",
        "mqtt://b:port",
        "mqtt://b:99999",
        "mqtt://u@b",
        "mqtt://u:p@b",
        "mqtt://b/x",
    ],
)
def test_anything_else_is_not(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        broker_address(url)


def test_a_password_in_a_url_is_not_quoted() -> None:
    with pytest.raises(ValueError, match="settings of their own") as caught:
        broker_address("mqtts://eve:horse@b")
    assert "horse" not in str(caught.value)
