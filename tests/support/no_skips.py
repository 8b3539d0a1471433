"""Where nothing may be skipped (`.ci/run`), a skip is a failure: `pytest -p tests.support.no_skips`.

A test that is skipped because of the machine tells nothing, and a green run would hide it. What a test may be skipped
for all the same is in MAY_SKIP.
"""

from collections.abc import Generator

import pytest

# start of the reason, why that is no loss
MAY_SKIP = (("may not mount a small file system", "a container without CAP_SYS_ADMIN cannot have a full disk"),)


def refused(reason: str) -> bool:
    """Whether a skip with this reason is a failure."""
    bare = reason.removeprefix("Skipped: ")
    return not bare.startswith(tuple(start for start, _ in MAY_SKIP))


def _judge(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if refused(reason):
        report.outcome = "failed"
        report.longrepr = f"Nothing may be skipped here, and this was. {reason}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _judge(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _judge(report)
    return report
