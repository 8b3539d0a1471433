"""Processes forked, one after the other, from one that has imported all: they begin at once.

    python nursery.py SCRIPT     reads orders on stdin, a JSON object a line

SCRIPT has `async def serve(order)`: for each order a child runs it to its end. {"started": PID} and {"ended": STATUS} are written on
stdout, and between them what the child says.
"""

import asyncio
import json
import os
import runpy
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

import uvloop

from guestwire.broker_test.child import end_with_parent


async def start_nursery(script: Path, stderr: int | None = None) -> Process:
    """Start one; its owner ends it. When it ends, so does its child."""
    return await asyncio.create_subprocess_exec(
        sys.executable, __file__, str(script), stdin=PIPE, stdout=PIPE, stderr=stderr
    )


def say(**values: Any) -> None:
    """A line on stdout, in one piece, for there are two who write."""
    os.write(1, (json.dumps(values) + "\n").encode())


def main(script: str) -> None:
    end_with_parent()
    serve = runpy.run_path(script)["serve"]
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            end_with_parent()
            try:
                uvloop.run(serve(order))
            except BaseException as err:  # noqa: BLE001 - whatever it is, the child must not go on as its parent
                sys.stderr.write(f"{script}: {err!r}\n")
                os._exit(1)
            os._exit(0)
        say(started=child)
        _, status = os.waitpid(child, 0)
        say(ended=os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(sys.argv[1])
