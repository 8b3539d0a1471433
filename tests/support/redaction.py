"""Whether a secret that a test run made is in anything else that the run left: `python tests/support/redaction.py DIRECTORY`.

The secrets are taken from the private files below DIRECTORY, which are known by how they begin or what they are called:
Ed25519 keys, PEM private keys, passwords, enrolment codes. Every other file is searched for them: logs, journals, traces,
databases, and what `run_record` kept of processes, commands and tests. As bytes, in hexadecimal, in base64, as Python prints
bytes. Nothing that is said about a leak holds any part of it.

Ends with 1 for a leak, and for a whole run (`--whole`) that made or said suspiciously little.
"""

import argparse
import base64
import os
import re
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from guestwire.model.errors import GuestwireError
from guestwire.protocol.enrolment import parse_code
from guestwire.protocol.key_files import parse_private

PRIVATE_BYTES = 64 * 1024
"""No private file is larger."""
SEARCHED_BYTES = 64 << 20
"""On disk. Images of guests are larger, and nothing of ours writes into them."""
AT_LEAST = {"secrets": 1500, "files": 5000, "records": 2000}
"""Of a whole run; it has more than twice as many. Fewer: the tests' directories, or their output, were not found."""

_LETTERS = 28
"""Of the written forms so much is looked for: as good as all of it, and a part that leaked is found too."""
_RAW_BYTES = 8
_SHORTEST_PASSWORD = 8
_CODE = re.compile(rb"gwe1(?:-[0-9a-z]{1,5}){8,}")
_PASSWORD_FILE = re.compile(r"(?:^|[._-])password(?:[._-]|$)", re.IGNORECASE)
_HASHED = re.compile(rb"^[^\n:]+:\$[67]\$", re.MULTILINE)
_FILES_AT_ONCE = 500
_GREP_S = 300


@dataclass(slots=True)
class Secret:
    """`forms`: what must be nowhere else. `homes`: the files that it is in by right."""

    kind: str
    forms: frozenset[bytes]
    homes: set[Path] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Leak:
    """A kind of secret in a file that it has no business in, and where it came from. The secret itself is not in it."""

    kind: str
    file: Path
    home: Path


@dataclass(frozen=True, slots=True)
class Found:
    """How much of a run was seen, and what was wrong with it. `records`: things that were said, by children, commands, tests."""

    secrets: dict[str, int]
    files: int
    records: int
    passed_over: int
    leaks: tuple[Leak, ...]

    @property
    def too_little(self) -> dict[str, int]:
        """What a whole run has more of."""
        seen = {"secrets": sum(self.secrets.values()), "files": self.files, "records": self.records}
        return {name: seen[name] for name, least in AT_LEAST.items() if seen[name] < least}


def check(run: Path) -> Found:
    """Look through everything below a directory. Nothing of ours may still be running."""
    searched, passed_over = _files(run)
    secrets = _secrets(searched)
    leaks = tuple(_leaks(searched, secrets.values()))
    kinds = sorted({secret.kind for secret in secrets.values()})
    counted = {kind: sum(secret.kind == kind for secret in secrets.values()) for kind in kinds}
    records = sum(path.read_bytes().count(b"\n== ") for path in searched if path.parent == run / "record")
    return Found(counted, len(searched), records, passed_over, leaks)


def _files(run: Path) -> tuple[list[Path], int]:
    """Regular files that are not too large to search, and how many were."""
    found, large = [], 0
    for folder, _, names in os.walk(run):
        for name in names:
            path = Path(folder, name)
            try:
                status = path.lstat()
            except OSError:
                continue
            if not stat.S_ISREG(status.st_mode):
                continue
            if status.st_blocks * 512 > SEARCHED_BYTES or status.st_size > 16 * SEARCHED_BYTES:
                large += 1
            else:
                found.append(path)
    return found, large


# -- what is secret


def _secrets(files: Iterable[Path]) -> dict[bytes, Secret]:
    """By the secret's bytes."""
    found: dict[bytes, Secret] = {}
    for path in files:
        try:
            if path.stat().st_size > PRIVATE_BYTES:
                continue
            data = path.read_bytes()
        except OSError:
            continue
        for kind, raw, more in secrets_in(path.name, data):
            secret = found.setdefault(raw, Secret(kind, frozenset(_forms(kind, raw)) | frozenset(more)))
            secret.homes.add(path)
    return found


def secrets_in(name: str, data: bytes) -> Iterator[tuple[str, bytes, tuple[bytes, ...]]]:
    """The secrets of a private file: kind, bytes, and forms besides the usual ones. Nothing for any other file."""
    if data.startswith(b"guestwire-key 1 private"):
        try:
            raw = parse_private(data.decode("ascii", "replace")).raw
        except GuestwireError:  # damaged, to see what happens
            return
        if _random(raw):
            yield "signing key", raw, ()
    elif data.startswith(b"-----BEGIN") and b"PRIVATE KEY-----" in data[:64]:
        yield from _of_pem(data)
    elif data.startswith((b"gwe1-", b"\n== ")) and (name.startswith("codes-") or data.startswith(b"gwe1-")):
        yield from _of_codes(data)
    elif _PASSWORD_FILE.search(name) and _HASHED.search(data) is None:
        line = data.split(b"\n", 1)[0].strip()
        if _SHORTEST_PASSWORD <= len(line) <= 200 and line.isascii():
            yield "password", line, ()


