"""Floods a host with requests, so many a second: `flooder.py HOST PORT`. Orders: {kind: unsigned | badly_signed, rate, seconds}.

unsigned: a command that nobody signed. badly_signed: by a key of the trust document's id, with a signature that is not its.
The same frame again and again: what the host does with it does not depend on the others.
"""

import asyncio
import sys
import time
from pathlib import Path

import uvloop
from orders import next_order, say
from plant import SITE, Plant

from guestwire.link import mqtt5
from guestwire.link.transport import Options, Transport
from guestwire.protocol import ids, topics
from guestwire.protocol.bodies import to_bytes
from guestwire.protocol.envelope import Header, body_hash, encode
from guestwire.protocol.operation_models import GuestRef
from guestwire.protocol.packing import pack, unpack_flat

CLIENT = "mallory"
EVERY_S = 0.005
OPERATION = "guest-pause"


def frame(host: str, site: Plant, *, signed: bool) -> bytes:
    body = to_bytes(GuestRef(guest="linux1"))
    at = time.time_ns() // 1_000_000
    header = Header(
        (1, 0), "request", (SITE, host), OPERATION, ids.request_id(at), "operator:other", at, at + 3_000_000, 3_000_000,
        body_hash(body), CLIENT,
    )  # fmt: skip
    if not signed:
        return encode(header, body)
    key = site.invoker("other").key
    assert key is not None
    outer = list(unpack_flat(encode(header, body, (key,))))
    [(key_id, signature)] = outer[2]
    outer[2] = ((key_id, signature[:-1] + bytes([signature[-1] ^ 1])),)
    return pack(tuple(outer))


async def flood(link: Transport, topic: str, payload: bytes, rate: float, seconds: float) -> int:
    """How many were sent, at an even rate."""
    clock = time.perf_counter
    began = clock()
    sent = 0
    while (passed := clock() - began) < seconds:
        for _ in range(round(passed * rate) - sent):
            link.send(topic, payload)
            sent += 1
        await asyncio.sleep(EVERY_S)
    return sent


async def main(host: str, folder: str, port: int) -> None:
    site = Plant(Path(folder))
    topic = topics.make("request", SITE, host, CLIENT, OPERATION)
    link = await mqtt5.connect(Options("127.0.0.1", port, CLIENT, clean_start=True), lambda _: None)
    say(ready=True)
    while (order := await next_order()) is not None:
        payload = frame(host, site, signed=order["kind"] == "badly_signed")
        say(sent=await flood(link, topic, payload, order["rate"], order["seconds"]))
    await link.close()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
