"""The serial way in C, over a pseudo terminal: frames in a stream that begins with the half of another."""

import asyncio
import os
import struct
import tty
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from guestwire.shm.layouts import FRAME, NUMBERS, REPLY, REQUEST

RUN_S = 30.0
N = NUMBERS
COOKIE = 0xC0FFEE


def frame(kind: str, body: bytes) -> bytes:
    magic, number = N["GW_FRAME_MAGIC"], N[f"GW_FRAME_{kind}"]
    return FRAME.pack(magic=magic, type=number, length=len(body), check=magic ^ number ^ len(body)) + body


class Host:
    """What guestwire-comm does at its end of the port: HELLO, PING, LOG and what else is `known` are answered, the rest is
    not."""

    def __init__(self, fd: int, *known: str) -> None:
        self._fd = fd
        self._known = {N[f"GW_OP_{name}"] for name in ("HELLO", "PING", "LOG", *known)}
        self._came = b""
        self.asked: list[int] = []
        self.numbers: list[int] = []
        self.payloads: list[bytes] = []

    def readable(self) -> None:
        self._came += os.read(self._fd, 65536)
        while len(self._came) >= FRAME.size:
            head = FRAME.unpack(self._came)
            assert head["check"] == head["magic"] ^ head["type"] ^ head["length"]
            if len(self._came) < FRAME.size + head["length"]:
                return
            body = self._came[FRAME.size : FRAME.size + head["length"]]
            self._came = self._came[FRAME.size + head["length"] :]
            self._answer(REQUEST.unpack(body), body[REQUEST.size :])

    def _answer(self, request: dict[str, int], payload: bytes) -> None:
        op = request["op"]
        self.asked.append(op)
        self.numbers.append(request["seq"])
        self.payloads.append(payload)
        known = op in self._known
        reply = REPLY.pack(
            seq=request["seq"], code=N["GW_OK"] if known else N["GW_UNSUPPORTED"],
            value=1 if op == N["GW_OP_LOG"] else request["value"], at_ns=7777,
        )  # fmt: skip
        other = frame("REPLY", REPLY.pack(seq=request["seq"] ^ 1, value=99))
        os.write(self._fd, other[:40] + frame("REPLY", b"short") + b"GWGW" + other + frame("REPLY", reply))


@asynccontextmanager
async def port(*known: str) -> AsyncIterator[tuple[Host, str]]:
    """The host, and the name of the port in the guest."""
    here, there = os.openpty()
    tty.setraw(there)
    host = Host(here, *known)
    loop = asyncio.get_running_loop()
    loop.add_reader(here, host.readable)
    try:
        yield host, os.ttyname(there)
    finally:
        loop.remove_reader(here)
        os.close(here)
        os.close(there)


async def said(program: Path, *words: str | Path) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        program, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(RUN_S):
        text, _ = await process.communicate()
    return process.returncode, text.decode()


async def test_requests_and_replies_pass_a_stream(make: Callable[[str], Path]) -> None:
    program = await asyncio.to_thread(make, "sanitized") / "gwguest-sanitized"
    async with port() as (host, name):

        async def guest(*words: str) -> tuple[int | None, str]:
            return await said(program, "--at", f"serial:{name}", *words)

        assert await guest("who") == (0, "serial peer 1\n")
        code, printed = await guest("ping", hex(COOKIE))
        assert (code, printed.split()[:2]) == (0, ["host_ns", "7777"])
        text = "x" * N["GW_PAYLOAD_MAX"]
        assert await guest("log", text) == (0, "truncated\n")
        assert host.payloads[-1] == text.encode()
        code, complaint = await guest("ready")
        assert (code, "cannot do that" in complaint) == (10 - N["GW_UNSUPPORTED"], True)
        assert (await guest("area", "read", "any"))[0] == 10 - N["GW_NOT_FOUND"]
    assert host.asked.count(N["GW_OP_HELLO"]) == 5


async def test_what_the_host_answers_is_in_the_guests_trace(c_program: Callable[[str], Path], tmp_path: Path) -> None:
    program = await asyncio.to_thread(c_program, "trace")
    for file in ("trace_marker", "trace_marker_raw"):
        (tmp_path / file).touch()
    async with port("AVAILABLE", "DATA", "FLUSH") as (host, name):
        code, printed = await said(program, f"serial:{name}", tmp_path)
    assert (code, printed.split()[1::2]) == (0, ["0"] * 6)
    hello, available, *served = host.numbers
    assert served == sorted({hello, available, *served})[2:]
    kinds = ("ping", "log", "data", "data", "data", "flush")
    more = ("", "", " bytes=4096", " bytes=3", " bytes=5000", "")
    assert (tmp_path / "trace_marker").read_text().splitlines() == [
        f"guestwire {kind} request={number} host_ns=7777{rest}"
        for kind, number, rest in zip(kinds, served, more, strict=True)
    ]
    data = bytes(n % 251 for n in range(5000))
    first, second, third = served[2:5]
    assert (tmp_path / "trace_marker_raw").read_bytes() == b"".join(
        b"GWDT" + struct.pack("<IHH", number, part, parts) + bytes_
        for number, part, parts, bytes_ in (
            (first, 0, 2, data[:2048]), (first, 1, 2, data[2048:4096]), (second, 0, 1, b"xyz"),
            (third, 0, 3, data[:2048]), (third, 1, 3, data[2048:4096]), (third, 2, 3, data[4096:]),
        )
    )  # fmt: skip
