"""Names of what hosts have, for the shell: asked of the hosts when Tab is pressed, and left out where they do not answer
soon, or in the time that the line gives (--timeout). Light: the rest is imported then."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from guestwire.cli.settings import Settings

if TYPE_CHECKING:
    from guestwire.sdk.client import Client

SOON_S = 1.5
ASKED = 8
"""Hosts that are asked at most: where there are more, their names are completed first."""

Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def names_of(method: str, field: str) -> Complete:
    """HOST/NAME of what the operation `method` lists in `field`; NAME alone over a socket."""

    def complete(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
        async def work(client: "Client") -> list[str]:
            from guestwire.sdk.addresses import check_host
            from guestwire.sdk.bulk import each

            host, slash, _ = incomplete.partition("/")
            if client.only_host is not None:
                found = await _names(client, client.only_host, method, field)
                return found if not slash else [f"{client.only_host}/{name}" for name in found]
            hosts = [check_host(host)] if slash else [one for one in await _hosts(client) if one.startswith(host)]
            if len(hosts) > ASKED:
                return [f"{one}/" for one in hosts]
            outcomes = await each(hosts, lambda one: _names(client, one, method, field))
            return [f"{outcome.target}/{name}" for outcome in outcomes for name in outcome.result or ()]

        return [name for name in _soon(ctx, work) if name.startswith(incomplete)]

    return complete


def hosts(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Hosts of the site."""

    async def work(client: "Client") -> list[str]:
        return await _hosts(client)

    return [name for name in _soon(ctx, work) if name.startswith(incomplete)]


def guests_beside(parameter: str) -> Complete:
    """Guests of the host that another argument, HOST/NAME, names."""

    def complete(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
        from guestwire.sdk.addresses import check_host

        async def work(client: "Client") -> list[str]:
            # the words are in ctx.args where the one to complete is an option's value: click read no further
            words = [str(ctx.params.get(parameter) or ""), *ctx.args]
            named = next((word.partition("/")[0] for word in words if "/" in word), "")
            answer = await client.host(check_host(client.only_host or named)).guest_list()
            return [view.guest.name for view in answer.reply.guests]

        return [name for name in _soon(ctx, work) if name.startswith(incomplete)]

    return complete


async def _names(client: "Client", host: str, method: str, field: str) -> list[str]:
    reply = (await getattr(client.host(host), method)()).reply
    return [one.name for one in getattr(reply, field)]


async def _hosts(client: "Client") -> list[str]:
    """The hosts of the trust document; where there is none, through a controller say, those that are heard of."""
    from guestwire.sdk.hosts import listed_hosts

    if client.only_host is not None:
        return [client.only_host]
    return list(listed_hosts(client.trust)) if client.trust is not None else [one.host for one in await client.hosts()]


def _soon(ctx: click.Context, work: "Callable[[Client], object]") -> list[str]:
    """What `work` finds in a short time; nothing where it fails: a shell has no place for errors."""
    import asyncio

    from guestwire.cli.run import connected
    from guestwire.model.errors import GuestwireError

    given = ctx.find_object(Settings) or Settings()
    within_s = given.timeout or SOON_S
    settings = replace(given, timeout=within_s)

    async def bounded() -> list[str]:
        async with asyncio.timeout(within_s):
            return await connected(settings, work)  # type: ignore[arg-type]

    try:
        return asyncio.run(bounded())
    except (GuestwireError, OSError, TimeoutError):
        return []
