"""Who gets what: sessions, subscriptions, retained messages and wills of the embedded broker.

Sans-I/O but for a clock that can also call back (the event loop, or a fake). Bounds: twice as many sessions as clients,
10,000 subscriptions a session, retained messages up to the queue bounds; what does not fit is refused with 0x97.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from guestwire.broker_test.acl import Permissions
from guestwire.broker_test.messages import Message, message_of_will
from guestwire.broker_test.options import BrokerOptions
from guestwire.broker_test.retained import Retained
from guestwire.broker_test.sessions import Counts, Session, Subscription
from guestwire.broker_test.topic_tree import TopicTree
from guestwire.link.codec import Will

SUCCESS = 0x00
NO_MATCHING_SUBSCRIBERS = 0x10
NO_SUBSCRIPTION_EXISTED = 0x11
NOT_AUTHORIZED = 0x87
QUOTA_EXCEEDED = 0x97
TAKEN_OVER = 0x8E

NEVER = 0xFFFFFFFF
"""The session expiry interval of a session that does not expire (3.1.2.11.2)."""

_MAX_SUBSCRIPTIONS = 10_000
_MAX_ROUTED_TOPICS = 8192
_SEND_IF_NEW, _SEND_NEVER = 1, 2


class Timer(Protocol):
    """What `Clock.call_later` gives."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """An event loop, or a test's clock."""

    def time(self) -> float: ...

    def call_later(self, delay: float, callback: Callable[[], None], /) -> Timer: ...


class _Route(NamedTuple):
    """All subscriptions of one session that match a topic, as one: the client gets the message once."""

    session: Session
    qos: int
    no_local: bool
    retain_as_published: bool
    identifiers: tuple[int, ...]


class _Away(NamedTuple):
    """What is due for a session without a connection."""

    will: Will | None
    timers: list[Timer]


