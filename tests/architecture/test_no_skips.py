"""The plugin of `.ci/run` that makes a skip a failure."""

import subprocess
import sys

import pytest

WRITTEN = """
import pytest

def test_runs(): pass

def test_skips(): pytest.skip({reason!r})

@pytest.mark.skip(reason={reason!r})
def test_is_marked(): pass

@pytest.mark.xfail(strict=True)
def test_fails_as_expected(): assert False

@pytest.fixture
def missing(): pytest.skip({reason!r})

def test_has_a_fixture_that_skips(missing): pass
"""


def outcome(repository, directory, text: str) -> str:
    path = directory / "test_written.py"
    path.write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.support.no_skips", "-p", "no:cacheprovider", "-q", "-c", "/dev/null",
         "--rootdir", str(directory), str(path)],
        cwd=repository.base, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return done.stdout.splitlines()[-1]


def test_a_skip_fails(repository, tmp_path):
    assert outcome(repository, tmp_path, WRITTEN.format(reason="no libvirt")).startswith(
        "1 failed, 1 passed, 1 xfailed, 2 errors"
    )


def test_a_reason_on_the_list_is_a_skip(repository, tmp_path):
    text = WRITTEN.format(reason="may not mount a small file system: no permission")
    assert outcome(repository, tmp_path, text).startswith("1 passed, 3 skipped, 1 xfailed")


@pytest.mark.parametrize(
    "text", ["import pytest\npytest.importorskip('no_such_module')\n",
             "import pytest\npytest.skip('not here', allow_module_level=True)\n"],
)  # fmt: skip
def test_a_module_that_skips_itself_fails(repository, tmp_path, text):
    assert outcome(repository, tmp_path, text).startswith("1 error")
