"""Runs every test but the long ones: `make test`. Two pytest processes at once: most tests side by side, and those that share
one libvirt one after the other, which mostly wait for guests to boot.

`python tests/run.py [pytest arguments]`: what the first says is shown as it comes, what the second says at the end. Ends with
0 when both found nothing wrong. Arguments may choose among the tests, so that one of the two has none to run; without
arguments that is a fault, and so is it with any when neither had one.

Everything that the tests write is in one directory, and what they say is recorded there. At the end it is searched for every
secret that the run has made (tests/support/redaction.py). It stays when something was wrong, and the next runs take it away.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

NO_TESTS = 5
INTERRUPTED = 128 + signal.SIGINT
STOP_S = 30.0
REDACTION_S = 600.0
PREFIX = f"gwt{os.getuid()}-"
"""Short, for sockets have their names in it."""
KEPT = 2
"""Directories of runs that found something wrong."""
SIDE_BY_SIDE = ("-m", "not libvirt and not soak")
ONE_AFTER_THE_OTHER = ("-m", "libvirt and not soak")
GIVES_WAY = ("nice", "-n", "3")
"""To the tests with real guests, which cannot wait: about half of their share. More than that starves whole pages and agents, for the
guests themselves run in sessions of their own, which the kernel gives as much as this one."""


def pytest(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pytest", *arguments]


def workers() -> str:
    """One more than there are CPUs: half of their time tests wait for the processes they started."""
    return str(len(os.sched_getaffinity(0)) + 1)


def main(arguments: list[str]) -> int:
    with directory(Path(tempfile.gettempdir())) as run:
        code = both(arguments, run)
        if code != INTERRUPTED:
            code = max(code, redacted(run, whole=not chooses(arguments)))
        if code in (0, NO_TESTS, INTERRUPTED):
            shutil.rmtree(run, ignore_errors=True)
        else:
            print(f"What the tests left is in {run}", flush=True)
        return code


@contextlib.contextmanager
def directory(base: Path) -> Iterator[Path]:
    """A directory for this run, held as long as it runs; of those that others have left and hold no more, few are kept."""
    for old in sorted(base.glob(f"{PREFIX}*"), key=lambda path: path.lstat().st_mtime)[:-KEPT]:
        with contextlib.suppress(OSError), (old / "held").open("rb") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(old, ignore_errors=True)
    run = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
    with (run / "held").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield run


def both(arguments: list[str], run: Path) -> int:
    """Both sessions; what they make together."""
    environment = {**os.environ, "GUESTWIRE_TEST_RECORD": str(run / "record")}
    # compiled once, not anew by each of the hundreds of processes that tests start
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    record = ("-p", "tests.support.run_record")
    with tempfile.TemporaryFile() as said:
        behind = subprocess.Popen(
            pytest(*ONE_AFTER_THE_OTHER, *record, f"--basetemp={run / 'b'}", *arguments),
            stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=environment,
        )  # fmt: skip
        try:
            side_by_side = ("-n", workers(), "--dist", "loadfile", "--no-loadscope-reorder", *SIDE_BY_SIDE)
            front = subprocess.run(
                [*GIVES_WAY, *pytest(*side_by_side, *record, f"--basetemp={run / 'a'}", *arguments)],
                stdin=subprocess.DEVNULL, env=environment,
            )  # fmt: skip
            behind.wait()
        except KeyboardInterrupt:
            _end(behind)
            return INTERRUPTED
        said.seek(0)
        sys.stdout.flush()
        sys.stdout.buffer.write(said.read())
        sys.stdout.flush()
    return verdict(front.returncode, behind.returncode, chosen=chooses(arguments))


def redacted(run: Path, *, whole: bool) -> int:
    """Whether no secret of the run is where it must not be: 0, or what the search ended with."""
    program = Path(__file__).parent / "support" / "redaction.py"
    options = ["--whole"] if whole else []
    try:
        return subprocess.run([sys.executable, program, *options, run], timeout=REDACTION_S).returncode
    except subprocess.TimeoutExpired:
        print(f"redaction: the search took longer than {REDACTION_S:.0f} s", flush=True)
        return 1


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
