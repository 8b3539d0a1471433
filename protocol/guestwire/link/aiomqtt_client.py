"""aiomqtt's client with the callbacks of paho led to our transport; the only place that reaches into either.

aiomqtt gives the event loop its place in paho; the rest of it does not keep the transport port's promises, and is
replaced here: it acknowledges before the application has run, drops messages when its queue is full, hides reason codes,
does not notice a close before CONNACK, and takes time for each publication in proportion to all that are pending. The version
is pinned, for some of what is used is not public.
"""

import asyncio
import contextlib
import math
import socket
import ssl
from typing import Any, Final, Protocol

import aiomqtt
import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties as PahoProperties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from guestwire.link.outcomes import fail
from guestwire.link.tcp import quick_ack
from guestwire.link.transport import NO_PROPERTIES, Connack, Level, Options, Properties

KEEP_ALIVE_SHARE: Final = 0.6
"""paho gives a silent broker up after twice the keep alive: a shorter one is used, so that it is 1.2 times what was asked."""

DISCARD_BYTES: Final = 64 * 1024
"""How much is thrown away at once of what a connection that was cut had still received."""

_Properties: Any = PahoProperties  # without annotations in paho


class Events(Protocol):
    """What the client tells the transport; everything on the loop."""

    def on_connack(self, connack: Connack) -> None: ...

    def on_refused(self, reason: int) -> None:
        """CONNACK with an error; the numbers of MQTT 5 at level 4 too."""
        ...

    def on_gone(self, why: str, reason: int | None = None) -> None:
        """The connection has ended by itself; `reason` is that of the broker's DISCONNECT, if it sent one."""
        ...

    def on_malformed(self, why: str) -> None: ...

    def on_written_or_confirmed(self, mid: int, reason: int) -> None:
        """A message of QoS 0 was written, or the broker confirmed one of QoS 1: paho says both in the same way."""
        ...

    def on_reply(self, mid: int, codes: list[ReasonCode]) -> None:
        """SUBACK or UNSUBACK."""
        ...

    def on_publish(self, message: paho.MQTTMessage) -> None: ...


class _TlsContext:
    """A TLS context as paho uses one: with a name to check other than the address, and closed when the handshake fails or the
    peer is not to be believed."""

    def __init__(self, options: Options, context: ssl.SSLContext) -> None:
        self._context = context
        self._server_name = options.tls_server_name or options.host
        self._timeout_s = options.connect_timeout_s
        self._check_peer = options.check_peer
        self.check_hostname = context.check_hostname

    def wrap_socket(self, sock: socket.socket, server_hostname: str | None = None, **options: Any) -> ssl.SSLSocket:
        wrapped = self._context.wrap_socket(sock, server_hostname=self._server_name, **options)
        wrapped.settimeout(self._timeout_s)
        try:
            wrapped.do_handshake()  # paho's own, afterwards, finds it done
            if self._check_peer is not None and (why := self._check_peer(wrapped)) is not None:
                raise ConnectionError(why)
        except BaseException:
            wrapped.close()
            raise
        return wrapped


