"""`guestwire mandate`: what a person allows somebody else's key to do, within a window, so many times."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guestwire.cli.completing import hosts as complete_hosts
from guestwire.cli.settings import Noun, Settings, pass_settings

if TYPE_CHECKING:
    from guestwire.protocol.mandates import Mandate, SignedMandate
    from guestwire.protocol.trust import Risk
    from guestwire.sdk.credentials import Credentials

HOUR_MS = 3_600_000
OPTIONS = {"holder": "--holder", "hosts": "--host", "operations": "--operation", "plans": "--plan", "note": "--note"}
"""By the field of a mandate: what it is given by."""
FILE = click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))


@click.group("mandate", cls=Noun)
def mandate() -> None:
    """Allow a controller, or another operator, what its own key may not do: issue, sign, show.

    Whoever holds a mandate gives it with --mandate to the command that it allows; every host counts its uses by itself.
    `guestwire site mandate-revoke` ends one before its time.
    """


@mandate.command("issue")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--holder", required=True, metavar="PRINCIPAL", help="Whose key may use it, as controller:main.")
@click.option(
    "--operation", "operations", required=True, multiple=True, metavar="NAME", help="What it is for. Repeatable."
)
@click.option(
    "--host",
    "hosts",
    required=True,
    multiple=True,
    metavar="ID",
    shell_complete=complete_hosts,
    help="Where. Repeatable.",
)
@click.option("--plan", "plans", multiple=True, metavar="PLAN", help="Only to carry out this plan. Repeatable.")
@click.option(
    "--request", "requests", multiple=True, metavar="JSON", help='Only this request, as {"guest":"web"}. Repeatable.'
)
@click.option("--risk", type=click.IntRange(0, 3), help="Up to this class; what the operations are where left out.")
@click.option(
    "--from", "begins", type=click.DateTime(), metavar="TIME", help="When its window begins (UTC); now where left out."
)
@click.option(
    "--hours", type=click.FloatRange(min=0.01, max=168), default=8.0, show_default=True, help="How long its window is."
)
@click.option(
    "--uses", type=click.IntRange(1, 10_000), default=1, show_default=True, help="How many requests each host accepts."
)
@click.option("--note", default="", help="Why, for who reads it.")
@pass_settings
def issue_one(settings: Settings, /, file: Path, begins: Any, hours: float, **asked: Any) -> None:
    """Write a mandate, signed by the key of the context, into FILE."""
    import datetime
    import os
    import time

    from guestwire.cli.failures import remark
    from guestwire.protocol import mandates

    who = _signer(settings)
    start = (
        time.time_ns() // 1_000_000 if begins is None else round(begins.replace(tzinfo=datetime.UTC).timestamp() * 1000)
    )
    made = _made({
        "id": os.urandom(16), "site": _site(who), "holder": asked["holder"], "operations": asked["operations"],
        "hosts": asked["hosts"], "risk": _risk(asked["operations"], asked["risk"]), "not_before": start,
        "not_after": start + round(hours * HOUR_MS), "uses": asked["uses"],
        "bodies": _bodies(asked["operations"], asked["requests"]), "plans": asked["plans"], "note": asked["note"],
    })  # fmt: skip
    _may_allow(made, who)
    assert who.key is not None
    text = mandates.to_text(mandates.issue(made, (who.key,)))
    with file.open("x", encoding="ascii") as opened:
        opened.write(text)
    remark(settings, f"mandate {made.id.hex()} for {made.holder} in {file}")
    _write(settings, file, who)


@mandate.command("sign")
@FILE
@pass_settings
def sign(settings: Settings, file: Path) -> None:
    """Add the signature of the context's key to the mandate in FILE: some classes of risk need several signers."""
    from guestwire.protocol import mandates
    from guestwire.sdk import locked_file

    who = _signer(settings)
    assert who.key is not None
    key = who.key

    def signed(text: str) -> str:
        data = mandates.from_text(text)
        _may_allow(mandates.parse(data).mandate, who)
        return mandates.to_text(mandates.sign_too(data, key))

    locked_file.change(file, signed)
    _write(settings, file, who)


@mandate.command("show")
@FILE
@pass_settings
def show(settings: Settings, file: Path) -> None:
    """What the mandate in FILE allows, and who signed it."""
    _write(settings, file, _credentials(settings))


