"""MQTT topic names and topic filters: what is valid, and which filter matches which name (MQTT 5, 4.7).

Pure. The codec guard, the transports and the test broker all decide with these functions.
"""

SHARE_PREFIX = "$share/"
"""How the topic filter of a shared subscription begins (MQTT 5, 4.8.2). Guestwire itself never uses one."""

LONGEST_UTF8 = 65_535
"""Bytes in the longest UTF-8 string of MQTT (1.5.4)."""


def valid_topic_name(name: str) -> bool:
    """Whether a message can be published to `name`: not empty, no wildcard, no NUL, at most 65,535 bytes of UTF-8."""
    if not name or "+" in name or "#" in name:
        return False
    return _valid_string(name)


def valid_topic_filter(topic_filter: str) -> bool:
    """Whether one can subscribe to it: `#` only as the whole last level, `+` only as a whole level (4.7.1).

    A filter that begins with `$share/` must name a group without wildcards and a filter after it.
    """
    if not topic_filter or not _valid_string(topic_filter):
        return False
    if topic_filter.startswith(SHARE_PREFIX):
        group, slash, topic_filter = topic_filter[len(SHARE_PREFIX) :].partition("/")
        if not group or not slash or not topic_filter or "+" in group or "#" in group:
            return False
    if "+" not in topic_filter and "#" not in topic_filter:
        return True
    levels = topic_filter.split("/")
    last = len(levels) - 1
    return all(
        level in ("+", "#") and (level == "+" or at == last)
        for at, level in enumerate(levels)
        if "+" in level or "#" in level
    )


def matches(topic_filter: str, name: str) -> bool:
    """Whether a message to `name` belongs to a subscription to `topic_filter`; both must be valid.

    A wildcard in the first level does not match a name that begins with `$` (4.7.2); `a/#` matches `a` as well.
    """
    if topic_filter == name:
        return True
    if name.startswith("$") and topic_filter[0] in "+#":
        return False
    wanted = topic_filter.split("/")
    have = name.split("/")
    for at, level in enumerate(wanted):
        if level == "#":
            return True
        if at == len(have) or level not in ("+", have[at]):
            return False
    # `a/#` has matched `a` only if the loop reached the `#`: it did not when the name ended one level before it
    return len(wanted) == len(have)


def _valid_string(text: str) -> bool:
    if "\0" in text:
        return False
    if len(text) * 4 <= LONGEST_UTF8 and text.isascii():
        return True
    try:
        return len(text.encode()) <= LONGEST_UTF8
    except UnicodeEncodeError:
        return False
