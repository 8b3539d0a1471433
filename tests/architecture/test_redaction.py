"""The search for secrets in what a test run left: it finds one in every form, tells none, and sees what the run said."""

import base64
import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redaction

from guestwire.protocol.enrolment import EnrolmentCode
from guestwire.protocol.key_files import format_private
from guestwire.protocol.signing import SigningKey
from guestwire.site.certificates import key_pem, new_key

ROOT = Path(__file__).parents[2]
PASSWORD = b"wr0ng-h0rse-battery"


class Run:
    """What a run may leave: a private file of each kind, and a log."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.key = SigningKey.generate()
        self.tls = new_key()
        self.pem = key_pem(self.tls)
        self.code = EnrolmentCode("plant", "h1", "127.0.0.1:8443", os.urandom(16), os.urandom(16))
        self.log = base / "a" / "test_x0" / "h1" / "agent.log"
        self.log.parent.mkdir(parents=True)
        self.log.write_text("a line of the log\n")
        self.put("a/test_x0/site/root/root.key", format_private(self.key, "root").encode())
        self.put("a/test_x0/site/hosts/copy", format_private(self.key).encode())  # as private as the other
        self.put("a/test_x0/site/tls/h1.key", self.pem)
        self.put("a/test_x0/password", PASSWORD + b"\n")
        self.put("record/codes-7.txt", f"\n== pipe 1, in t\n{self.code.text}\n".encode())

    def put(self, name: str, data: bytes) -> Path:
        path = self.base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    @property
    def scalar(self) -> bytes:
        return self.tls.private_numbers().private_value.to_bytes(32, "big")


@pytest.fixture
def gone(tmp_path: Path) -> Iterator[Path]:
    """A directory that is taken away at once: the run that this test is in is searched too."""
    yield tmp_path
    shutil.rmtree(tmp_path)


@pytest.fixture
def run(gone: Path) -> Run:
    return Run(gone)


def test_a_run_that_leaks_nothing(run: Run) -> None:
    found = redaction.check(run.base)
    assert found.secrets == {"TLS key": 1, "enrolment code": 1, "password": 1, "signing key": 1}
    assert (found.leaks, found.files, found.records) == ((), 6, 1)
    assert found.too_little.keys() == {"secrets", "files", "records"}


LEAKS: dict[str, tuple[str, Callable[[Run], bytes]]] = {
    "the line of a key file": ("signing key", lambda run: f"ed25519 {run.key.raw.hex()}".encode()),
    "raw": ("signing key", lambda run: b"\0\x01" + run.key.raw + b"\xff"),
    "hex": ("signing key", lambda run: f'{{"seed": "{run.key.raw.hex()}"}}'.encode()),
    "HEX": ("signing key", lambda run: run.key.raw.hex().upper().encode()),
    "hex with colons": ("signing key", lambda run: run.key.raw.hex(":").encode()),
    "base64": ("signing key", lambda run: base64.b64encode(run.key.raw)),
    "base64 in a document": (
        "signing key",
        lambda run: json.dumps({"k": base64.b64encode(run.key.raw).decode()}).encode(),
    ),
    "base64 for URLs": ("signing key", lambda run: base64.urlsafe_b64encode(run.key.raw)),
    "as Python shows bytes": ("signing key", lambda run: f"SigningKey(raw={run.key.raw!r})".encode()),
    "a half of it": ("signing key", lambda run: run.key.raw.hex()[:32].encode()),
    "PEM": ("TLS key", lambda run: run.pem),
    "PEM in a document": ("TLS key", lambda run: json.dumps(run.pem.decode()).encode()),
    "PEM without line breaks": ("TLS key", lambda run: run.pem.replace(b"\n", b"")),
    "the number of a TLS key": ("TLS key", lambda run: run.scalar.hex().encode()),
    "password": ("password", lambda run: b"connecting as h1:" + PASSWORD),
    "password in base64": ("password", lambda run: base64.b64encode(PASSWORD)),
    "code": ("enrolment code", lambda run: b"asked with " + run.code.text.encode()),
    "code without hyphens": ("enrolment code", lambda run: run.code.text.replace("-", "").encode()),
    "the secret of a code": ("enrolment code", lambda run: run.code.secret.hex().encode()),
}


@pytest.mark.parametrize("how", LEAKS)
def test_a_leak_is_found_and_not_told(how: str, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    kind, leak = LEAKS[how]
    run.log.write_bytes(b"a line\n" + leak(run) + b"\nanother\n")
    assert redaction.tell(redaction.check(run.base), run.base, whole=False) == 1
    said = capsys.readouterr().out
    assert f"LEAK: a/test_x0/h1/agent.log has a {kind}" in said
    for hidden in (run.key.raw.hex(), run.pem.decode().splitlines()[1], PASSWORD.decode(), run.code.text[5:17]):
        assert hidden not in said


def test_a_secret_that_one_private_file_has_is_no_business_of_another(run: Run) -> None:
    run.put("a/other/h1.key", run.pem + f"# {run.key.raw.hex()}\n".encode())
    (leak,) = redaction.check(run.base).leaks
    assert (leak.kind, leak.file.name) == ("signing key", "h1.key")


def test_what_is_no_secret(gone: Path) -> None:
    """Keys that a test counts with are everywhere; hashes of passwords are what a broker is given."""
    for number, raw in enumerate((bytes(32), bytes(range(32)), b"\x07" * 32)):
        (gone / f"{number}.key").write_text(format_private(SigningKey(raw)))
    (gone / "password").write_text("eve:$7$101$c2FsdHNhbHQ=$aGFzaGhhc2g=\n")
    (gone / "log").write_bytes(bytes(4096) + bytes(range(256)) + b"eve:$7$101$")
    found = redaction.check(gone)
    assert (found.secrets, found.leaks) == ({}, ())


def test_where_a_password_may_be(run: Run) -> None:
    """A test has it in its source, and a program is given it in a file by any name."""
    run.put("a/sdist/tests/test_x.py", b'PASSWORD = "' + PASSWORD + b'"\n')
    run.put("a/credentials/h1", PASSWORD + b"\n")
    assert redaction.check(run.base).leaks == ()


def test_a_whole_run_that_was_not_seen_is_a_fault(run: Run) -> None:
    program = [sys.executable, ROOT / "tests/support/redaction.py", run.base]
    assert subprocess.run(program, capture_output=True, timeout=60).returncode == 0
    whole = subprocess.run([*program, "--whole"], capture_output=True, timeout=60)
    assert whole.returncode == 1
    assert b"that is not a whole run" in whole.stdout


LEAKY = """
    import asyncio, subprocess, sys
    from click import argument, command, echo
    from click.testing import CliRunner
    from guestwire.protocol.key_files import format_private
    from guestwire.protocol.signing import SigningKey

    SAYS = [sys.executable, "-c", "import sys; print(sys.stdin.read())"]

    def _key(path):
        key = SigningKey.generate()
        (path / "k").write_text(format_private(key))
        return key.raw.hex()

    def test_of_a_child(tmp_path):
        subprocess.run(SAYS, input=_key(tmp_path), text=True, capture_output=True, check=True)

    async def test_of_a_child_of_asyncio(tmp_path):
        child = await asyncio.create_subprocess_exec(*SAYS, stdin=-1, stdout=-1)
        await child.communicate(_key(tmp_path).encode())

    def test_of_an_argument(tmp_path):
        subprocess.run([sys.executable, "-c", "", _key(tmp_path)], check=True)

    def test_of_a_command(tmp_path):
        @command()
        @argument("text")
        def says(text):
            raise ValueError(text)
        CliRunner().invoke(says, [_key(tmp_path)])

    def test_that_prints(tmp_path):
        print(_key(tmp_path))

    def test_that_fails(tmp_path):
        assert _key(tmp_path) == ""

    def test_that_keeps_it(tmp_path):
        _key(tmp_path)
