"""What a real kernel refuses, and what only a recorded tree can show."""

import errno
from pathlib import Path

import pytest

from guestwire.agent.drivers.linux.kernel_values import LinuxKernelValues
from guestwire.model.errors import GuestwireError


async def refusal(values: LinuxKernelValues, path: str, value: str) -> tuple[str, int]:
    with pytest.raises(GuestwireError) as caught:
        await values.write(path, value)
    return caught.value.code, caught.value.detail["errno"]


async def test_this_kernel() -> None:
    values = LinuxKernelValues()
    release, missing = "/proc/sys/kernel/osrelease", "/proc/sys/kernel/guestwire"
    read = await values.read([release, missing, "/proc/self/mem", "/sys/kernel"])
    assert read[release] == Path(release).read_text().strip()
    assert read[missing] is None
    assert read["/sys/kernel"] is None
    assert await refusal(values, missing, "1") == ("NOT-FOUND", errno.ENOENT)
    code, number = await refusal(values, release, "6.1")  # not even root may write it
    assert (code, number in (errno.EACCES, errno.EPERM)) == ("UNSUPPORTED", True)
    assert await values.write("/proc/self/oom_score_adj", Path("/proc/self/oom_score_adj").read_text().strip())


async def test_a_value_that_the_kernel_does_not_take() -> None:
    assert await refusal(LinuxKernelValues(), "/proc/self/oom_score_adj", "words") == ("UNSUPPORTED", errno.EINVAL)


async def test_a_shorter_value_replaces_a_longer_one(tmp_path: Path) -> None:
    """On a recorded tree, whose files are not the kernel's."""
    (tmp_path / "sys").mkdir()
    (tmp_path / "sys/value").write_text("1024\n")
    assert await LinuxKernelValues(tmp_path).write("/sys/value", "8") == "8"
    assert (tmp_path / "sys/value").read_text() == "8\n"
