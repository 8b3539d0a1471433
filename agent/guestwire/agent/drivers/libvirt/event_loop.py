"""libvirt's event loop: one daemon thread per process, running libvirt's own default implementation.

Why not libvirtaio: keepalive answers and stream events must go on while our loop is busy, and libvirt takes one
implementation per process, for ever, before the first connection, while event loops come and go. Callbacks run in this
thread: they hand what they got to the asyncio loop and return at once.
"""

import threading
import time

import libvirt

_lock = threading.Lock()
_thread: threading.Thread | None = None


def ensure_event_loop() -> None:
    """Register the implementation and start its thread, once per process. Call it before libvirt.open."""
    global _thread  # libvirt's registration is as global
    with _lock:
        if _thread is None:
            libvirt.registerErrorHandler(_drop, None)
            libvirt.virEventRegisterDefaultImpl()
            _thread = threading.Thread(target=_run, name="libvirt-events", daemon=True)
            _thread.start()


def _drop(_context: object, _error: object) -> None:
    """libvirt would print every error to stderr; all of them reach us as exceptions anyway."""


def _run() -> None:
    while True:
        try:
            libvirt.virEventRunDefaultImpl()
        except libvirt.libvirtError:
            time.sleep(0.1)  # a broken descriptor must not make this thread spin
