"""The host's side of a guest's control region: requests out of it, replies into it. The guest may write anything anywhere
in it at any time, so the host keeps its own indices, trusts none of the guest's, and copies a request before it is looked at.
"""

import fcntl
import mmap
import os
from contextlib import suppress

from guestwire.shm.layouts import CONTROL, NUMBERS, REGION, REPLY, REQUEST, VERSION

BYTES = NUMBERS["GW_CONTROL_BYTES"]
REQUESTS, REQUESTS_OFFSET = NUMBERS["GW_REQUESTS"], NUMBERS["GW_REQUESTS_OFFSET"]
REPLIES, REPLIES_OFFSET = NUMBERS["GW_REPLIES"], NUMBERS["GW_REPLIES_OFFSET"]
_MASK = 2**64 - 1


def _word(field: str) -> int:
    return (REGION.size + CONTROL.offsets[field]) // 8


_INSTANCE, _VECTORS = _word("instance"), _word("vectors")
_REQUEST_HEAD, _REQUEST_TAIL = _word("request_head"), _word("request_tail")
_REPLY_HEAD, _REPLY_TAIL = _word("reply_head"), _word("reply_tail")


class ControlRegion:
    """A new region: zeroed, sealed against every change of its size (a shorter one would kill QEMU). `fd` is what QEMU maps.

    `corrupt` counts looks at which the guest's indices made no sense, `dropped` replies that the guest had no slot for.
    Raises OSError when there is no memory or file left.
    """

    def __init__(self, guest: str, instance: int, generation: int, vectors: int = NUMBERS["GW_VECTORS"]) -> None:
        self.corrupt = 0
        self.dropped = 0
        self._tail = 0
        self._head = 0
        self.fd = os.memfd_create("guestwire-control", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(self.fd, BYTES)
            fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
            self._map = mmap.mmap(self.fd, BYTES)
        except BaseException:
            os.close(self.fd)
            raise
        self._bytes = memoryview(self._map)
        # an item of such a view is read and written by one machine instruction; struct's "<Q" goes byte by byte
        self._words = self._bytes.cast("Q")
        self._header = REGION.pack(
            magic=NUMBERS["GW_MAGIC"], version=VERSION, kind=NUMBERS["GW_KIND_CONTROL"], size=BYTES,
            generation=generation, name=guest.encode()[: NUMBERS["GW_NAME_BYTES"] - 1],
        )  # fmt: skip
        self._vectors = vectors
        self.renew(instance)

    def renew(self, instance: int) -> None:
        """Sound again, whatever the guest wrote over it. What it asked and was not taken is dropped. Indices go on and do not
        begin anew: a guest that works on would put one among them that makes old requests new."""
        self._words[_INSTANCE] = 0
        self._bytes[: REGION.size] = self._header
        self._words[_VECTORS] = self._vectors
        self._words[_REQUEST_HEAD] = self._words[_REQUEST_TAIL] = self._tail
        self._words[_REPLY_TAIL] = self._words[_REPLY_HEAD] = self._head
        self.set_instance(instance)

    def set_instance(self, instance: int) -> None:
        """Which guestwire-comm serves it; 0: none does any more."""
        self._words[_INSTANCE] = instance & _MASK

    @property
    def waiting(self) -> bool:
        """Whether there is something to take."""
        return self._words[_REQUEST_HEAD] != self._tail

    def take(self) -> list[bytes]:
        """Copies of the gw_requests that wait, in order: at most GW_REQUESTS. A head that cannot be (behind the tail, or
        more than GW_REQUESTS ahead) takes nothing: what lay between is skipped, and counted as corrupt once. The guest
        does not know yet: `taken` tells it."""
        head = self._words[_REQUEST_HEAD]
        pending = (head - self._tail) & _MASK
        if not pending:
            return []
        requests: list[bytes] = []
        if pending > REQUESTS:
            self.corrupt += 1
        else:
            for n in range(pending):
                at = REQUESTS_OFFSET + (self._tail + n) % REQUESTS * REQUEST.size
                requests.append(bytes(self._bytes[at : at + REQUEST.size]))
        self._tail = head
        return requests

    def taken(self) -> None:
        """Until now a guest that rang for one of them need not have rung again, for those it put since. So whoever calls
        this makes a full memory barrier and looks once more."""
        self._words[_REQUEST_TAIL] = self._tail

    def put(self, reply: bytes) -> bool:
        """Puts one gw_reply. False, and counted: the guest has no free slot, or its tail makes no sense."""
        waiting = (self._head - self._words[_REPLY_TAIL]) & _MASK
        if waiting >= REPLIES:
            self.dropped += 1
            self.corrupt += waiting > REPLIES
            return False
        at = REPLIES_OFFSET + self._head % REPLIES * REPLY.size
        self._bytes[at : at + REPLY.size] = reply
        # x86 keeps the order of stores: who sees the head sees the slot
        self._head = (self._head + 1) & _MASK
        self._words[_REPLY_HEAD] = self._head
        return True

    def close(self) -> None:
        """Lets go of it; a QEMU that maps it still has it, with instance 0."""
        if self.fd < 0:
            return
        self.set_instance(0)
        self._words.release()
        self._bytes.release()
        self._map.close()
        with suppress(OSError):
            os.close(self.fd)
        self.fd = -1
