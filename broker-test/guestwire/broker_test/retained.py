"""The retained messages of the embedded broker, bounded in number and bytes (MQTT 5.0 section 3.3.1.3)."""

from collections.abc import Iterator

from guestwire.broker_test.messages import Message
from guestwire.broker_test.topic_tree import TopicTree


class Retained:
    """The last retained message per topic."""

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self._by_topic: dict[str, Message] = {}
        self._tree: TopicTree[Message] = TopicTree()
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._by_topic)

    def store(self, message: Message) -> bool:
        """Keep `message`, or with an empty payload delete what is there. False: full, the old one stays."""
        old = self._by_topic.get(message.topic)
        size = self._bytes - (len(old.frame) if old else 0)
        if message.empty:
            if old is not None:
                self.forget(message.topic)
            return True
        if size + len(message.frame) > self._max_bytes or (old is None and len(self) >= self._max_messages):
            return False
        self._bytes = size + len(message.frame)
        self._by_topic[message.topic] = message
        self._tree.put(message.topic, message.topic, message)
        return True

    def forget(self, topic: str) -> None:
        """Delete the message of `topic`, which must be there."""
        self._bytes -= len(self._by_topic.pop(topic).frame)
        self._tree.remove(topic, topic)

    def matching(self, topic_filter: str, now: float) -> Iterator[Message]:
        """Those a new subscription gets; what has expired is deleted on the way."""
        for topic, message in list(self._tree.under_names_matching(topic_filter)):
            if message.expired(now):
                self.forget(topic)
            else:
                yield message