def _of_pem(data: bytes) -> Iterator[tuple[str, bytes, tuple[bytes, ...]]]:
    try:
        key = load_pem_private_key(data, None)
    except (ValueError, TypeError):  # damaged or encrypted, to see what happens
        return
    if isinstance(key, ec.EllipticCurvePrivateKey):
        raw = key.private_numbers().private_value.to_bytes((key.key_size + 7) // 8, "big")
    elif isinstance(key, rsa.RSAPrivateKey):
        raw = key.private_numbers().p.to_bytes(key.key_size // 16, "big")
    elif isinstance(key, ed25519.Ed25519PrivateKey):
        raw = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    else:
        return
    lines = data.split(b"\n")
    # the first line of a body says what kind of key it is, the second is the key's alone
    yield "TLS key", raw, tuple(line.strip()[:_LETTERS] for line in lines[2:3] if len(line) >= _LETTERS)


def _of_codes(data: bytes) -> Iterator[tuple[str, bytes, tuple[bytes, ...]]]:
    for text in {match[0] for match in _CODE.finditer(data)}:
        try:
            secret = parse_code(text.decode()).secret
        except GuestwireError:
            continue
        if _random(secret):
            yield "enrolment code", secret, (text[5:40], text.replace(b"-", b"")[4:36])


def _random(raw: bytes) -> bool:
    """No secret of a test that counts or repeats bytes: those are in every second file."""
    steps = {(after - before) % 256 for before, after in pairwise(raw)}
    return len(set(raw)) > len(raw) // 3 and len(steps) > 2


def _forms(kind: str, raw: bytes) -> Iterator[bytes]:
    if kind == "password":
        yield raw
        yield from (word for word in (raw.hex().encode(), base64.b64encode(raw).rstrip(b"=")) if len(word) >= 16)
        return
    yield raw.hex()[:_LETTERS].encode()
    yield raw.hex().upper()[:_LETTERS].encode()
    yield raw.hex(":")[: 2 * _LETTERS].encode()
    whole = len(raw) // 3 * 4  # of the last group the text depends on what follows
    yield base64.b64encode(raw)[: min(whole, _LETTERS)]
    yield base64.urlsafe_b64encode(raw)[: min(whole, _LETTERS)]
    yield repr(raw)[2:-1].encode()[: 2 * _LETTERS]
    line = max(raw.split(b"\n"), key=len)  # the search goes by lines
    if len(line) >= _RAW_BYTES:
        yield line


# -- where it is


def _leaks(files: Sequence[Path], secrets: Iterable[Secret]) -> Iterator[Leak]:
    by_form: dict[bytes, Secret] = {form: secret for secret in secrets for form in secret.forms}
    if not by_form:
        return
    told: set[tuple[str, Path]] = set()
    for file, form in _search(files, by_form):
        secret = by_form.get(form)
        if secret is None or file in secret.homes or (secret.kind, file) in told:
            continue
        if secret.kind == "password" and _is_by_right(file, form):
            continue
        told.add((secret.kind, file))
        yield Leak(secret.kind, file, min(secret.homes))


def _is_by_right(file: Path, password: bytes) -> bool:
    """A source that a test took it from, or a file with nothing else in it, whatever it is called."""
    return file.suffix == ".py" or (file.stat().st_size <= PRIVATE_BYTES and file.read_bytes().strip() == password)


def _search(files: Sequence[Path], forms: Iterable[bytes]) -> Iterator[tuple[Path, bytes]]:
    """Every place of every form, by grep, which looks for all of them at once."""
    with tempfile.NamedTemporaryFile(prefix="gwt-forms-") as patterns:
        patterns.write(b"\n".join(sorted(forms)) + b"\n")
        patterns.flush()
        options = ["--text", "--fixed-strings", "--only-matching", "--with-filename", "--null", "--no-messages"]

        def look(at: int) -> bytes:
            done = subprocess.run(
                ["grep", *options, f"--file={patterns.name}", "--", *files[at : at + _FILES_AT_ONCE]],
                stdin=subprocess.DEVNULL, capture_output=True, env={**os.environ, "LC_ALL": "C"}, timeout=_GREP_S,
            )  # fmt: skip
            if done.returncode > 1 and done.stderr:
                raise RuntimeError(f"grep failed with {done.returncode}")
            return done.stdout

        with ThreadPoolExecutor(os.cpu_count()) as side_by_side:
            for said in side_by_side.map(look, range(0, len(files), _FILES_AT_ONCE)):
                for line in said.split(b"\n"):
                    name, _, form = line.partition(b"\0")
                    if form:
                        yield Path(os.fsdecode(name)), form


# -- as a program


def tell(found: Found, run: Path, *, whole: bool) -> int:
    """Print it; the status to end with."""
    counted = ", ".join(f"{count} {kind}s" for kind, count in found.secrets.items()) or "no secret"
    seen = f"{found.files} files ({found.passed_over} too large), with {found.records} records of what was said"
    print(f"redaction: {counted} looked for in {seen}")
    for leak in found.leaks:
        place = leak.file.relative_to(run)
        print(f"redaction: LEAK: {place} has a {leak.kind}, the one of {leak.home.relative_to(run)}{_test(leak.file)}")
    if found.leaks:
        return 1
    if whole and found.too_little:
        print(f"redaction: that is not a whole run: {found.too_little}, where there are at least {AT_LEAST}")
        return 1
    return 0


def _test(file: Path) -> str:
    return " (its `==` lines name the tests)" if file.parent.name == "record" else ""


def main() -> int:
    parser = argparse.ArgumentParser(description="Is a secret of a test run in anything else that it left?")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--whole", action="store_true", help="of all tests: less than usual is a fault")
    asked = parser.parse_args()
    return tell(check(asked.directory), asked.directory, whole=asked.whole)


if __name__ == "__main__":
    sys.exit(main())
