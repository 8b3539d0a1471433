"""The controller's API with its stream, and changes of hosts that a loop publishes: `controller_stream_server.py FOLDER`.

Orders: {rate, seconds}. A change has the time in its document; each is about another host than those before it in the same second,
so that none takes another's place.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop
from orders import next_order, ready, say

from guestwire.controller.api import stream as stream_api
from guestwire.controller.api.stream import Stream
from guestwire.controller.feed import Change, Feed
from guestwire.controller.host_ref import HostRef
from guestwire.controller.serving import serving
from guestwire.controller.store.database import open_database
from guestwire.controller.store.schema import all_tables
from guestwire.controller.users.person import Asked, Binding, Person
from guestwire.link.clock import now

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from api_world import PASSWORD, World, api_world

HOSTS = 2000
SITE = "plant"
SCOPES = ("*", f"site:{SITE}", "*")
EVERY_S = 0.002


def change(number: int) -> Change:
    """A host as lists show it."""
    ref = HostRef(SITE, f"h-{number}")
    document = {
        "site": ref.site, "host": ref.host, "label": f"Press {number}", "state": "online", "state_at": 1_800_000_000_000,
        "labels": {"rack": str(number % 100), "line": str(number % 40)}, "guests": 4, "guests_running": 3,
        "agent_version": "0.1.0", "driver": "libvirt", "sync": "in_sync", "active_revision": 4, "drift": 0,
        "reboot_required": False, "approval": "approved", "heard_at": 1_800_000_000_000, "published": time.time(),
    }  # fmt: skip
    return Change("host", str(ref), document, (ref,))


async def snapshot(_: Person) -> Sequence[Change]:
    return [change(number) for number in range(HOSTS)]


async def publish(feed: Feed, rate: float, seconds: float) -> int:
    """How many were published, at an even rate."""
    began = time.monotonic()
    done = 0
    while (passed := time.monotonic() - began) < seconds:
        while done < passed * rate:
            feed.publish(change(done * 7919 % HOSTS))
            done += 1
        await asyncio.sleep(EVERY_S)
    return done


async def token(world: World, name: str, scope: str) -> str:
    await world.accounts.make(None, name, PASSWORD, must_change=False, roles=(Binding("observer", scope),))
    person = (await world.signing_in.log_in(name, PASSWORD, Asked(name))).person
    return (await world.tokens.make(person, "bench", None, None)).text


async def main(folder: str) -> None:
    all_tables()
    streams: list[Stream] = []

    def routers(world: World) -> tuple[object, ...]:
        streams.append(Stream(world.feed, world.access, world.identities, {"host": snapshot}, now))
        return (stream_api.router(streams[0]),)

    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(f"sqlite:///{folder}/controller.db"))
        await database.create_tables()
        world = await stack.enter_async_context(api_world(database, routers=routers))
        tokens = [await token(world, f"viewer-{n}", scope) for n, scope in enumerate(SCOPES)]
        made = world.app  # and with it the stream
        await stack.enter_async_context(streams[0])
        url = await stack.enter_async_context(serving(made, ("127.0.0.1", 0)))
        ready(url=url, tokens=tokens)
        while (order := await next_order()) is not None:
            began = time.monotonic()
            changes = await publish(world.feed, order["rate"], order["seconds"])
            say(changes=changes, seconds=time.monotonic() - began)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