"""


def test_what_tests_say_is_recorded(gone: Path) -> None:
    """Nothing of it is in a file of the tests: what children and commands said is gone when the test is."""
    (gone / "test_leaky.py").write_text(textwrap.dedent(LEAKY))
    run = gone / "run"
    run.mkdir()
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-p", "tests.support.run_record", "-p", "no:cacheprovider",
            "-o", "asyncio_mode=auto", f"--rootdir={gone}", f"--basetemp={run / 'a'}", gone / "test_leaky.py",
        ],
        cwd=ROOT, env={**os.environ, "GUESTWIRE_TEST_RECORD": str(run / "record")}, capture_output=True, timeout=120,
    )  # fmt: skip
    assert b"1 failed, 6 passed" in done.stdout, done.stdout.decode()
    found = redaction.check(run)
    assert found.secrets == {"signing key": 7}
    assert [leak.file.parent.name for leak in found.leaks] == ["record"]
    (record,) = (run / "record").iterdir()
    said = record.read_text()
    keys = {path.parent.name: path.read_text().split()[-1] for path in (run / "a").rglob("k")}
    leaked = {test.removesuffix("0") for test, key in keys.items() if key in said}
    assert leaked == {test.removesuffix("0") for test in keys} - {"test_that_keeps_it"}
