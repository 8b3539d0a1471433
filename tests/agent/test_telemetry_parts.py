"""The section [telemetry], and what is made of it."""

from pathlib import Path

import pytest
from site_files import site_files

from guestwire.agent.config import TelemetrySection
from guestwire.agent.telemetry.sampler import SamplerSettings
from guestwire.agent.telemetry.spool import QUOTA
from guestwire.agent.telemetry_parts import telemetry_parts
from guestwire.model.errors import GuestwireError


def test_what_nobody_sets_is_what_the_parts_are_without_settings() -> None:
    parts = telemetry_parts(TelemetrySection(), Path("/var/lib/guestwire"), "boot", 7)
    assert parts.sampling == SamplerSettings()
    assert (dict(parts.quota), parts.link) == (dict(QUOTA), None)
    assert (parts.folder, parts.boot, parts.began_ms) == (Path("/var/lib/guestwire/telemetry"), "boot", 7)


def test_every_setting_arrives(tmp_path: Path) -> None:
    files = site_files(tmp_path, 0)
    files.config.write_text(
        files.config.read_text()
        + """
[telemetry]
tiers = ["slow", "normal"]
fast_s = 2
normal_s = 20
slow_s = 120
metrics = ["guestwire_host_*", "guestwire_vcpu_*"]
without = ["*_temperature_*"]
series = 500
live_s = 3
idle_s = 30
metric_mib = 100
notice_mib = 3
alarm_mib = 2
audit_mib = 1
link_kbit_s = 800
"""
    )
    parts = telemetry_parts(files.settings().telemetry, tmp_path, "", 0)
    assert parts.sampling == SamplerSettings(
        fast_s=2, normal_s=20, slow_s=120, tiers=("slow", "normal"), metrics=("guestwire_host_*", "guestwire_vcpu_*"),
        without=("*_temperature_*",), series=500, live_s=3, idle_s=30,
    )  # fmt: skip
    assert {name: size >> 20 for name, size in parts.quota.items()} == {
        "metric": 100, "notice": 3, "alarm": 2, "audit": 1,
    }  # fmt: skip
    assert parts.link == 100_000, "bytes per second"


@pytest.mark.parametrize(
    ("flag", "text"),
    [("telemetry__tiers", "fast daily"), ("telemetry__metric_mib", "0"), ("telemetry__fast_s", "0.01")],
)
def test_what_does_not_fit_is_named(tmp_path: Path, flag: str, text: str) -> None:
    with pytest.raises(GuestwireError) as caught:
        site_files(tmp_path, 0).settings(**{flag: text})
    assert caught.value.code == "CONFIG-INVALID"
    assert str(caught.value.field).startswith(flag.replace("__", "."))


def test_a_list_may_be_empty(tmp_path: Path) -> None:
    assert site_files(tmp_path, 0).settings(telemetry__tiers="").telemetry.tiers == ()
