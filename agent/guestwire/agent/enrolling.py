"""`guestwire-agent enrol`: a host becomes one of a site. Its keys are made here and never leave it.

Until all that the service gave is checked, nothing of it is in the host's identity folder. The same code and the same keys
can be tried again as often as the answer is lost, while the code lasts.
"""

import json
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from guestwire.agent import identity_folder
from guestwire.agent.admission import Applicant, Checked, certificate_request, checked, key_pem
from guestwire.agent.identity import host_key
from guestwire.agent.secret_files import read_secret
from guestwire.agent.services.generated_file import write_file
from guestwire.agent.site_service import ask, pinned
from guestwire.model.errors import GuestwireError
from guestwire.protocol.enrolment import (
    MAX_CODE_CHARACTERS,
    EnrolmentCode,
    EnrolRequest,
    enrol_to_be_signed,
    parse_address,
    parse_code,
    secret_hash,
)
from guestwire.protocol.key_files import format_private, format_public
from guestwire.protocol.signing import Domain, SigningKey

_SETTINGS = 0o644
Say = Callable[[str], object]


def read_code(given: str) -> EnrolmentCode:
    """The code itself, `-` for standard input, or `@FILE`. Raises ENROLMENT-CODE-INVALID, KEY-FILE-INVALID."""
    if given == "-":
        if sys.stdin.isatty():
            sys.stderr.write("enrolment code: ")
            sys.stderr.flush()
        text = sys.stdin.readline(MAX_CODE_CHARACTERS + 1)
    elif given.startswith("@"):
        text = read_secret(Path(given[1:]))
    else:
        text = given
    return parse_code(text.strip())


def enrol(code: EnrolmentCode, folder: Path, config: Path, say: Say, *, new_key: bool = False) -> None:
    """Enrol this host with a code: its identity in `folder`, and settings in `config` if there is no such file. `new_key`: do
    not go on with the key that it has.

    Raises what the service refuses it with, ENROLMENT-UNREACHABLE, ENROLMENT-PEER-FALSE, TRUST-INVALID, CERTIFICATE-INVALID,
    KEY-FILE-INVALID, EXISTS when another enrolment is on its way, SYSTEM-REFUSED.
    """
    try:
        with identity_folder.unfinished(folder) as made:
            applicant = Applicant(code.site, code.host, *_keys(made, folder, code, new_key=new_key))
            got = _asked(code, applicant)
            (made / identity_folder.TLS_KEY).unlink()
            (made / identity_folder.CODE).unlink()
            identity_folder.write(
                made,
                {
                    identity_folder.ROOT: format_public(got.root, f"root of site {code.site}").encode(),
                    identity_folder.TRUST: got.trust.data,
                    identity_folder.CA: got.authorities,
                    identity_folder.TLS: got.tls,
                },
            )
            identity_folder.put_in_place(made, folder)
        _configure(code, got, folder, config, say)
    except OSError as err:
        raise GuestwireError("SYSTEM-REFUSED", f"{err.filename or folder}: {err.strerror or err}") from err
    say(f"host {code.host} of site {code.site}: enrolled, key {applicant.key.id.hex()}, root {got.root.id.hex()}")


def _keys(
    made: Path, folder: Path, code: EnrolmentCode, *, new_key: bool
) -> tuple[SigningKey, ec.EllipticCurvePrivateKey]:
    """The host's key and the one of its next certificate: those of an interrupted enrolment, the host's own, or new ones. A
    key that somebody put into an identity's folder where no host enrolled yet comes before all."""
    file, note = made / identity_folder.HOST_KEY, made / identity_folder.CODE
    hashed = secret_hash(code.secret)
    same_code = note.exists() and read_secret(note) == hashed
    kept = folder / identity_folder.HOST_KEY
    brought = not new_key and kept.exists() and not (folder / identity_folder.TLS).exists()
    if file.exists() and (same_code or not new_key) and not brought:
        key = host_key(file)
    else:
        key = host_key(kept) if kept.exists() and not new_key else SigningKey.generate()
        text = format_private(key, f"host {code.host} of site {code.site}")
        identity_folder.write(made, {identity_folder.HOST_KEY: text.encode()})
    tls_file = made / identity_folder.TLS_KEY
    if not tls_file.exists():
        identity_folder.write(made, {identity_folder.TLS_KEY: key_pem(ec.generate_private_key(ec.SECP256R1()))})
    tls_key = load_pem_private_key(read_secret(tls_file).encode(), None)
    assert isinstance(tls_key, ec.EllipticCurvePrivateKey)
    identity_folder.write(made, {identity_folder.CODE: hashed.encode()})
    return key, tls_key


def _asked(code: EnrolmentCode, applicant: Applicant) -> Checked:
    request = certificate_request(applicant)
    signed = enrol_to_be_signed(code.site, code.host, secret_hash(code.secret), request)
    body = EnrolRequest(
        site=code.site, host=code.host, secret=code.secret.hex(), public_key=applicant.key.public.raw.hex(),
        request=request, signature=applicant.key.sign(Domain.ENROLMENT, signed).hex(),
    )  # fmt: skip
    context, check = pinned(code.fingerprint)
    answer = ask(parse_address(code.address), "/enrol", body.model_dump_json().encode(), context, check)
    # dates are not looked at: the clock of a new machine is often wrong, and the certificate was made for it this moment
    return checked(answer, applicant, None, None)


def _configure(code: EnrolmentCode, got: Checked, folder: Path, config: Path, say: Say) -> None:
    wanted = identity_folder.settings(folder.absolute(), code.site, code.host, got.brokers, f"https://{code.address}")
    if not config.exists():
        config.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        write_file(config, _toml(wanted).encode(), _SETTINGS)
        say(f"{config}: written")
        return
    missing = _missing(wanted, config)
    if missing:
        say(f"{config} is there already and was left as it is. It needs:\n\n{_toml(missing)}")


def _missing(wanted: dict[str, dict[str, object]], config: Path) -> dict[str, dict[str, object]]:
    """The settings that a file has not, or has otherwise."""
    try:
        have = tomllib.loads(config.read_text("utf-8"))
    except (ValueError, OSError):
        have = {}
    differ: dict[str, dict[str, object]] = {}
    for section, rows in wanted.items():
        there = have.get(section)
        known = there if isinstance(there, dict) else {}
        if other := {name: value for name, value in rows.items() if known.get(name) != value}:
            differ[section] = other
    return differ


def _toml(sections: dict[str, dict[str, object]]) -> str:
    """JSON writes texts and lists of them as TOML does."""
    lines: list[str] = []
    for section, rows in sections.items():
        lines += ["", f"[{section}]", *(f"{name} = {json.dumps(value)}" for name, value in rows.items())]
    return "\n".join(lines[1:]) + "\n"
