"""The stream to 50 viewers while 500 hosts a second change: from the moment that a service publishes a change until a viewer in
another process has read it as JSON. Every viewer is sent every change.

The server is the controller's own API over a real database; what publishes is a loop beside it. Each viewer has a connection and
each third a different user, of whom one sees hosts by its site and the others all.
"""

import contextlib
from pathlib import Path

from children import Child, cpu_s, python, scratch
from rows import Row, median
from settings import Settings

VIEWERS = 50
RATE = 500
SECONDS = 15.0
TARGET_MS = 250.0


def run(settings: Settings) -> list[Row]:
    runs = 1 if settings.quick else min(settings.runs, 3)
    said = [_measured(settings.seconds(SECONDS)) for _ in range(runs)]
    name = f"{VIEWERS} viewers at {RATE} changes a second"
    return [
        Row("controller_stream", f"{name}: from published to read, p95", median([one["p95_ms"] for one in said]), "ms", None, "<=", TARGET_MS),
        Row("controller_stream", f"{name}: median", median([one["p50_ms"] for one in said]), "ms"),
        Row("controller_stream", f"{name}: longest", median([one["longest_ms"] for one in said]), "ms"),
        Row("controller_stream", f"{name}: share of the changes that viewers were sent", median([one["share"] for one in said]), "", None, ">=", 1.0),
        Row("controller_stream", f"{name}: the server's processor time, share of one", median([one["cpu"] for one in said]), ""),
    ]  # fmt: skip


def _measured(seconds: float) -> dict[str, float]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(scratch()))
        server = stack.enter_context(Child(python("controller_stream_server.py", str(folder)), "free"))
        ready = server.answer(60)
        viewers = stack.enter_context(
            Child(python("controller_stream_viewers.py", ready["url"], *ready["tokens"]), "free")
        )
        viewers.answer()
        viewers.order({"order": "open", "viewers": VIEWERS})
        used = cpu_s(server.pid)
        published = server.order({"rate": RATE, "seconds": seconds}, seconds + 60)
        used = cpu_s(server.pid) - used
        said = viewers.order({"order": "told", "changes": published["changes"] * VIEWERS})
        return {**said, "share": said["read"] / (published["changes"] * VIEWERS), "cpu": used / published["seconds"]}
