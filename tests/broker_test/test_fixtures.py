"""The pytest plugin: skip or fail without mosquitto, and nothing imported until it is used."""

import subprocess
import sys

import pytest

from guestwire.broker_test.fixtures import require


def test_what_is_present_is_used(monkeypatch):
    monkeypatch.setenv("GUESTWIRE_TEST_REQUIRE", "mosquitto")
    require("mosquitto", True, "no binary")


def test_what_is_missing_is_skipped_with_its_reason(monkeypatch):
    monkeypatch.setenv("GUESTWIRE_TEST_REQUIRE", "libvirt")
    with pytest.raises(pytest.skip.Exception, match="no binary"):
        require("mosquitto", False, "no binary")


def test_what_is_required_fails(monkeypatch):
    monkeypatch.setenv("GUESTWIRE_TEST_REQUIRE", "libvirt, mosquitto")
    with pytest.raises(pytest.fail.Exception, match="no binary"):
        require("mosquitto", False, "no binary")


def test_the_plugin_is_light():
    """It is loaded in every pytest run of an environment that has Guestwire."""
    code = (
        "import sys, guestwire.broker_test.fixtures; print(sorted(x for x in sys.modules if x.startswith('guestwire')))"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert eval(out) == ["guestwire", "guestwire.broker_test", "guestwire.broker_test.fixtures"]


async def test_both_kinds_come_from_one_fixture(broker, request):
    assert broker.kind in request.node.name
