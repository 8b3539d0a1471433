"""A mosquitto with the queue limits we ship, or with its own defaults: `burst_broker.py shipped|default`."""

import asyncio
import sys

from orders import next_order, say

from guestwire.broker_test.mosquitto import mosquitto
from guestwire.broker_test.options import BrokerOptions

LIMITS = {
    "shipped": BrokerOptions(),
    # mosquitto.conf(5), 2.0: max_queued_messages 1000, max_queued_bytes 0 (no limit), max_inflight_messages 20
    "default": BrokerOptions(max_queued_messages=1000, max_queued_bytes=0, max_inflight=20),
}


async def main(limits: str) -> None:
    async with mosquitto(LIMITS[limits]) as broker:
        say(port=broker.port)
        await next_order()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
