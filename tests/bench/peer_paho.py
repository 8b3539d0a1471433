"""A bare echo over paho-mqtt's callbacks, its network loop in the library's thread: `peer_paho.py responder|caller PORT`."""

import json
import socket
import sys
import threading
import time
from typing import Any

import paho.mqtt.client as mqtt
from orders import ready, say, summary
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

REQUEST, RESPONSE = "bench/paho/request", "bench/paho/response"
PAYLOAD = b"x" * 128


def client(port: int, topic: str, on_message: Any) -> mqtt.Client:
    link = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    subscribed = threading.Event()
    link.on_socket_open = lambda _c, _u, sock: sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    link.on_connect = lambda c, _u, _f, _r, _p: c.subscribe(topic)
    link.on_subscribe = lambda _c, _u, _m, _r, _p: subscribed.set()
    link.on_message = on_message
    link.connect("127.0.0.1", port)
    link.loop_start()
    if not subscribed.wait(10):
        raise SystemExit("no SUBACK")
    return link


def responder(port: int) -> None:
    def echo(link: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        properties = Properties(PacketTypes.PUBLISH)
        properties.CorrelationData = message.properties.CorrelationData
        link.publish(message.properties.ResponseTopic, message.payload, properties=properties)

    client(port, REQUEST, echo)
    ready()
    sys.stdin.read()


class Load:
    """The calls of one order: each response sends the next request, from the callback."""

    def __init__(self, link: mqtt.Client, in_flight: int, seconds: float) -> None:
        self._link = link
        self._in_flight = in_flight
        self._end = time.perf_counter() + seconds
        self._number = 0
        self._began: dict[bytes, float] = {}
        self.took: list[float] = []
        self.count = 0
        self.over = threading.Event()

    def send(self) -> None:
        self._number += 1
        correlation = self._number.to_bytes(8)
        self._began[correlation] = time.perf_counter()
        properties = Properties(PacketTypes.PUBLISH)
        properties.ResponseTopic = RESPONSE
        properties.CorrelationData = correlation
        self._link.publish(REQUEST, PAYLOAD, properties=properties)

    def heard(self, correlation: bytes) -> None:
        now = time.perf_counter()
        began = self._began.pop(correlation)
        if self._in_flight == 1:
            self.took.append(now - began)
        self.count += 1
        if now < self._end:
            self.send()
        elif not self._began:
            self.over.set()


def caller(port: int) -> None:
    load: Load | None = None

    def on_message(_link: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        assert load is not None
        load.heard(message.properties.CorrelationData)

    link = client(port, RESPONSE, on_message)
    ready()
    for line in sys.stdin:
        order = json.loads(line)
        load = Load(link, order["in_flight"], order["seconds"])
        began, used = time.perf_counter(), time.process_time()
        for _ in range(order["in_flight"]):
            load.send()
        if not load.over.wait(order["seconds"] + 20):
            raise SystemExit("calls without an answer")
        lasted, used = time.perf_counter() - began, time.process_time() - used
        say(**summary(load.count, lasted, used, load.took))


if __name__ == "__main__":
    {"responder": responder, "caller": caller}[sys.argv[1]](int(sys.argv[2]))
