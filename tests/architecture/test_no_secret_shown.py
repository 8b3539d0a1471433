"""No object of ours shows a secret when it is printed, and no traceback of a damaged private file quotes it."""

import dataclasses
import importlib
import inspect
import os
import pkgutil
import ssl
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

import guestwire
from guestwire.agent import identity
from guestwire.agent.config import BrokerSection
from guestwire.link.transport import Options
from guestwire.model.errors import GuestwireError
from guestwire.protocol.enrolment import EnrolmentCode, EnrolRequest, parse_code
from guestwire.protocol.key_files import format_private
from guestwire.protocol.signing import SigningKey
from guestwire.sdk import credentials
from guestwire.sdk.answers import CallOptions
from guestwire.sdk.contexts import Context
from guestwire.sdk.credentials import Credentials
from guestwire.site.ca import make_root_ca
from guestwire.site.certificates import Issued, key_pem, load_key, new_key
from guestwire.site.files import read_signing_key

SECRET_NAMES = ("password", "passwd", "passphrase", "secret", "seed", "private", "token")
NO_SECRETS = {
    "agent.config.BrokerSection.password_file": "where it is",
    "broker_test.gate.Gate.passwords": "hashes",
    "broker_test.options.Listener.passwords": "where they are",
    "agent.telemetry.coarsening.Coarsening.seed": "a number that a checksum begins with",
    "agent.telemetry.paging.Page.seed": "a number that a checksum begins with",
    "controller.api.audit.AuditShown.token_id": "its name",
    "controller.api.carried.Carried.secret": "whether the answer has one",
    "controller.api.gate.Identities.tokens": "the service",
    "controller.api.users.Me.token": "its name",
    "controller.composing.web.People.tokens": "the service",
    "controller.config.Connection.password_file": "where it is",
    "controller.config.Connection.token_file": "where it is",
    "controller.config.DatabaseSection.password_file": "where it is",
    "controller.config.MetricsSection.token_file": "where it is",
    "controller.store.audit_rows.AuditRow.token_id": "its name",
    "controller.store.rollouts.Rollout.token": "its name and what it may",
    "controller.users.person.Person.token": "its name and what it may",
    "controller.users.tokens.NewToken.token": "its name and what it may; its text is hidden",
    "protocol.comm_models.LockView.token": "a number that orders the holders of a lock",
    "sdk.contexts.Context.password_file": "where it is",
    "sdk.contexts.Context.token_file": "where it is",
}
HIDDEN = bytes(range(7, 250, 8))[:31] + b"\xfb"  # 32 bytes that nothing else has in it
TEXT = "qu0ted-n0where-staple"


def forms(secret: bytes) -> tuple[str, ...]:
    """How it might be printed."""
    return (secret.hex(), repr(secret)[2:-1], secret.decode("latin-1"), repr(list(secret)))


def shows(text: str, secret: bytes, pieces: int = 8) -> bool:
    """Whether a part of it of `pieces` bytes is in the text in any form."""
    parts = [secret[at : at + pieces] for at in range(len(secret) - pieces + 1)]
    return any(form in text for part in parts for form in forms(part)[:3])


# -- what is printed


def _holders() -> Iterator[tuple[str, object, bytes]]:
    key = SigningKey(HIDDEN)
    pem = key_pem(new_key())
    code = EnrolmentCode("plant", "h1", "127.0.0.1:1", os.urandom(16), HIDDEN[:16])
    yield "SigningKey", key, HIDDEN
    yield "Credentials", Credentials("operator:eve", "eve", key, None), HIDDEN
    yield "Options", Options("h", 1, "c", password=TEXT), TEXT.encode()
    yield "Issued", Issued(b"certificate", pem), pem
    yield "CallOptions", CallOptions(mandate=HIDDEN), HIDDEN
    yield "EnrolmentCode", code, code.secret
    yield "EnrolRequest", EnrolRequest(
        site="plant", host="h1", secret=HIDDEN[:16].hex(), public_key="0" * 64, request="r", signature="0" * 128
    ), HIDDEN[:16]  # fmt: skip
    yield "nested", {"who": [dataclasses.replace(Credentials("operator:eve", "eve"), key=key)]}, HIDDEN


@pytest.mark.parametrize(("holder", "secret"), [case[1:] for case in _holders()], ids=[case[0] for case in _holders()])
def test_printing_shows_no_secret(holder: object, secret: bytes) -> None:
    for text in (repr(holder), str(holder), f"{holder}", f"{[holder]!r}"):
        assert not shows(text, secret), text.replace(TEXT, "the secret")


def _classes() -> Iterator[type]:
    """Every dataclass and model of ours, but of what needs libvirt's library."""
    for found in pkgutil.walk_packages(guestwire.__path__, "guestwire."):
        if "libvirt" in found.name or found.name.endswith("__main__"):
            continue
        module = importlib.import_module(found.name)
        for _, value in inspect.getmembers(module, inspect.isclass):
            if value.__module__ == found.name and (dataclasses.is_dataclass(value) or issubclass(value, BaseModel)):
                yield value


