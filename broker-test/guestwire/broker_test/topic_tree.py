"""Values at the nodes of a tree of topic levels, found from either side.

Subscriptions are stored under filters and looked up by a topic name; retained messages are stored under names and looked
up by a filter. Both walks cost the depth of the topic, not the number of entries. MQTT 5.0 section 4.7.
"""

from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class _Node(Generic[T]):
    __slots__ = ("children", "values")

    def __init__(self) -> None:
        self.children: dict[str, _Node[T]] = {}
        self.values: dict[str, T] = {}


class TopicTree(Generic[T]):
    """Under each path (a filter or a name) any number of values, each with a key."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def put(self, path: str, key: str, value: T) -> None:
        """Store `value`; replaces one with the same path and key."""
        node = self._root
        for level in path.split("/"):
            node = node.children.setdefault(level, _Node())
        node.values[key] = value

    def remove(self, path: str, key: str) -> None:
        """Remove a value, and the branch that becomes empty. Nothing happens where there is none."""
        trail: list[tuple[_Node[T], str]] = []
        node = self._root
        for level in path.split("/"):
            child = node.children.get(level)
            if child is None:
                return
            trail.append((node, level))
            node = child
        node.values.pop(key, None)
        for parent, level in reversed(trail):
            child = parent.children[level]
            if child.values or child.children:
                return
            del parent.children[level]

    def under_filters_matching(self, name: str) -> Iterator[tuple[str, T]]:
        """Keys and values of all paths that, read as filters, match the topic name `name`."""
        levels = name.split("/")
        nodes = [self._root]
        # Wildcards in the first level do not match names that begin with $ [MQTT-4.7.2-1].
        wildcards = not name.startswith("$")
        for level in levels:
            following = []
            for node in nodes:
                children = node.children
                if level in children:
                    following.append(children[level])
                if wildcards:
                    if "+" in children:
                        following.append(children["+"])
                    if "#" in children:
                        yield from children["#"].values.items()
            wildcards = True
            nodes = following
        for node in nodes:
            yield from node.values.items()
            # `a/#` matches `a` as well (4.7.1.2).
            if "#" in node.children:
                yield from node.children["#"].values.items()

    def under_names_matching(self, topic_filter: str) -> Iterator[tuple[str, T]]:
        """Keys and values of all paths that, read as topic names, are matched by `topic_filter`."""
        nodes = [self._root]
        first = True
        for level in topic_filter.split("/"):
            following: list[_Node[T]] = []
            for node in nodes:
                if level in ("+", "#"):
                    following += [x for k, x in node.children.items() if not (first and k.startswith("$"))]
                elif level in node.children:
                    following.append(node.children[level])
            if level == "#":
                if not first:
                    for node in nodes:
                        yield from node.values.items()
                for node in following:
                    yield from _all_below(node)
                return
            first = False
            nodes = following
        for node in nodes:
            yield from node.values.items()


def _all_below(node: _Node[T]) -> Iterator[tuple[str, T]]:
    stack = [node]
    while stack:
        node = stack.pop()
        yield from node.values.items()
        stack += node.children.values()
