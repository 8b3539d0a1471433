from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guestwire.comm.ivshmem_wire import (
    MAX_PEER,
    Client,
    Event,
    Message,
    OwnId,
    PeerLeft,
    SharedMemory,
    Vector,
    WireError,
    introduction,
    left,
    vectors,
)  # fmt: skip

OPENING = introduction(7, 100)


def heard(messages: Sequence[Message], client: Client | None = None) -> list[Event]:
    client = client or Client()
    events = []
    for message in messages:
        events += client.feed(message.encode(), () if message.fd is None else (message.fd,))
    return events


def test_what_the_specification_says_byte_by_byte():
    """ivshmem spec, "The ivshmem Client-Server Protocol", steps 1 to 6."""
    said = [*introduction(3, 100), *vectors(1, [101, 102]), *vectors(3, [103]), left(1)]
    assert [(message.encode().hex(), message.fd) for message in said] == [
        ("0000000000000000", None),
        ("0300000000000000", None),
        ("ffffffffffffffff", 100),
        ("0100000000000000", 101),
        ("0100000000000000", 102),
        ("0300000000000000", 103),
        ("0100000000000000", None),
    ]


def test_the_client_understands_the_server():
    assert heard([*OPENING, *vectors(1, [101, 102]), *vectors(7, [103]), left(1), *vectors(9, [104])]) == [
        OwnId(7), SharedMemory(100), Vector(1, 0, 101), Vector(1, 1, 102), Vector(7, 0, 103), PeerLeft(1), Vector(9, 0, 104),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "said",
    [
        [Message(1)],
        [Message(-1)],
        [Message(0, 5)],
        [Message(0), Message(-1)],
        [Message(0), Message(MAX_PEER + 1)],
        [Message(0), Message(3, 5)],
        [Message(0), Message(3), Message(-1)],
        [Message(0), Message(3), Message(4, 5)],
        [*OPENING, Message(-1, 5)],
        [*OPENING, Message(-2)],
        [*OPENING, Message(-(2**63), 5)],
        [*OPENING, Message(MAX_PEER + 1, 5)],
        [*OPENING, left(7)],
        [*OPENING, *vectors(9, [1, 2, 3, 4, 5])],
    ],
    ids=str,
)
def test_the_client_refuses_what_makes_no_sense(said):
    client = Client(max_vectors=4)
    heard(said[:-1], client)
    with pytest.raises(WireError):
        heard(said[-1:], client)
    with pytest.raises(WireError):
        heard([left(9)], client)


@given(st.lists(st.integers(1, 25), min_size=1), st.data())
def test_messages_come_whole_however_they_are_cut(cuts, data):
    """As the kernel cuts them: a read ends with the message that has a file descriptor, or earlier."""
    said = [*OPENING, *vectors(1, [101, 102, 103]), left(1), left(2), left(3), *vectors(9, [104])]
    client, events = Client(), []
    chunk, fds = b"", []
    for message in said:
        rest, fd = message.encode(), message.fd
        while rest:
            size = data.draw(st.integers(1, 8))
            chunk, rest = chunk + rest[:size], rest[size:]
            if fd is not None:
                fds, fd = [fd], None
            if fds or rest or data.draw(st.booleans()):
                events += client.feed(chunk, fds)
                chunk, fds = b"", []
    events += client.feed(chunk, fds)
    assert events == heard(said)


small = st.integers(-3, 12).map(lambda n: n.to_bytes(8, "little", signed=True))
noise = st.lists(
    st.tuples(st.one_of(st.binary(max_size=40), small), st.lists(st.integers(3, 9), max_size=3)), max_size=60
)


@settings(max_examples=100)
@given(noise, st.booleans())
def test_noise_is_understood_or_refused(chunks, opened):
    client = Client(max_vectors=8)
    if opened:
        heard(OPENING, client)
    given_fds, back = [], []
    for data, fds in chunks:
        given_fds += fds
        try:
            events = client.feed(data, fds)
        except WireError:
            break
        back += [event.fd for event in events if isinstance(event, Vector | SharedMemory)]
    for fd in back:  # never more files than came
        given_fds.remove(fd)
