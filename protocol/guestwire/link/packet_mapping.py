"""The transport port's values as packets of MQTT 5, and back. Pure; only the `mqtt5` transport uses it."""

from functools import lru_cache

from guestwire.link.codec import (
    ConnAckPacket,
    ConnectPacket,
    PublishPacket,
    QoS,
    RetainHandling,
    TopicFilter,
    Will,
)
from guestwire.link.topic_filters import valid_topic_filter, valid_topic_name
from guestwire.link.transport import NO_PROPERTIES, Connack, Options, Properties, Subscription

_QOS = (QoS.AT_MOST_ONCE, QoS.AT_LEAST_ONCE)


@lru_cache(maxsize=1024)
def check_topic(topic: str) -> None:
    """Raises ValueError for what is not a topic name: a programming error, for one module makes all topics."""
    if not valid_topic_name(topic):
        raise ValueError(f"not a topic name: {topic!r}")


def check_filter(topic_filter: str) -> str:
    """The filter, if it is one; else ValueError."""
    if not valid_topic_filter(topic_filter):
        raise ValueError(f"not a topic filter: {topic_filter!r}")
    return topic_filter


def connect_packet(options: Options) -> ConnectPacket:
    """No topic alias is allowed: the guard of the codec resolves none."""
    will = None
    if options.will is not None:
        check_topic(options.will.topic)
        will = Will(options.will.topic, payload=options.will.payload, qos=_QOS[1], retain=options.will.retain)
    return ConnectPacket(
        options.client_id,
        username=options.username,
        password=None if options.password is None else options.password.encode(),
        clean_start=options.clean_start,
        will=will,
        keep_alive=options.keep_alive_s,
        session_expiry_interval=options.session_expiry_s,
        receive_max=options.receive_maximum,
        topic_alias_max=0,
        max_packet_size=options.max_packet,
    )


def connack(packet: ConnAckPacket, asked_keep_alive_s: int) -> Connack:
    """What a CONNACK of success grants; the server's keep alive, where it has one, replaces ours."""
    return Connack(
        session_present=packet.session_present,
        level=5,
        keep_alive_s=asked_keep_alive_s if packet.server_keep_alive is None else packet.server_keep_alive,
        receive_maximum=packet.receive_max,
        max_packet=packet.max_packet_size,
        max_qos=packet.max_qos.value,
        retain_available=packet.retain_available,
        assigned_client_id=packet.assigned_client_id,
    )


def topic_filter(subscription: Subscription) -> TopicFilter:
    return TopicFilter(
        check_filter(subscription.topic_filter),
        max_qos=_QOS[subscription.qos],
        retain_as_published=True,
        retain_handling=RetainHandling.SEND_ALWAYS if subscription.retained else RetainHandling.SEND_NEVER,
    )


def publish_packet(
    topic: str, payload: bytes, packet_id: int | None, retain: bool, properties: Properties
) -> PublishPacket:
    """A PUBLISH, at QoS 1 if it has a packet identifier."""
    check_topic(topic)
    qos = _QOS[packet_id is not None]
    if properties is NO_PROPERTIES:
        return PublishPacket(topic, payload, qos=qos, packet_id=packet_id, retain=retain)
    return PublishPacket(
        topic,
        payload,
        qos=qos,
        packet_id=packet_id,
        retain=retain,
        content_type=properties.content_type,
        response_topic=properties.response_topic,
        correlation_data=properties.correlation_data,
        message_expiry_interval=properties.expiry_s,
        user_properties=list(properties.user),
    )


def properties_of(packet: PublishPacket) -> Properties:
    content_type, response_topic = packet.content_type, packet.response_topic
    correlation_data, expiry_s, user = packet.correlation_data, packet.message_expiry_interval, packet.user_properties
    if content_type is None and response_topic is None and correlation_data is None and expiry_s is None and not user:
        return NO_PROPERTIES
    return Properties(content_type, response_topic, correlation_data, expiry_s, tuple(user))