def _shown(value: type) -> Iterator[str]:
    """The fields that the generated `__repr__` has."""
    if issubclass(value, BaseModel):
        yield from (name for name, field in value.model_fields.items() if field.repr)
    else:
        yield from (field.name for field in dataclasses.fields(value) if field.repr)


def test_no_field_that_is_called_a_secret_is_printed() -> None:
    classes = set(_classes())
    assert len(classes) > 300
    named = {
        f"{value.__module__.removeprefix('guestwire.')}.{value.__name__}.{name}"
        for value in classes
        for name in _shown(value)
        if any(word in name for word in SECRET_NAMES)
    }
    assert named == set(NO_SECRETS)


@dataclasses.dataclass
class _Open:
    password: str
    hidden_password: str = dataclasses.field(repr=False)


def test_a_field_that_would_be_printed_is_seen() -> None:
    assert list(_shown(_Open)) == ["password"]


# -- what a traceback says


def _private(path: Path, data: bytes) -> Path:
    path.touch(mode=0o600)
    path.write_bytes(data)
    return path


DAMAGE: dict[str, Callable[[str], str]] = {
    "a letter": lambda text: text.replace(HIDDEN.hex()[20:22], "zz", 1),
    "cut off": lambda text: text[:-3],
    "the first line": lambda text: text.replace("guestwire", "gestwire"),
    "another line": lambda text: text + text,
    "no text": lambda text: text + "\udcff\udcfe",
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("read", [credentials.read_private_key, read_signing_key, identity.host_key])
def test_a_damaged_key_file_is_not_quoted(damage: str, read: Callable[[Path], object], tmp_path: Path) -> None:
    text = DAMAGE[damage](format_private(SigningKey(HIDDEN)))
    path = _private(tmp_path / "k", text.encode(errors="surrogateescape"))
    with pytest.raises(GuestwireError) as raised:
        read(path)
    said = "".join(traceback.format_exception(raised.value)) + repr(raised.value.detail)
    assert raised.value.code == "KEY-FILE-INVALID"
    assert not shows(said, HIDDEN)


@pytest.mark.parametrize("cut", [60, 120, 180])
def test_a_damaged_pem_is_not_quoted(cut: int) -> None:
    pem = key_pem(new_key())
    damaged = pem[:cut] + b"!" + pem[cut + 1 :]
    with pytest.raises(GuestwireError) as raised:
        load_key(damaged)
    assert not shows("".join(traceback.format_exception(raised.value)), pem[60:], 12)


def test_a_mistyped_code_is_not_quoted() -> None:
    text = EnrolmentCode("plant", "h1", "127.0.0.1:1", os.urandom(16), os.urandom(16)).text
    with pytest.raises(GuestwireError) as raised:
        parse_code(text[:-1] + ("0" if text[-1] != "0" else "1"))
    assert not shows("".join(traceback.format_exception(raised.value)), text.encode(), 12)


def test_a_request_to_enrol_that_does_not_fit_shows_no_secret() -> None:
    values: dict[str, Any] = {
        "site": "plant", "host": "NOT A HOST", "secret": HIDDEN[:16].hex(), "public_key": "0" * 64, "request": "r",
        "signature": "0" * 128,
    }  # fmt: skip
    with pytest.raises(ValidationError) as raised:
        EnrolRequest.model_validate(values)
    assert not shows(str(raised.value), HIDDEN[:16])


def test_a_password_file_that_is_open_is_not_quoted(tmp_path: Path) -> None:
    path = _private(tmp_path / "password", TEXT.encode())
    path.chmod(0o644)
    context = Context(site="plant", brokers=("mqtt://b",), password_file=str(path))
    for read in (
        lambda: credentials.read_password(context),
        lambda: identity.password(BrokerSection(username="h1", password_file=path)),
    ):
        with pytest.raises(GuestwireError) as raised:
            read()
        assert TEXT not in "".join(traceback.format_exception(raised.value)) + repr(raised.value.detail)


def test_a_tls_context_shows_no_key(tmp_path: Path) -> None:
    """Neither does the error of a certificate and a key that do not fit."""
    import datetime

    now = datetime.datetime.fromtimestamp(time.time(), datetime.UTC)
    one, other = make_root_ca("plant", now), make_root_ca("plant", now)
    certificate = tmp_path / "c"
    certificate.write_bytes(one.certificate)
    key = _private(tmp_path / "k", other.key)
    with pytest.raises(ssl.SSLError) as raised:
        ssl.create_default_context().load_cert_chain(certificate, key)
    assert not shows("".join(traceback.format_exception(raised.value)), other.key[60:], 12)
