"""Access lists: parsing, and the cases that the contract with mosquitto does not reach."""

import pytest

from guestwire.broker_test.acl import Permissions, parse_acl
from guestwire.broker_test.errors import BrokerError


@pytest.mark.parametrize("line", ["topic read a/#/b", "user", "allow read a", "topic", "pattern read", "topic read a+"])
def test_a_bad_line_is_named(line):
    with pytest.raises(BrokerError, match="line 2") as caught:
        parse_acl(["# first", line])
    assert caught.value.code == "BROKER-START-FAILED"


def test_a_topic_without_access_means_both():
    access = parse_acl(["topic a/b"])
    assert access.allows("read", "a/b", None, "c")
    assert access.allows("write", "a/b", None, "c")
    assert not access.allows("read", "a/b", "somebody", "c")


def test_deny_wins_over_what_the_user_is_granted():
    access = parse_acl(["user u", "topic readwrite a/#", "topic deny a/secret"])
    assert access.allows("read", "a/b", "u", "c")
    assert not access.allows("read", "a/secret", "u", "c")


def test_no_list_allows_everything_and_answers_are_remembered():
    assert Permissions(None, None, "c").may("write", "any/thing")
    permissions = Permissions(parse_acl(["pattern read x/%c"]), None, "me")
    assert [permissions.may("read", "x/me") for _ in range(2)] == [True, True]
    assert not permissions.may("write", "x/me")
    assert not any(permissions.may("read", f"y/{x}") for x in range(5000))