class Router:
    """All state that is not one connection's."""

    def __init__(self, options: BrokerOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._sessions: dict[str, Session] = {}
        self._tree: TopicTree[tuple[Session, Subscription]] = TopicTree()
        self._routes: dict[str, tuple[_Route, ...]] = {}
        self._away: dict[str, _Away] = {}
        self.retained = Retained(options.max_queued_messages, options.max_queued_bytes)
        self.counts = Counts()

    @property
    def sessions(self) -> int:
        """How many there are, with and without a connection."""
        return len(self._sessions)

    # -- sessions

    def connected(self, client_id: str) -> bool:
        """Whether a client with this id is connected now."""
        session = self._sessions.get(client_id)
        return session is not None and session.sink is not None

    def open(self, client_id: str, clean_start: bool, permissions: Permissions) -> tuple[Session, bool] | None:
        """The session for a new connection, and whether it was there; None when there are too many.

        A connection that has it is ended with 0x8E (session taken over). The caller attaches itself next.
        """
        if (old := self._sessions.get(client_id)) and old.sink is not None:
            old.sink.end(TAKEN_OVER)
        old = self._sessions.get(client_id)
        if old is not None and clean_start:
            self._discard(old)
            old = None
        if old is not None:
            self._back(client_id)
            session = old
        elif len(self._sessions) >= 2 * self._options.max_clients:
            return None
        else:
            options = self._options
            session = Session(client_id, self.counts, options.max_queued_messages, options.max_queued_bytes)
            self._sessions[client_id] = session
        session.permissions = permissions
        self._routes.clear()
        return session, old is not None

    def leave(self, session: Session, will: Will | None) -> None:
        """The session's connection has ended. `will` is None after a DISCONNECT that deletes it."""
        session.detach()
        timers: list[Timer] = []
        delay = min(will.will_delay_interval, session.expiry_s) if will else 0
        if will and not delay:
            self._publish_will(session, will)
            will = None
        if session.expiry_s == 0:
            self._discard(session)
            return
        if will:
            timers.append(self._clock.call_later(delay, lambda: self._will_due(session)))
        if session.expiry_s != NEVER:
            timers.append(self._clock.call_later(session.expiry_s, lambda: self._discard(session)))
        self._away[session.client_id] = _Away(will, timers)

    def close(self) -> None:
        """Cancel every timer: nothing happens after this."""
        for client_id in tuple(self._away):
            self._back(client_id)

    def _back(self, client_id: str) -> Will | None:
        """Forget what was due; gives the will that was not published."""
        away = self._away.pop(client_id, None)
        if away is None:
            return None
        for timer in away.timers:
            timer.cancel()
        return away.will

    def _will_due(self, session: Session) -> None:
        away = self._away[session.client_id]
        self._away[session.client_id] = away._replace(will=None)
        if away.will:
            self._publish_will(session, away.will)

    def _discard(self, session: Session) -> None:
        """The session ends; a will that waited is published now (3.1.3.2.2)."""
        if will := self._back(session.client_id):
            self._publish_will(session, will)
        del self._sessions[session.client_id]
        for topic_filter in session.subscriptions:
            self._tree.remove(topic_filter, session.client_id)
        self._routes.clear()

    def _publish_will(self, session: Session, will: Will) -> None:
        if session.permissions.may("write", will.topic):
            self.publish(message_of_will(will, self._clock.time(), session.client_id), self._clock.time())
        else:
            self.counts.denied += 1

    # -- subscriptions

    def subscribe(self, session: Session, subscription: Subscription) -> bool:
        """Add or replace; False when the session has too many. Retained messages follow with `send_retained`."""
        topic_filter = subscription.topic_filter
        if topic_filter not in session.subscriptions and len(session.subscriptions) >= _MAX_SUBSCRIPTIONS:
            return False
        session.subscriptions[topic_filter] = subscription
        self._tree.put(topic_filter, session.client_id, (session, subscription))
        self._routes.clear()
        return True

    def send_retained(self, session: Session, subscription: Subscription, now: float) -> None:
        """What is retained for a subscription, with the retain flag set [MQTT-3.3.1-8]."""
        identifiers = () if subscription.identifier is None else (subscription.identifier,)
        for message in self.retained.matching(subscription.topic_filter, now):
            if not session.permissions.may("read", message.topic):
                continue
            if subscription.no_local and message.sender == session.client_id:
                continue
            if min(subscription.qos, message.qos):
                session.deliver_qos1(message, True, identifiers, now)
            else:
                session.deliver_qos0(message, True, identifiers, now)

    def unsubscribe(self, session: Session, topic_filter: str) -> int:
        """Remove; gives the reason code for UNSUBACK."""
        if session.subscriptions.pop(topic_filter, None) is None:
            return NO_SUBSCRIPTION_EXISTED
        self._tree.remove(topic_filter, session.client_id)
        self._routes.clear()
        return SUCCESS

    # -- messages

    def publish(self, message: Message, now: float) -> int:
        """Retain if asked, and deliver. Gives the reason code for PUBACK: 0, 0x10 nobody, 0x97 somebody has no room."""
        if message.retain and not self.retained.store(message):
            self.counts.refused_qos1 += message.qos
            return QUOTA_EXCEEDED
        routes = self._routes.get(message.topic)
        if routes is None:
            routes = self._find_routes(message.topic)
        reason = NO_MATCHING_SUBSCRIBERS
        for session, qos, no_local, retain_as_published, identifiers in routes:
            if no_local and session.client_id == message.sender:
                continue
            retain = message.retain and retain_as_published
            if reason == NO_MATCHING_SUBSCRIBERS:
                reason = SUCCESS
            if not (qos and message.qos):
                session.deliver_qos0(message, retain, identifiers, now)
            elif not session.deliver_qos1(message, retain, identifiers, now):
                reason = QUOTA_EXCEEDED
        return reason

    def _find_routes(self, topic: str) -> tuple[_Route, ...]:
        merged: dict[str, _Route] = {}
        for client_id, (session, found) in self._tree.under_filters_matching(topic):
            if not session.permissions.may("read", topic):
                continue
            identifiers = () if found.identifier is None else (found.identifier,)
            route = _Route(session, found.qos, found.no_local, found.retain_as_published, identifiers)
            if (other := merged.get(client_id)) is not None:
                route = _Route(
                    session,
                    max(route.qos, other.qos),
                    route.no_local and other.no_local,
                    route.retain_as_published or other.retain_as_published,
                    other.identifiers + identifiers,
                )
            merged[client_id] = route
        routes = tuple(merged.values())
        if len(self._routes) >= _MAX_ROUTED_TOPICS:
            self._routes.clear()
        self._routes[topic] = routes
        return routes


def wants_retained(retain_handling: int, is_new: bool) -> bool:
    """Whether a subscription gets the retained messages (3.8.3.1)."""
    return retain_handling != _SEND_NEVER and (is_new or retain_handling != _SEND_IF_NEW)
