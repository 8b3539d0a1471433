"""Which hosts and guests the words on a command line mean."""

from collections.abc import Sequence
from typing import Final

import click

from guestwire.cli import failures
from guestwire.cli.settings import Settings
from guestwire.model.errors import GuestwireError
from guestwire.protocol import ids
from guestwire.protocol.operation_models import JobRef
from guestwire.sdk import addresses
from guestwire.sdk.addresses import ALL, GuestAddress
from guestwire.sdk.answers import CallOptions
from guestwire.sdk.bulk import each
from guestwire.sdk.client import Client
from guestwire.sdk.hosts import listed_hosts

LEFT_OUT: Final = {"offline": "offline", "unknown": "nobody knows whether they are there"}
"""Hosts in these states are not asked unless they are named, and why that is."""


def one_host(client: Client, host: str | None) -> str:
    """The host named, or the only one there is. Raises click.UsageError."""
    if host is not None:
        return _host(host)
    if client.only_host is not None:
        return client.only_host
    listed = listed_hosts(client.trust)
    if len(listed) == 1:
        return listed[0]
    raise click.UsageError(f"Which host? The site has {', '.join(listed) or 'none that is listed'}.")


async def all_hosts(client: Client, hosts: Sequence[str], settings: Settings) -> tuple[str, ...]:
    """The hosts named, or without any every host that is there; those that are not, or of which nobody knows it, are told on
    stderr."""
    if hosts:
        return tuple(dict.fromkeys(_host(host) for host in hosts))
    seen = await client.hosts()
    for state, why in LEFT_OUT.items():
        if left_out := [one.host for one in seen if one.state == state]:
            failures.remark(settings, f"not asked, because {why}: {', '.join(left_out)}")
    return tuple(one.host for one in seen if one.state not in LEFT_OUT)


def guest_address(client: Client, text: str) -> GuestAddress:
    """One guest. Raises click.UsageError; HOST/* is none."""
    address = _address(client, text)
    if address.guest == ALL:
        raise click.UsageError("This takes one guest, not HOST/*.")
    return address


async def guest_addresses(client: Client, texts: Sequence[str], options: CallOptions) -> tuple[GuestAddress, ...]:
    """Every guest that the words mean, HOST/* resolved by asking that host. Raises click.UsageError, GuestwireError."""
    wanted = [_address(client, text) for text in texts]
    wild = tuple(dict.fromkeys(address.host for address in wanted if address.guest == ALL))

    async def names(host: str) -> tuple[str, ...]:
        answer = await client.host(host).guest_list(options)
        return tuple(view.guest.name for view in answer.reply.guests)

    outcomes = {outcome.target: outcome for outcome in await each(wild, names)}
    found: list[GuestAddress] = []
    for address in wanted:
        if address.guest != ALL:
            found.append(address)
            continue
        outcome = outcomes[address.host]
        if outcome.error is not None:
            raise outcome.error
        found += [GuestAddress(address.host, name) for name in outcome.result or ()]
    return tuple(dict.fromkeys(found))


def _address(client: Client, text: str) -> GuestAddress:
    try:
        return addresses.parse(text, client.only_host)
    except GuestwireError as err:
        raise click.UsageError(err.message) from err


def _host(text: str) -> str:
    try:
        return addresses.check_host(text)
    except GuestwireError as err:
        raise click.UsageError(err.message) from err


def job_reference(client: Client, text: str) -> tuple[str, JobRef]:
    """The host and the job in HOST/ID, or in ID alone where there is one host. Raises click.UsageError."""
    address = guest_address(client, text)
    identifier = ids.from_text(address.guest)
    if identifier is None:
        raise click.UsageError(f"{address.guest!r} is no job id: `guestwire job list` shows them.")
    return address.host, JobRef(request_id=identifier)
