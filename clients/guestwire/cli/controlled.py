"""Runs a command's work with a controller: for commands that only a controller can answer. Light: the rest is imported then."""

import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import click

from guestwire.cli.settings import Settings

if TYPE_CHECKING:
    from guestwire.cli.completing import Complete
    from guestwire.sdk.contexts import Context
    from guestwire.sdk.controller import Controller

T = TypeVar("T")


def with_controller(settings: Settings, work: Callable[["Controller"], Awaitable[T]]) -> T:
    """The result of `work` with the controller of the chosen context. Raises CONTEXT-NEEDS-CONTROLLER, CONTEXT-UNKNOWN and what
    the controller says."""
    import asyncio

    return asyncio.run(asked(settings, work))


async def asked(settings: Settings, work: Callable[["Controller"], Awaitable[T]]) -> T:
    """The same from within a loop."""
    from guestwire.sdk.controller import open_controller

    async with open_controller(controller_context(settings)) as controller:
        return await work(controller)


def controller_context(settings: Settings) -> "Context":
    """The chosen context. Raises CONTEXT-NEEDS-CONTROLLER, CONTEXT-UNKNOWN."""
    from guestwire.model.errors import GuestwireError

    chosen = _chosen(settings)
    if chosen is None or chosen[1].via != "controller":
        what = (
            "A socket leads to one host"
            if settings.socket
            else f"The context {chosen[0]!r} is not one"
            if chosen
            else "No context is chosen"
        )
        known = ", ".join(_controllers())
        remedy = f"These lead to one: {known}." if known else GuestwireError("CONTEXT-NEEDS-CONTROLLER").remedy
        raise GuestwireError("CONTEXT-NEEDS-CONTROLLER", f"{what}. {remedy}")
    return chosen[1]


def is_controlled(settings: Settings) -> bool:
    """Whether the chosen context is a controller's: then commands that there are for both ask it."""
    chosen = _chosen(settings)
    return chosen is not None and chosen[1].via == "controller"


def _controllers() -> list[str]:
    """The contexts of controllers that the user has."""
    from guestwire.sdk import contexts

    known = contexts.load(contexts.default_path(os.environ))
    return [name for name, context in known.contexts.items() if context.via == "controller"]


def _chosen(settings: Settings) -> "tuple[str, Context] | None":
    """The context that the options name; None: there is none, or a socket is meant."""
    from guestwire.sdk import contexts

    if settings.socket is not None:
        return None
    known = contexts.load(contexts.default_path(os.environ))
    name = settings.context or os.environ.get(contexts.ENVIRONMENT_CONTEXT) or known.current
    return None if name is None else known.get(name)


def names(noun: str, field: str = "name") -> "Complete":
    """Completes what the controller has of a kind: `noun` of `Controller`, `field` of each."""

    def complete(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
        import asyncio

        from guestwire.cli.completing import SOON_S
        from guestwire.model.errors import GuestwireError

        settings = ctx.find_object(Settings) or Settings()

        async def work(controller: "Controller") -> list[str]:
            return [str(getattr(one, field)) for one in await getattr(controller, noun).list(MOST_NAMES)]

        async def bounded() -> list[str]:
            async with asyncio.timeout(settings.timeout or SOON_S):
                return await asked(settings, work)

        try:
            return [name for name in asyncio.run(bounded()) if name.startswith(incomplete)]
        except (GuestwireError, OSError, TimeoutError):
            return []

    return complete


MOST_NAMES = 200
"""More are no help to anybody who presses Tab."""
