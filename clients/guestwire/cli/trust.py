"""`guestwire trust`: which trust document this client believes by, and which one each host has."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from guestwire.cli import failures
from guestwire.cli.settings import Noun, Settings, pass_settings
from guestwire.model.errors import GuestwireError

if TYPE_CHECKING:
    from guestwire.protocol.operation_models import TrustShown
    from guestwire.protocol.trust import Trust
    from guestwire.sdk.bulk import Outcome
    from guestwire.sdk.client import Client
    from guestwire.sdk.contexts import Context
    from guestwire.sdk.trust_store import TrustStore

Revision = tuple[int, int]


@click.group("trust", cls=Noun)
def trust() -> None:
    """The trust document of this client and of the hosts: show, update, push."""


@trust.command("show")
@click.option("--all", "hosts_too", is_flag=True, help="Which revision each host has.")
@pass_settings
def show(settings: Settings, hosts_too: bool) -> None:
    """The trust document of the context: whose answers are believed."""
    if hosts_too:
        _show_hosts(settings)
        return
    context, store = _store(settings)
    _tell(settings, context, store.trust)


@trust.command("update")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False), required=False)
@click.option("--host", "host", metavar="ID", help="Ask this host.")
@pass_settings
def update(settings: Settings, file: Path | None, host: str | None) -> None:
    """Take up a newer trust document: from FILE, or without one from the site's service, or from the hosts.

    It counts only if the site's root signed it, and is never older than the one before.
    """
    from guestwire.protocol.trust_file import MAX_BYTES

    context, store = _store(settings)
    before = store.trust.revision
    if file is not None:
        with file.open("rb") as opened:
            store.take_up(opened.read(MAX_BYTES + 1))
    elif context.authority is not None and host is None:
        _from_service(context, store)
    else:
        _from_hosts(settings, host)
        store = _store(settings)[1]
    failures.remark(settings, "newer than before" if store.trust.revision != before else "nothing newer")
    _tell(settings, context, store.trust)


@trust.command("push")
@click.argument("hosts", metavar="HOST...", nargs=-1)
@click.option(
    "--file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="This document; without it the one of the context.",
)
@pass_settings
def push(settings: Settings, hosts: tuple[str, ...], file: Path | None) -> None:
    """Have hosts take up a trust document. Without HOST: every host that it knows. Anybody may bring one: it proves itself."""
    from guestwire.cli.trust_giving import give_to_hosts
    from guestwire.protocol.trust_file import MAX_BYTES

    if file is None:
        data = _store(settings)[1].trust.data
    else:
        with file.open("rb") as opened:
            data = opened.read(MAX_BYTES)
    give_to_hosts(settings, data, hosts)


def _store(settings: Settings) -> "tuple[Context, TrustStore]":
    """Raises CONFIG-INVALID where the context has no trust document."""
    import asyncio

    from guestwire.cli.run import chosen_context
    from guestwire.sdk.credentials import read_store

    name, context = asyncio.run(chosen_context(settings))
    if context.trust is None or context.root is None:
        raise GuestwireError("CONFIG-INVALID", f"The context {name} has no trust and root.", field="trust")
    return context, read_store(Path(context.trust), Path(context.root))


def _from_service(context: "Context", store: "TrustStore") -> None:
    import asyncio

    from guestwire.sdk.trust_authority import fetch

    assert context.authority is not None
    assert context.ca is not None
    data = asyncio.run(fetch(context.authority, context.ca, store.trust.revision))
    if data is not None:
        store.take_up(data)


def _from_hosts(settings: Settings, host: str | None) -> None:
    from guestwire.cli.outcomes import end_with
    from guestwire.cli.run import with_client
    from guestwire.cli.targets import all_hosts
    from guestwire.sdk.bulk import each

    async def work(client: "Client") -> "tuple[Outcome[str, bool], ...]":
        hosts = (host,) if host is not None else await all_hosts(client, (), settings)
        return await each(hosts, client.refresh_trust)

    outcomes = with_client(settings, work)
    if not any(outcome.error is None for outcome in outcomes):
        end_with(settings, outcomes)


def _tell(settings: Settings, context: "Context", trust: "Trust") -> None:
    from guestwire.cli.output import View, write_one
    from guestwire.protocol.signing import key_id
    from guestwire.protocol.trust_file import in_words
    from guestwire.sdk.hosts import listed_hosts

    hosts = listed_hosts(trust)
    root = key_id(trust.roots[-1]).hex()
    facts = [
        ("site", trust.site),
        ("revision", in_words(trust.revision)),
        ("root", root if len(trust.roots) == 1 else f"{root}, {len(trust.roots) - 1} after the one that is pinned"),
        ("hosts", ", ".join(hosts) or "none"),
        ("keys", str(len(trust.signers))),
        ("file", context.trust or "-"),
        ("service", context.authority or "-"),
    ]
    values = {"site": trust.site, "revision": list(trust.revision), "root": root, "hosts": list(hosts)}
    view: View[Trust] = View((), name=lambda t: in_words(t.revision), document=lambda _: values)
    write_one(settings, trust, view, facts)


def _show_hosts(settings: Settings) -> None:
    from guestwire.cli.outcomes import end_with
    from guestwire.cli.output import Column, View, write_all
    from guestwire.cli.run import options, with_client
    from guestwire.cli.targets import all_hosts
    from guestwire.protocol.operation_models import TrustKnown
    from guestwire.protocol.trust_file import in_words
    from guestwire.sdk.bulk import each

    async def work(client: "Client") -> "tuple[Revision, tuple[Outcome[str, TrustShown], ...]]":
        known = client.trust.revision if client.trust is not None else (0, 0)

        async def one(host: str) -> "TrustShown":
            return (await client.host(host).trust_show(TrustKnown(revision=known), options(settings))).reply

        return known, await each(await all_hosts(client, (), settings), one)

    known, outcomes = with_client(settings, work)

    def state(outcome: "Outcome[str, TrustShown]") -> str:
        if outcome.result is None:
            return "unknown"
        if outcome.result.revision == known:
            return "as here"
        return "newer" if outcome.result.revision > known else "behind"

    view: View[Outcome[str, TrustShown]] = View(
        columns=(
            Column("HOST", lambda o: o.target),
            Column("REVISION", lambda o: in_words(o.result.revision) if o.result else "-"),
            Column("STATE", state, style=lambda o: "good" if state(o) == "as here" else "warn"),
        ),
        name=lambda o: o.target,
        document=lambda o: {
            "host": o.target, "revision": list(o.result.revision) if o.result else None, "state": state(o),
        },
        none="no hosts",
    )  # fmt: skip
    write_all(settings, view, outcomes)
    end_with(settings, outcomes)
