"""The contexts of a demo in the user's configuration file: put there, taken away, and swept up after one that was killed."""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from guestwire.cli.demo_files import HostFiles
from guestwire.sdk import context_file, contexts
from guestwire.sdk.contexts import Context

LOCK = "demo.lock"
CONTROLLER = "controller"
"""How the context of the demo's controller ends."""
PREFIX = "guestwire-demo-"
"""Of the temporary directories that demos make and remove."""
_OURS = re.compile(r"demo\d*(-[a-z0-9-]+)?")


@contextmanager
def held(base: Path) -> Iterator[None]:
    """While the block lasts, `base` is known to be the directory of a demo that runs."""
    with (base / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def demo_contexts(context: Context, hosts: Sequence[HostFiles], managed: Context | None = None) -> Iterator[str]:
    """The demo's context, one over each host's socket, and that of the controller where there is one; gone after the block. The demo's becomes the current one
    where there was none."""
    path = contexts.default_path(os.environ)
    sweep(path)
    known = contexts.load(path)
    name = next(name for name in _names() if name not in known.contexts)
    made = [name]
    try:
        context_file.put(path, name, context, make_current=known.current is None)
        for host in hosts:
            local = Context(site=context.site, via="socket", socket=str(host.socket), host=host.host)
            context_file.put(path, f"{name}-{host.host}", local)
            made.append(f"{name}-{host.host}")
        if managed is not None:
            context_file.put(path, f"{name}-{CONTROLLER}", managed)
            made.append(f"{name}-{CONTROLLER}")
        yield name
    finally:
        for one in made:
            context_file.remove(path, one)


def sweep(path: Path) -> None:
    """Take away what demos left that ended without a chance to: their contexts, and directories of their own making."""
    for name, context in contexts.load(path).contexts.items():
        base = _base(context) if _OURS.fullmatch(name) else None
        if base is None or _runs(base):
            continue
        context_file.remove(path, name)
        if base.name.startswith(PREFIX):
            shutil.rmtree(base, ignore_errors=True)


def _base(context: Context) -> Path | None:
    """The directory of the demo that made a context: BASE/site/trust, BASE/hosts/ID/agent.sock,
    BASE/controller/token."""
    if context.socket is not None:
        return Path(context.socket).parents[2]
    if context.token_file is not None:
        return Path(context.token_file).parents[1]
    return Path(context.trust).parents[1] if context.trust is not None else None


def _runs(base: Path) -> bool:
    try:
        with (base / LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return base.exists()  # a directory without our lock is none of ours
    except OSError:
        return True
    return False


def _names() -> Iterator[str]:
    yield "demo"
    number = 2
    while True:
        yield f"demo{number}"
        number += 1
