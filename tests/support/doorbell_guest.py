"""A guest behind its doorbell, as guestwire-comm sees one: a process that is an ivshmem client, maps the control region and
writes requests into it. Blocking calls, each with a deadline.

As a program (`python doorbell_guest.py PATH COMMAND [SECONDS]`) it is a "QEMU" of its own pid: it says `attached PEER` when it
is greeted, does what COMMAND says and stays until its standard input ends.
"""

import contextlib
import mmap
import os
import random
import select
import socket
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from guestwire.comm.ivshmem_wire import Client, Event, OwnId, PeerLeft, SharedMemory, Vector
from guestwire.shm.layouts import CONTROL, NUMBERS, REGION, REPLY, REQUEST, VERSION

DEADLINE_S = 20.0
SERVER = NUMBERS["GW_SERVER_PEER"]
_REQUEST_HEAD = (REGION.size + CONTROL.offsets["request_head"]) // 8
_REPLY_HEAD = (REGION.size + CONTROL.offsets["reply_head"]) // 8
_REPLY_TAIL = (REGION.size + CONTROL.offsets["reply_tail"]) // 8
_INSTANCE = (REGION.size + CONTROL.offsets["instance"]) // 8


class IvshmemClient:
    """What an ivshmem server told: `feed` it what was read. Its file descriptors are the caller's, in `fds`."""

    def __init__(self) -> None:
        self._decoder = Client()
        self.own = 0
        self.vectors: dict[int, list[int]] = {}
        self.memory: mmap.mmap | None = None
        self.fds: list[int] = []

    def feed(self, data: bytes, fds: Sequence[int]) -> list[Event]:
        self.fds += fds
        events = self._decoder.feed(data, fds)
        for event in events:
            match event:
                case OwnId(peer):
                    self.own = peer
                case SharedMemory(fd):
                    self.memory = mmap.mmap(fd, os.fstat(fd).st_size)
                case Vector(peer, _, fd):
                    self.vectors.setdefault(peer, []).append(fd)
                case PeerLeft(peer):
                    del self.vectors[peer]
        return events


