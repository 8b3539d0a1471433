"""Password files: both formats, and what is none."""

import base64
import hashlib

import pytest

from guestwire.broker_test.errors import BrokerError
from guestwire.broker_test.passwords import parse_passwords


def _entry(kind, password, salt=b"0123456789ab", iterations=101):
    if kind == 7:
        digest = hashlib.pbkdf2_hmac("sha512", password, salt, iterations)
        middle = f"$7${iterations}$"
    else:
        digest = hashlib.sha512(password + salt).digest()
        middle = "$6$"
    return middle + base64.b64encode(salt).decode() + "$" + base64.b64encode(digest).decode()


@pytest.mark.parametrize("kind", [6, 7])
def test_fits_only_the_password(kind):
    users = parse_passwords(["# comment", "", "u:" + _entry(kind, b"secret")])
    assert users["u"].fits(b"secret")
    assert not users["u"].fits(b"Secret")
    assert not users["u"].fits(b"")


@pytest.mark.parametrize("line", ["u:plain", "u:$5$a$b", "u:$7$x$YQ==$YQ==", ":$6$YQ==$YQ==", "u:$6$!$YQ=="])
def test_a_bad_line_is_named(line):
    with pytest.raises(BrokerError, match="line 1"):
        parse_passwords([line])
