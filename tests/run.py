"""Runs every test but the long ones: `make test`. Two pytest processes at once: most tests side by side, and those that share
one libvirt one after the other, which mostly wait for guests to boot.

`python tests/run.py [pytest arguments]`: what the first says is shown as it comes, what the second says at the end. Ends with
0 when both found nothing wrong. Arguments may choose among the tests, so that one of the two has none to run; without
arguments that is a fault, and so is it with any when neither had one.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile

NO_TESTS = 5
STOP_S = 30.0
SIDE_BY_SIDE = ("-m", "not libvirt and not soak")
ONE_AFTER_THE_OTHER = ("-m", "libvirt and not soak")


def pytest(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pytest", *arguments]


def workers() -> str:
    """One more than there are CPUs: half of their time tests wait for the processes they started."""
    return str(len(os.sched_getaffinity(0)) + 1)


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryFile() as said:
        behind = subprocess.Popen(
            pytest(*ONE_AFTER_THE_OTHER, *arguments), stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
        try:
            front = subprocess.run(
                pytest("-n", workers(), "--dist", "loadfile", *SIDE_BY_SIDE, *arguments), stdin=subprocess.DEVNULL
            )
            behind.wait()
        except KeyboardInterrupt:
            _end(behind)
            return 128 + signal.SIGINT
        said.seek(0)
        sys.stdout.flush()
        sys.stdout.buffer.write(said.read())
        sys.stdout.flush()
    return verdict(front.returncode, behind.returncode, chosen=chooses(arguments))


def verdict(front: int, behind: int, *, chosen: bool) -> int:
    """What both ends make together. Of tests that were chosen, one end may have none."""
    codes = [abs(front), abs(behind)]
    if chosen and codes.count(NO_TESTS) == 1:
        codes.remove(NO_TESTS)
    return max(codes)


def chooses(arguments: list[str]) -> bool:
    """Whether they may leave tests out: a path, a name, a mark, those that failed last."""
    return any(
        word in ("-k", "-m", "--lf", "--last-failed") or not (word.startswith("-") or before == "-p")
        for before, word in zip(["", *arguments], arguments, strict=False)
    )


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ctrl-C reached it too: it takes down what its tests made."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_S)
        return
    process.kill()
    process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