class DoorbellGuest(IvshmemClient):
    """`with` it: it is greeted then; leaving closes everything, as a QEMU that ends does."""

    memory: mmap.mmap

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sock.settimeout(DEADLINE_S)
        self._sock.connect(str(path))
        self.number = 0
        self._seq = 0
        self._taken = 0

    def __enter__(self) -> Self:
        while len(self.vectors.get(self.own, ())) < NUMBERS["GW_VECTORS"] or not self.own:
            self._hear()
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()
        if hasattr(self, "words"):
            self.words.release()
            self.memory.close()
        for fd in self.fds:
            os.close(fd)
        self.fds.clear()

    def _hear(self) -> None:
        data, fds, _, _ = socket.recv_fds(self._sock, 8, 4)
        told = self.feed(data, fds)
        if not data:
            raise ConnectionResetError
        if any(isinstance(event, SharedMemory) for event in told):
            self.words = memoryview(self.memory).cast("Q")

    @property
    def instance(self) -> int:
        return int(self.words[_INSTANCE])

    def put(self, *requests: bytes) -> None:
        """Requests as bytes into the ring, without ringing. The guest may not have more than the slots hold under way."""
        head = self.words[_REQUEST_HEAD]
        for n, request in enumerate(requests, head):
            at = NUMBERS["GW_REQUESTS_OFFSET"] + n % NUMBERS["GW_REQUESTS"] * REQUEST.size
            self.memory[at : at + REQUEST.size] = request
        self.words[_REQUEST_HEAD] = head + len(requests)

    def ring(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_write(self.vectors[SERVER][0], 1)

    def send(self, op: str, **fields: Any) -> int:
        self._seq += 1
        self.put(REQUEST.pack(seq=self._seq, op=NUMBERS[f"GW_OP_{op}"], **fields))
        self.ring()
        return self._seq

    def recv(self, within_s: float = DEADLINE_S) -> dict[str, Any]:
        """The next reply. Raises TimeoutError."""
        end = time.monotonic() + within_s
        wake = self.vectors[self.own][0]
        while self.words[_REPLY_HEAD] == self._taken:
            if not select.select([wake], [], [], max(0.0, end - time.monotonic()))[0]:
                raise TimeoutError
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(wake)
        at = NUMBERS["GW_REPLIES_OFFSET"] + self._taken % NUMBERS["GW_REPLIES"] * REPLY.size
        reply = REPLY.unpack(self.memory[at : at + REPLY.size])
        self._taken += 1
        self.words[_REPLY_TAIL] = self._taken
        return reply

    def call(self, op: str, **fields: Any) -> dict[str, Any]:
        seq = self.send(op, **fields)
        reply = self.recv()
        assert reply["seq"] == seq, (op, reply)
        return reply

    def hello(self) -> int:
        self.number = self.call("HELLO", value=VERSION)["value"]
        return self.number

    def open(self, name: str, flags: int = 0) -> dict[str, Any]:
        return self.call("OPEN", text=name, flags=flags)

    def wait(self, *handles: int) -> int:
        """Begin to wait; the answer comes by `recv`."""
        return self.send("WAIT", count=len(handles), text=struct.pack(f"<{len(handles)}I", *handles))

    # -- what no library does

    def ring_for(self, seconds: float) -> int:
        """Ring as fast as can be, with nothing to say. How often."""
        end, rings = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            for _ in range(64):
                self.ring()
            rings += 64
        return rings

    def scribble_for(self, seconds: float, seed: int = 1) -> int:
        """Write noise over the whole control region, and over the indices again and again, ringing after each."""
        noise = random.Random(seed)
        end, times = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            at = noise.randrange(0, len(self.memory) - 256) & ~7
            self.memory[at : at + 256] = noise.randbytes(256)
            for word in (_REQUEST_HEAD, _REPLY_TAIL):
                self.words[word] = noise.choice(
                    (noise.getrandbits(64), self.words[word] + noise.randrange(300) & 2**64 - 1)
                )
            self.ring()
            times += 1
        return times

    def ask_for(self, seconds: float, requests: Sequence[bytes]) -> int:
        """Send the requests over and over as fast as they are taken, and read no reply. How many."""
        end, sent = time.monotonic() + seconds, 0
        tail = (REGION.size + CONTROL.offsets["request_tail"]) // 8
        while time.monotonic() < end:
            room = NUMBERS["GW_REQUESTS"] - (self.words[_REQUEST_HEAD] - self.words[tail])
            if room <= 0:
                time.sleep(0.0005)
                continue
            some = [requests[(sent + n) % len(requests)] for n in range(min(room, 64))]
            self.put(*some)
            self.ring()
            sent += len(some)
        return sent


def vanish(path: Path, times: int) -> None:
    for _ in range(times):
        with DoorbellGuest(path) as guest:
            guest.send("HELLO", value=VERSION)


def denied_requests(names: Sequence[str]) -> list[bytes]:
    return [REQUEST.pack(seq=n, op=NUMBERS["GW_OP_OPEN"], text=name) for n, name in enumerate(names, 1)]


def main(path: Path, command: str, seconds: float, names: Sequence[str]) -> None:
    if command == "vanish":
        vanish(path, int(seconds))
        print("done", flush=True)
        return
    with DoorbellGuest(path) as guest:
        number = guest.hello()
        print(f"attached {guest.own} {number}", flush=True)
        did = {
            "hold": lambda: 0,
            "ring": lambda: guest.ring_for(seconds),
            "scribble": lambda: guest.scribble_for(seconds),
            "ask": lambda: guest.ask_for(seconds, denied_requests(names)),
        }[command]()
        print(f"done {did}", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]) if len(sys.argv) > 3 else 0.0, sys.argv[4:])
