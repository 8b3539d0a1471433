"""The serial way in C, over a pseudo terminal: frames in a stream that begins with the half of another."""

import asyncio
import os
import tty
from collections.abc import Callable
from pathlib import Path

from guestwire.shm.layouts import FRAME, NUMBERS, REPLY, REQUEST

RUN_S = 30.0
N = NUMBERS
COOKIE = 0xC0FFEE


def frame(kind: str, body: bytes) -> bytes:
    magic, number = N["GW_FRAME_MAGIC"], N[f"GW_FRAME_{kind}"]
    return FRAME.pack(magic=magic, type=number, length=len(body), check=magic ^ number ^ len(body)) + body


class Host:
    """What guestwire-comm does at its end of the port: HELLO and PING are answered, the rest is not known."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._came = b""
        self.asked: list[int] = []
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
        self.payloads.append(payload)
        known = op in (N["GW_OP_HELLO"], N["GW_OP_PING"], N["GW_OP_LOG"])
        reply = REPLY.pack(
            seq=request["seq"], code=N["GW_OK"] if known else N["GW_UNSUPPORTED"],
            value=1 if op == N["GW_OP_LOG"] else request["value"], at_ns=7777,
        )  # fmt: skip
        other = frame("REPLY", REPLY.pack(seq=request["seq"] ^ 1, value=99))
        os.write(self._fd, other[:40] + frame("REPLY", b"short") + b"GWGW" + other + frame("REPLY", reply))


async def test_requests_and_replies_pass_a_stream(make: Callable[[str], Path]) -> None:
    program = await asyncio.to_thread(make, "sanitized") / "gwguest-sanitized"
    here, there = os.openpty()
    tty.setraw(there)
    host = Host(here)
    loop = asyncio.get_running_loop()
    loop.add_reader(here, host.readable)

    async def guest(*words: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            program, "--at", f"serial:{os.ttyname(there)}", *words,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        async with asyncio.timeout(RUN_S):
            said, _ = await process.communicate()
        return process.returncode, said.decode()

    try:
        assert await guest("who") == (0, "serial peer 1\n")
        code, printed = await guest("ping", hex(COOKIE))
        assert (code, printed.split()[:2]) == (0, ["host_ns", "7777"])
        text = "x" * N["GW_PAYLOAD_MAX"]
        assert await guest("log", text) == (0, "truncated\n")
        assert host.payloads[-1] == text.encode()
        code, complaint = await guest("ready")
        assert (code, "cannot do that" in complaint) == (10 - N["GW_UNSUPPORTED"], True)
        assert (await guest("area", "read", "any"))[0] == 10 - N["GW_NOT_FOUND"]
    finally:
        loop.remove_reader(here)
        os.close(here)
        os.close(there)
    assert host.asked.count(N["GW_OP_HELLO"]) == 5