def _credentials(settings: Settings) -> "Credentials":
    import asyncio
    import time

    from guestwire.cli.run import chosen_context
    from guestwire.sdk import credentials

    _, context = asyncio.run(chosen_context(settings))
    return credentials.read(context, time.time_ns() // 1_000_000)


def _may_allow(made: "Mandate", who: "Credentials") -> None:
    """Raises OUT-OF-SCOPE where no host would take the signature, for a mandate is worth no more than who signs it."""
    from guestwire.model.errors import GuestwireError

    assert who.trust is not None
    scopes = who.trust.scopes_of(who.issuer)
    for host in made.hosts:
        for operation in made.operations:
            if not any(scope.covers(operation, host, made.risk) for scope in scopes):
                text = f"{who.issuer} may not do {operation} (R{made.risk}) on {host} himself, so that his mandate is worth nothing."
                raise GuestwireError("OUT-OF-SCOPE", text)


def _made(values: dict[str, Any]) -> "Mandate":
    """Raises BadParameter, which names the option."""
    from pydantic import ValidationError

    from guestwire.model import patterns
    from guestwire.protocol import mandates

    try:
        return mandates.Mandate(**values)
    except ValidationError as err:
        first = err.errors()[0]
        option = OPTIONS.get(str(first["loc"][0]) if first["loc"] else "")
        raise click.BadParameter(patterns.in_words(first), param_hint=option) from err


def _signer(settings: Settings) -> "Credentials":
    from guestwire.model.errors import GuestwireError

    who = _credentials(settings)
    if who.key is None or who.trust is None:
        raise GuestwireError(
            "CONFIG-INVALID", "A mandate takes a context with a key and a trust document.", field="key"
        )
    return who


def _site(who: "Credentials") -> str:
    assert who.trust is not None
    return who.trust.site


def _risk(operations: tuple[str, ...], said: "Risk | None") -> "Risk":
    """The class the operations are of by the table. That of an apply is its plan's, which only who reads the plan knows."""
    from guestwire.model.errors import GuestwireError
    from guestwire.protocol.operations import BY_NAME

    unknown = [name for name in operations if name not in BY_NAME or BY_NAME[name].effect == "none"]
    if unknown:
        text = f"{unknown[0]!r} is no operation with an effect; reads take no mandate."
        raise GuestwireError("CONFIG-INVALID", text, field="operation")
    if said is None and "config-apply" in operations:
        raise GuestwireError(
            "CONFIG-INVALID", "Say with --risk how far the plan may go, as its review says.", field="risk"
        )
    return max(BY_NAME[name].risk for name in operations) if said is None else said


def _bodies(operations: tuple[str, ...], requests: tuple[str, ...]) -> tuple[bytes, ...]:
    from pydantic import ValidationError

    from guestwire.model.errors import GuestwireError
    from guestwire.protocol.bodies import invalid_body, to_bytes
    from guestwire.protocol.envelope import body_hash
    from guestwire.protocol.operations import BY_NAME

    if requests and len(operations) != 1:
        raise GuestwireError("CONFIG-INVALID", "--request goes with one --operation.", field="request")
    try:
        return tuple(body_hash(to_bytes(BY_NAME[operations[0]].request.model_validate_json(text))) for text in requests)
    except ValidationError as err:
        raise invalid_body(err) from err


def _write(settings: Settings, file: Path, who: "Credentials") -> None:
    from guestwire.cli.output import Column, View, plain, write_one
    from guestwire.protocol import mandates

    found = mandates.parse(mandates.from_text(file.read_text(encoding="ascii", errors="replace")))
    view: View[SignedMandate] = View(
        columns=(Column("ID", lambda one: one.mandate.id.hex()),),
        name=lambda one: one.mandate.id.hex(),
        document=lambda one: {**plain(one.mandate), "signers": _signers(one, who)},
    )
    allowed = found.mandate
    facts = [
        ("mandate", allowed.id.hex()), ("site", allowed.site), ("holder", allowed.holder),
        ("operations", ", ".join(allowed.operations)), ("hosts", ", ".join(allowed.hosts)), ("risk", f"up to R{allowed.risk}"),
        ("window", f"{_utc(allowed.not_before)} to {_utc(allowed.not_after)}"), ("uses", f"{allowed.uses} at each host"),
        ("plans", ", ".join(allowed.plans) or "-"), ("requests", ", ".join(one.hex()[:16] for one in allowed.bodies) or "any"),
        ("signed by", ", ".join(_signers(found, who))), ("note", allowed.note or "-"),
    ]  # fmt: skip
    write_one(settings, found, view, facts)


def _signers(found: "SignedMandate", who: "Credentials") -> list[str]:
    """Who signed, as far as the trust document of the context knows."""
    from guestwire.protocol.signing import Domain

    named = []
    for key_id, signature in found.signatures:
        key = who.trust.key(key_id, None) if who.trust is not None else None
        if key is None:
            named.append(f"unknown key {key_id.hex()}")
        elif not key.verifying.verifies(Domain.MANDATE, found.text, signature):
            named.append(f"not {key.signer.principal}: the signature is wrong")
        else:
            named.append(key.signer.principal)
    return named


def _utc(at_ms: int) -> str:
    import datetime

    return datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
