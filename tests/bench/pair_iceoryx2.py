"""iceoryx2's Python binding, publish and subscribe, both ends spinning. See pairs.py.

Its cheapest calls: one copy in; what came is not looked at. A full buffer waits, as ours does: nothing is lost.
"""

import ctypes
import sys
from typing import Any

import iceoryx2 as iox2  # type: ignore[import-untyped]
from pairs import Turn, Work, main

BUFFER = 1024


class Message(ctypes.Structure):
    _fields_ = (("bytes", ctypes.c_uint8 * 64),)


class Ports:
    """The service NAME from one end. It lives as long as its node."""

    def __init__(self) -> None:
        iox2.set_log_level(iox2.LogLevel.Error)
        self._node = iox2.NodeBuilder.new().create(iox2.ServiceType.Ipc)

    def _service(self, name: str) -> Any:
        return (
            self._node.service_builder(iox2.ServiceName.new(name))
            .publish_subscribe(Message)
            .enable_safe_overflow(False)
            .subscriber_max_buffer_size(BUFFER)
            .open_or_create()
        )

    def publisher(self, name: str) -> Any:
        strategy = iox2.BackpressureStrategy.RetryUntilDelivered
        return self._service(name).publisher_builder().backpressure_strategy(strategy).create()

    def subscriber(self, name: str) -> Any:
        return self._service(name).subscriber_builder().buffer_size(BUFFER).create()


def rate(is_caller: bool, name: str) -> Turn:
    ports = Ports()
    if is_caller:
        send = ports.publisher(name).send_copy
        message = Message()

        def write(count: int) -> None:
            for _ in range(count):
                send(message)

        return write
    receive = ports.subscriber(name).receive

    def read(count: int) -> None:
        while count:
            if receive() is not None:
                count -= 1

    return read


def trip(is_caller: bool, name: str) -> Turn:
    ports = Ports()
    there, back = f"{name}-there", f"{name}-back"
    send = ports.publisher(there if is_caller else back).send_copy
    receive = ports.subscriber(back if is_caller else there).receive
    message = Message()

    def caller(count: int) -> None:
        for _ in range(count):
            send(message)
            while receive() is None:
                pass

    def echo(count: int) -> None:
        for _ in range(count):
            while receive() is None:
                pass
            send(message)

    return caller if is_caller else echo


if __name__ == "__main__":
    main(sys.argv[1:], {"rate": Work(rate), "trip": Work(trip)})
