"""Both ends of a Python pair, as pair.h has it for C: `SCRIPT CALLER_CPU OTHER_CPU WORK [ARGUMENT ...]` forks, pins each end,
takes orders {"count": N} and answers {"seconds": S}: from the order until both ends have done it N times."""

import gc
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from orders import say

Turn = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Work:
    """`open` is called in each end, with whether it is the caller: what that end does. `before` is called before the fork:
    its result is the last argument of `open`."""

    open: Callable[..., Turn]
    before: Callable[[], object] | None = None


def main(argv: Sequence[str], works: Mapping[str, Work]) -> None:
    caller_cpu, other_cpu, name, *arguments = argv
    work = works[name]
    inherited = () if work.before is None else (work.before(),)
    mine, others = socket.socketpair()
    other = os.fork()
    is_caller = other != 0
    os.sched_setaffinity(0, {int(caller_cpu if is_caller else other_cpu)})
    line = mine if is_caller else others
    (others if is_caller else mine).close()
    try:
        turn = work.open(is_caller, *arguments, *inherited)
        gc.collect()
        gc.freeze()
        if is_caller:
            _serve_orders(line, turn)
        else:
            _serve_other(line, turn)
    finally:
        line.close()
        if is_caller:
            os.waitpid(other, 0)


def _serve_other(line: socket.socket, turn: Turn) -> None:
    line.sendall(b"r")
    while count := line.recv(8):
        turn(int.from_bytes(count))
        line.sendall(b"d")


def _serve_orders(line: socket.socket, turn: Turn) -> None:
    if line.recv(1) != b"r":
        raise SystemExit("the other end did not begin")
    say(ready=True)
    for order in sys.stdin:
        count = int(json.loads(order)["count"])
        began = time.perf_counter()
        line.sendall(count.to_bytes(8))
        turn(count)
        if line.recv(1) != b"d":
            raise SystemExit("the other end did not come to its end")
        say(seconds=time.perf_counter() - began)
