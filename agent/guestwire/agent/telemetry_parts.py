"""From settings to the parts of telemetry: what is measured, and what may be kept of it."""

from pathlib import Path

from guestwire.agent.audit_schema import MIB
from guestwire.agent.config import TelemetrySection
from guestwire.agent.telemetry.sampler import SamplerSettings
from guestwire.agent.telemetry.wiring import TelemetryParts


def telemetry_parts(section: TelemetrySection, folder: Path, boot: str, began_ms: int) -> TelemetryParts:
    """`folder`: below it the spool is; `boot`: the name of the machine's boot; `began_ms`: when this process began, Unix ms."""
    return TelemetryParts(
        folder=folder / "telemetry",
        boot=boot,
        quota={
            "audit": section.audit_mib * MIB, "alarm": section.alarm_mib * MIB, "notice": section.notice_mib * MIB,
            "metric": section.metric_mib * MIB,
        },
        link=section.link_kbit_s * 1000 / 8 if section.link_kbit_s else None,
        sampling=SamplerSettings(
            fast_s=section.fast_s, normal_s=section.normal_s, slow_s=section.slow_s, tiers=section.tiers,
            metrics=section.metrics, without=section.without, series=section.series, live_s=section.live_s,
            idle_s=section.idle_s,
        ),
        began_ms=began_ms,
    )  # fmt: skip
