"""Our own client's end, whole: envelope, models, deadline, resend timer, the reply validated.

`peer_ours.py read|command HOST OPERATOR PLANT PORT`. read: host-ping, 128 bytes. command: signed and journalled, a guest
paused and resumed in turn, a guest of its own for each call under way; the host's signature is verified.
"""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvloop
from orders import serve_orders
from plant import Plant

from guestwire.link import mqtt5
from guestwire.link.invoke import Caller, caller
from guestwire.link.transport import Options
from guestwire.protocol.operation_models import Empty, GuestRef, GuestStart, Ping
from guestwire.protocol.operations import BY_NAME

PAYLOAD = b"x" * 128
READY_S = 30
Call = Callable[[], Awaitable[Any]]


async def read(link: Caller, host: str) -> Call:
    ping = BY_NAME["host-ping"]
    return lambda: link.call(host, ping, Ping(payload=PAYLOAD), timeout_s=5)


async def command(link: Caller, host: str) -> Call:
    listed = await link.call(host, BY_NAME["guest-list"], Empty(), timeout_s=READY_S)
    names = [view.guest.name for view in listed.reply.guests]
    for name in names:
        await link.call(host, BY_NAME["guest-start"], GuestStart(guest=name), timeout_s=READY_S)
    turns = (BY_NAME["guest-pause"], BY_NAME["guest-resume"])
    free = [(name, 0) for name in names]

    async def call() -> None:
        name, turn = free.pop()
        await link.call(host, turns[turn], GuestRef(guest=name), timeout_s=READY_S)
        free.append((name, 1 - turn))

    return call


async def main(what: str, host: str, operator: str, plant: str, port: str) -> None:
    options = Options("127.0.0.1", int(port), operator, clean_start=True)
    async with caller(Plant(Path(plant)).invoker(operator), lambda: options, mqtt5.connect) as link:
        await link.call(host, BY_NAME["host-ping"], Ping(), timeout_s=READY_S)
        await serve_orders(await {"read": read, "command": command}[what](link, host))


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
