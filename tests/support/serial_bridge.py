"""A virtio-serial channel without a guest: a terminal that the library opens, and the socket that QEMU would have bound, to
which guestwire-comm connects."""

import os
import select
import socket
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PIECE = 65536


@contextmanager
def serial_bridge(path: Path) -> Iterator[str]:
    """The terminal's name. It is connected when guestwire-comm has come to the socket at `path`."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    stop_read, stop_write = os.pipe()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)
        listener.settimeout(20.0)
        connection, _ = listener.accept()
        thread = threading.Thread(target=_pump, args=(ours, connection, stop_read))
        thread.start()
        try:
            yield os.ttyname(theirs)
        finally:
            os.close(stop_write)
            thread.join(20.0)
            connection.close()
            path.unlink(missing_ok=True)
            for file in (ours, theirs, stop_read):
                os.close(file)


def _pump(terminal: int, connection: socket.socket, stop: int) -> None:
    while True:
        ready, _, _ = select.select([terminal, connection, stop], [], [])
        if stop in ready:
            return
        if terminal in ready:
            connection.sendall(os.read(terminal, PIECE))
        if connection in ready:
            data = connection.recv(PIECE)
            if not data:
                return
            while data:
                data = data[os.write(terminal, data) :]
