"""Our own client's end, whole: `peer_ours.py PORT TRUST KEY`: models, envelope, deadline, resend timer, reply validated."""

import sys
from pathlib import Path

import uvloop
from orders import serve_orders

from guestwire.link import mqtt5
from guestwire.link.invoke import caller
from guestwire.link.transport import Options
from guestwire.protocol.invoker import Invoker
from guestwire.protocol.operation_models import Ping
from guestwire.protocol.operations import BY_NAME

PAYLOAD = b"x" * 128


async def main(port: int) -> None:
    invoker = Invoker("plant", "cli-1", "operator:anna")
    options = Options("127.0.0.1", port, "cli-1", clean_start=True)
    ping = BY_NAME["host-ping"]
    async with caller(invoker, lambda: options, mqtt5.connect) as link:

        async def call() -> object:
            return await link.call("host-1", ping, Ping(payload=PAYLOAD), timeout_s=5)

        await serve_orders(call)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
