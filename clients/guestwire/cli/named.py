"""What a host has by name (areas, events, queues, locks, networks) is HOST/NAME: which one is meant, asked of its host,
and written as one or as many."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import click

from guestwire.cli.outcomes import end_with
from guestwire.cli.output import View, plain, write_all
from guestwire.cli.run import options, with_client
from guestwire.cli.settings import Settings
from guestwire.cli.targets import all_hosts
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.protocol.comm_models import AreaView, EventView, LockView, NetView, QueueView
from guestwire.sdk import addresses
from guestwire.sdk.answers import Answer, CallOptions
from guestwire.sdk.bulk import Outcome, each
from guestwire.sdk.client import Client
from guestwire.sdk.host_api import HostApi

LONGEST_NAME = 64


Named = AreaView | EventView | QueueView | LockView | NetView
NamedT = TypeVar("NamedT", bound=Named)
ReplyT = TypeVar("ReplyT", bound=Model)


class NameAddress(NamedTuple):
    """Something by its host and its name."""

    host: str
    name: str

    def __str__(self) -> str:
        return f"{self.host}/{self.name}"


@dataclass(frozen=True, slots=True)
class Row(Generic[NamedT]):
    """Something of a host, as that host told it. `verified`: its signature vouches for it."""

    host: str
    of: NamedT
    verified: bool

    @property
    def address(self) -> str:
        return f"{self.host}/{self.of.name}"

    def document(self) -> dict[str, Any]:
        """As plain values."""
        return {"host": self.host, "verified": self.verified, **plain(self.of)}


def name_address(client: Client, text: str) -> NameAddress:
    """HOST/NAME, or NAME alone where there is one host. Raises click.UsageError."""
    host, slash, name = text.partition("/")
    if not slash:
        if client.only_host is None:
            raise click.UsageError(f"{text!r} names no host: write HOST/NAME.")
        host, name = client.only_host, text
    try:
        addresses.check_host(host)
    except GuestwireError as err:
        raise click.UsageError(err.message) from err
    if not 1 <= len(name) <= LONGEST_NAME:
        raise click.UsageError(f"{text!r} is not HOST/NAME: a name has 1 to {LONGEST_NAME} characters.")
    return NameAddress(host, name)


def asked(
    settings: Settings, text: str, act: Callable[[HostApi, str, CallOptions], Awaitable[Answer[NamedT]]]
) -> Row[NamedT]:
    """What the host answers about the one that a text names. Raises click.UsageError, GuestwireError."""

    async def work(client: Client) -> Row[NamedT]:
        address = name_address(client, text)
        answer = await act(client.host(address.host), address.name, options(settings))
        return Row(address.host, answer.reply, answer.verified)

    return with_client(settings, work)


def write_list(
    settings: Settings,
    hosts: Sequence[str],
    view: View[Row[NamedT]],
    ask: Callable[[HostApi, CallOptions], Awaitable[Answer[ReplyT]]],
    things: Callable[[ReplyT], Sequence[NamedT]],
) -> None:
    """Write what the hosts have, those named or every one that is there; leave with the code of what failed."""

    async def work(client: Client) -> tuple[Outcome[str, list[Row[NamedT]]], ...]:
        async def one(host: str) -> list[Row[NamedT]]:
            answer = await ask(client.host(host), options(settings))
            return [Row(host, thing, answer.verified) for thing in things(answer.reply)]

        return await each(await all_hosts(client, hosts, settings), one)

    outcomes = with_client(settings, work)
    rows = [row for outcome in outcomes for row in outcome.result or ()]
    if rows or settings.for_programs or all(outcome.error is None for outcome in outcomes):
        write_all(settings, view, rows)
    end_with(settings, outcomes)


def write_below(settings: Settings, view: View[Any], things: Sequence[Any]) -> None:
    """A table under the facts of one thing, for people: programs have it in the document."""
    if things and settings.output in ("table", "wide"):
        print()
        write_all(settings, view, things)
