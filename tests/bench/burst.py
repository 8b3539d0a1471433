"""A burst of QoS 1 messages at a slow consumer: how many of those the broker confirmed to the sender never come out.

Ours: our transport, acknowledging by hand after the work, over a mosquitto with the queue settings we ship. Beside it
aiomqtt and mosquitto as they come: 1,000 queued messages, 20 in flight. Both have the same sender.
"""

import contextlib

from children import Child, python
from rows import Row
from settings import Settings

MESSAGES = 60_000


def run(settings: Settings) -> list[Row]:
    count = settings.count(MESSAGES)
    lost = {
        consumer: _lost(consumer, limits, count) for consumer, limits in (("ours", "shipped"), ("aiomqtt", "default"))
    }
    return [
        Row("burst", f"lost of {count:,} confirmed QoS 1 messages, vs aiomqtt's defaults", lost["ours"], "messages",
            lost["aiomqtt"], "<=", 0, absolute=True),
    ]  # fmt: skip


def _lost(consumer: str, limits: str, count: int) -> int:
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(Child(python("burst_broker.py", limits), "broker"))
        port = str(broker.answer()["port"])
        consuming = stack.enter_context(Child(python("burst_consumer.py", consumer, port), "responder"))
        consuming.answer()
        sender = stack.enter_context(Child(python("burst_sender.py", port), "caller"))
        sender.answer()
        confirmed = sender.order({"count": count}, 180)["confirmed"]
        consumed = consuming.order({"count": count}, 180)["consumed"]
    return int(confirmed - consumed)