class Client(aiomqtt.Client):
    """aiomqtt's client with the callbacks of paho led to our transport. One connection, never reused."""

    def __init__(self, options: Options, events: Events) -> None:
        self._events = events
        self._gone = asyncio.Event()
        self._abandoned = False
        self._level = options.level
        v5 = options.level == 5
        context: Any = None
        if options.tls is not None:
            context = _TlsContext(options, options.tls)
        will = options.will
        super().__init__(
            options.host,
            options.port,
            username=options.username,
            password=options.password,
            identifier=options.client_id,
            protocol=aiomqtt.ProtocolVersion.V5 if v5 else aiomqtt.ProtocolVersion.V311,
            will=None if will is None else aiomqtt.Will(will.topic, will.payload, 1, will.retain),
            # a session of 3.1.1 has no expiry: it is kept, or it ends with the connection
            clean_session=None if v5 else options.clean_start or options.session_expiry_s == 0,
            clean_start=options.clean_start if v5 else paho.MQTT_CLEAN_START_FIRST_ONLY,
            timeout=options.connect_timeout_s,
            keepalive=math.ceil(options.keep_alive_s * KEEP_ALIVE_SHARE),
            max_inflight_messages=0,  # the window of the transport is the limit
            properties=_connect_properties(options) if v5 else None,
            tls_context=context,
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )
        self._client.manual_ack_set(True)
        self._client.connect_timeout = options.connect_timeout_s
        self._disconnected.add_done_callback(self._on_broken)

    # -- what the transport asks for

    def request_publish(
        self, topic: str, payload: bytes, qos: int, retain: bool, properties: Any
    ) -> paho.MQTTMessageInfo | None:
        """None if the connection is gone."""
        info = self._client.publish(topic, payload, qos, retain, properties)
        while (
            info.rc == paho.MQTT_ERR_QUEUE_SIZE
        ):  # its identifier is that of a message not confirmed yet: the next one
            info = self._client.publish(topic, payload, qos, retain, properties)
        return info if info.rc == paho.MQTT_ERR_SUCCESS else None

    def request_subscribe(self, filters: "list[tuple[str, SubscribeOptions | int]]") -> int | None:
        rc, mid = self._client.subscribe(filters)  # type: ignore[arg-type]
        return mid if rc == paho.MQTT_ERR_SUCCESS else None

    def request_unsubscribe(self, filters: list[str]) -> int | None:
        rc, mid = self._client.unsubscribe(filters)
        return mid if rc == paho.MQTT_ERR_SUCCESS else None

    def acknowledge(self, mid: int) -> None:
        self._client.ack(mid, 1)

    def say_goodbye(self) -> None:
        """Queue DISCONNECT behind what is queued; paho closes the socket when it is written."""
        self._client.disconnect()

    def cut(self) -> None:
        """End the TCP connection; paho notices by itself. Also of a connection that a thread is still making."""
        self._abandoned = True
        sock: Any = self._client.socket()
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
                # of TLS that was the end too: paho would take what the kernel still holds for MQTT; no more comes to it
                while sock.recv(DISCARD_BYTES):
                    continue

    async def until_gone(self, timeout_s: float) -> None:
        """Wait until the socket is closed and aiomqtt's task has ended; cut it if it takes too long."""
        if self._client.socket() is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._gone.wait()
        self.cut()
        if self._misc_task is not None:
            await asyncio.wait([self._misc_task], timeout=timeout_s)

    # -- what paho tells

    def _on_connect(
        self, client: Any, userdata: Any, flags: Any, reason_code: ReasonCode, properties: Any = None
    ) -> None:
        if self._connected.done():
            return
        if reason_code.value:
            self._events.on_refused(reason_code.value)
            fail(self._connected, aiomqtt.MqttError(str(reason_code)))
            return
        self._events.on_connack(_connack(flags.session_present, self._level, self._client.keepalive, properties))
        self._connected.set_result(None)

    def _on_disconnect(
        self, client: Any, userdata: Any, flags: Any, reason_code: ReasonCode, properties: Any = None
    ) -> None:
        self._events.on_gone(str(reason_code), reason_code.value if flags.is_disconnect_packet_from_server else None)
        fail(self._connected, aiomqtt.MqttError("closed before CONNACK"))

    def _on_broken(self, disconnected: "asyncio.Future[None]") -> None:
        """paho raised in the middle of reading or writing."""
        err = None if disconnected.cancelled() else disconnected.exception()
        self._events.on_malformed(repr(err))
        fail(self._connected, aiomqtt.MqttError("closed before CONNACK"))
        self.cut()

    def _on_message(self, client: Any, userdata: Any, message: paho.MQTTMessage) -> None:
        self._events.on_publish(message)
        self._quick_ack()

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason_code: ReasonCode, properties: Any) -> None:
        self._events.on_written_or_confirmed(mid, reason_code.value)
        self._quick_ack()

    def _on_subscribe(
        self, client: Any, userdata: Any, mid: int, reason_codes: list[ReasonCode], properties: Any = None
    ) -> None:
        self._events.on_reply(mid, reason_codes)
        self._quick_ack()

    def _on_unsubscribe(
        self, client: Any, userdata: Any, mid: int, reason_codes: list[ReasonCode], properties: Any = None
    ) -> None:
        self._events.on_reply(mid, reason_codes)
        self._quick_ack()

    def _on_socket_open(self, client: Any, userdata: Any, sock: Any) -> None:
        super()._on_socket_open(client, userdata, sock)
        # this is paho's connecting thread: by the time it is done the loop may have given up
        self._loop.call_soon_threadsafe(self._cut_if_abandoned)

    def _cut_if_abandoned(self) -> None:
        if self._abandoned:
            self.cut()

    def _on_socket_close(self, client: Any, userdata: Any, sock: Any) -> None:
        super()._on_socket_close(client, userdata, sock)
        self._gone.set()

    @property
    def peer_address(self) -> str | None:
        """The broker's IP address; None once the socket is closed."""
        sock = self._client.socket()
        try:
            return sock.getpeername()[0] if isinstance(sock, socket.socket) else None
        except OSError:
            return None

    def _quick_ack(self) -> None:
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            quick_ack(sock)


def packed(properties: Properties) -> Any:
    """The properties as paho takes them."""
    fields: Any = _Properties(PacketTypes.PUBLISH)
    if properties.content_type is not None:
        fields.ContentType = properties.content_type
    if properties.response_topic is not None:
        fields.ResponseTopic = properties.response_topic
    if properties.correlation_data is not None:
        fields.CorrelationData = properties.correlation_data
    if properties.expiry_s is not None:
        fields.MessageExpiryInterval = properties.expiry_s
    if properties.user:
        fields.UserProperty = list(properties.user)
    return fields


def properties_of(message: paho.MQTTMessage) -> Properties:
    found: Any = message.properties
    if found is None or found.isEmpty():
        return NO_PROPERTIES
    return Properties(
        getattr(found, "ContentType", None),
        getattr(found, "ResponseTopic", None),
        getattr(found, "CorrelationData", None),
        getattr(found, "MessageExpiryInterval", None),
        tuple(getattr(found, "UserProperty", ())),
    )


def _connect_properties(options: Options) -> Any:
    properties: Any = _Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = options.session_expiry_s
    properties.ReceiveMaximum = options.receive_maximum
    properties.MaximumPacketSize = options.max_packet
    return properties


def _connack(session_present: bool, level: Level, keep_alive_s: int, properties: Any) -> Connack:
    if level == 4:
        return Connack(session_present, 4, keep_alive_s)
    return Connack(
        session_present,
        5,
        keep_alive_s,
        receive_maximum=getattr(properties, "ReceiveMaximum", 65_535),
        max_packet=getattr(properties, "MaximumPacketSize", None),
        max_qos=getattr(properties, "MaximumQoS", 2),
        retain_available=bool(getattr(properties, "RetainAvailable", 1)),
        assigned_client_id=getattr(properties, "AssignedClientIdentifier", None),
    )
