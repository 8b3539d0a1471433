"""What each pattern of a model means, for people: "must be WORDS, not 'value'". Every pattern of a model is in the table."""

from collections.abc import Mapping
from typing import Any

WORDS: Mapping[str, str] = {
    r"^GUEST[0-9]{4}$": "GUEST and four digits, such as GUEST0001",
    r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$": "a UUID in lower case, such as 6f1d3e0a-2b4c-4d5e-8f90-0123456789ab",
    r"^/[^\x00-\x1f\x7f\ufffe\uffff]*$": "an absolute path: it begins with / and has no control characters",
    r"^([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]|usb:[0-9a-f]{4}:[0-9a-f]{4})$": (
        "a PCI address such as 0000:01:00.0, or usb:VENDOR:PRODUCT such as usb:046d:c52b, in lower case"
    ),
    r"^[A-Za-z0-9_.-]{1,15}$": "the name of a network interface: 1 to 15 of A-Z a-z 0-9 _ . -",
    r"^[0-9a-f]{2}(:[0-9a-f]{2}){5}$": "a MAC address in lower case, such as 52:54:00:12:34:56",
    r"^[A-Za-z0-9_.-]{1,36}$": "1 to 36 of A-Z a-z 0-9 _ . -",
    r"^[A-Za-z0-9_.-]{1,63}$": "1 to 63 of A-Z a-z 0-9 _ . -",
    r"^[A-Za-z0-9_.-]{1,64}$": "1 to 64 of A-Z a-z 0-9 _ . -",
    r"^[A-Za-z0-9_-]{1,64}$": "1 to 64 of A-Z a-z 0-9 _ -",
    r"^[^\x00-\x1f\x7f\ufffe\uffff]*$": "one line of text, without control characters",
    r"^[a-z0-9_-]{1,32}$": "1 to 32 of a-z 0-9 _ -",
    r"^[a-z0-9_]{1,16}$": "the name of an architecture, such as x86_64: 1 to 16 of a-z 0-9 _",
    r"^([a-z_][a-z0-9_-]{0,31})?$": (
        "a user's name (a-z or _, then at most 31 of a-z 0-9 _ -), or nothing, which is nobody"
    ),
    r"^[0-9a-f]{64}$": "64 hexadecimal digits in lower case",
    r"^[0-9a-f]{32}$": "32 hexadecimal digits in lower case",
    r"^[0-9a-f]{128}$": "128 hexadecimal digits in lower case",
    r"^[0-9a-f]{16}$": "16 hexadecimal digits in lower case",
    r"^[a-z0-9-]{1,36}$": "1 to 36 of a-z 0-9 -",
    r"^[a-z0-9-]{1,64}$": "the name of an operation, such as guest-start",
    r"^https://[^/\s@?#]+$": "https:// with a name or an address and a port, such as https://site.example:8443",
    r"^(https://[^/\s@?#]+|http://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?)/?$": (
        "https:// with a name or an address and a port, such as https://controller.example:5000; http:// on this machine alone"
    ),
    r"^(operator|controller|host|observer|local):[a-z0-9-]{1,36}$": (
        "operator:NAME, controller:NAME, host:NAME, observer:NAME or local:NAME, the name being 1 to 36 of a-z 0-9 -"
    ),
    r"^(\[[0-9a-fA-F:.]+\]|[^\[\]:/@\s]+)(:[0-9]{1,5})?$": "a name or an address, and a port after a colon if it is another than 6000, such as 192.0.2.7:6001",
    r"^mqtts?://[^/\s@]+$": "the address of a broker, such as mqtts://broker.example:8883",
}


def in_words(problem: Mapping[str, Any]) -> str:
    """What pydantic says of one mistake (`ValidationError.errors`), with words in the place of a pattern."""
    if problem["type"] == "string_pattern_mismatch":
        return f"must be {WORDS[problem['ctx']['pattern']]}"
    return str(problem["msg"]).removeprefix("Value error, ")  # what our own rules say is said in whole
