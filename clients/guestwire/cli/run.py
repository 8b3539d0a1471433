"""Runs a command's work with a client: which context is meant, the loop, and what is shown while it takes time."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from guestwire.cli.settings import Settings

if TYPE_CHECKING:
    from guestwire.sdk.answers import CallOptions
    from guestwire.sdk.client import Client
    from guestwire.sdk.contexts import Context

DEFAULT_SOCKET = Path("/run/guestwire/agent.sock")
CONNECT_S = 5.0

T = TypeVar("T")


def with_client(settings: Settings, work: Callable[["Client"], Awaitable[T]]) -> T:
    """The result of `work` with a client of the chosen context. Raises GuestwireError."""
    import asyncio

    return asyncio.run(connected(settings, work))


async def chosen_context(settings: Settings) -> "tuple[str, Context]":
    """The context that the options name and its name; a socket's is the socket's path.
    Raises CONTEXT-UNKNOWN, CONFIG-INVALID, SOCKET-UNREACHABLE."""
    from guestwire.sdk.client import context_of_socket

    path = _socket(settings)
    return _configured(settings) if path is None else (str(path), await context_of_socket(path))


async def connected(settings: Settings, work: Callable[["Client"], Awaitable[T]]) -> T:
    """The same from within a loop: over a connection of its own. Raises GuestwireError."""
    from guestwire.sdk.client import open_client

    _, context = await chosen_context(settings)
    connect_s = min(CONNECT_S, settings.timeout) if settings.timeout else CONNECT_S
    async with open_client(context, connect_timeout_s=connect_s) as client:
        return await work(client)


def context_name(settings: Settings) -> str | None:
    """What the chosen context is called, without asking anybody; a socket's is its path. None: no context is chosen.
    Raises CONTEXT-UNKNOWN, CONFIG-INVALID."""
    from guestwire.sdk import contexts

    path = _socket(settings)
    if path is not None:
        return str(path.absolute())
    known = contexts.load(contexts.default_path(os.environ))
    chosen = settings.context or os.environ.get(contexts.ENVIRONMENT_CONTEXT) or known.current
    return None if chosen is None else known.get(chosen)[0]


def _configured(settings: Settings) -> "tuple[str, Context]":
    from guestwire.sdk import contexts

    known = contexts.load(contexts.default_path(os.environ))
    return known.get(settings.context or os.environ.get(contexts.ENVIRONMENT_CONTEXT))


def _socket(settings: Settings) -> Path | None:
    """The socket to use: the one named, or on a host whose user chose no context the agent's own."""
    if settings.socket is not None:
        return Path(settings.socket)
    from guestwire.sdk import contexts

    if settings.context or os.environ.get(contexts.ENVIRONMENT_CONTEXT) or not DEFAULT_SOCKET.exists():
        return None
    return DEFAULT_SOCKET if contexts.load(contexts.default_path(os.environ)).current is None else None


def options(settings: Settings) -> "CallOptions":
    """The call options that the shared options mean. Raises MANDATE-INVALID, and OSError where its file cannot be read."""
    from guestwire.sdk.answers import CallOptions

    return CallOptions(timeout_s=settings.timeout, mandate=_mandate(settings))


def _mandate(settings: Settings) -> bytes | None:
    if settings.mandate is None:
        return None
    from guestwire.protocol import mandates

    with Path(settings.mandate).open(encoding="ascii", errors="replace") as file:
        return mandates.from_text(file.read(2 * mandates.MAX_BYTES + 1))
