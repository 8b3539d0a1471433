"""`guestwire key enrol`, `key list` and `key revoke`: the signing keys that a controller knows you by."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from guestwire.cli import failures
from guestwire.cli.controlled import controller_context, names, with_controller
from guestwire.cli.settings import Settings, Verb, pass_settings

if TYPE_CHECKING:
    from guestwire.cli.output import View
    from guestwire.sdk.controller import Controller
    from guestwire.sdk.controller_people import EnrolledKey


@click.command("enrol", cls=Verb)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--label", help="What you call it, as laptop; the file's name where left out.")
@pass_settings
def enrol(settings: Settings, file: Path | None, label: str | None) -> None:
    """Tell the controller that the private key in FILE is yours; without FILE the context's. The key stays where it is.

    It signs for hosts once the site's trust document knows it too (`guestwire site signer add`).
    """
    from guestwire.cli.approving import signing_key
    from guestwire.cli.output import write_all
    from guestwire.protocol.signing import Domain
    from guestwire.protocol.user_keys import proof

    context = controller_context(settings)
    mine = signing_key(context, None if file is None else str(file))
    called = label or Path(file or context.key or "key").stem

    async def work(controller: "Controller") -> "EnrolledKey":
        person = (await controller.me())["name"]
        challenge = (await controller.http.ask("POST", f"{KEYS}/challenges")).document["challenge"]
        signature = mine.sign(Domain.USER_KEY, proof(bytes.fromhex(challenge), person))
        return await controller.keys.make({
            "public_key": mine.public.raw.hex(), "challenge": challenge, "signature": signature.hex(), "label": called,
        })  # fmt: skip

    made = with_controller(settings, work)
    write_all(settings, _view(), [made])
    if not made.in_trust:
        failures.remark(settings, "no site knows it yet: have its public half added (guestwire site signer add)")


@click.command("list", cls=Verb)
@click.option("--user", metavar="USER", help="Those of another user.", shell_complete=names("users"))
@pass_settings
def list_keys(settings: Settings, user: str | None) -> None:
    """The keys that you have enrolled, and as whom hosts believe them."""
    from guestwire.cli.output import write_all
    from guestwire.sdk.controller_people import EnrolledKey

    async def work(controller: "Controller") -> "list[EnrolledKey]":
        return await controller.few(KEYS if user is None else f"{controller.users.at(user)}{KEYS}", EnrolledKey)

    write_all(settings, _view(), with_controller(settings, work))


@click.command("revoke", cls=Verb)
@click.argument("key_id", metavar="ID")
@click.option("--user", metavar="USER", help="A key of another user.", shell_complete=names("users"))
@pass_settings
def revoke(settings: Settings, key_id: str, user: str | None) -> None:
    """Have the controller take no signature of a key any more. What hosts believe, the trust document says (`site revoke`)."""
    from guestwire.cli.confirm import ask

    ask(settings, "revoke the key", 3, [key_id])

    async def work(controller: "Controller") -> None:
        where = KEYS if user is None else f"{controller.users.at(user)}{KEYS}"
        await controller.http.ask("DELETE", f"{where}/{key_id}")

    with_controller(settings, work)
    failures.remark(settings, f"{key_id}: revoked")


KEYS = "/keys"


def _view() -> "View[EnrolledKey]":
    from guestwire.cli.output import Column, View
    from guestwire.cli.times import clock_time

    def trusted(key: "EnrolledKey") -> str:
        return ", ".join(f"{one.principal} at {one.site} (R{one.risk})" for one in key.in_trust) or "no site"

    return View(
        columns=(
            Column("KEY", lambda k: k.id),
            Column("LABEL", lambda k: k.label),
            Column(
                "STATE",
                lambda k: "revoked" if k.revoked_at else "enrolled",
                style=lambda k: "bad" if k.revoked_at else None,
            ),
            Column("ENROLLED", lambda k: clock_time(k.enrolled_at)),
            Column("KNOWN AS", trusted),
        ),
        name=lambda k: k.id,
        document=lambda k: k.document,
        none="no keys",
    )
