"""QEMU's monitor (QMP) of a running domain, through libvirt. Blocking calls, for a thread."""

import json
from collections.abc import Sequence
from typing import Any

import libvirt_qemu


class Refused(Exception):
    """QEMU did not do what it was told; the text is its own."""


class Monitor:
    """libvirt does not look at what passes here, and marks the domain as tainted. Raises libvirt.libvirtError for a domain
    without a process, and Refused."""

    def __init__(self, domain: Any) -> None:
        self._domain = domain

    def run(self, command: str, files: Sequence[int] = (), **arguments: Any) -> Any:
        """What QEMU returns. `files` go with the command."""
        text = json.dumps({"execute": command, "arguments": {_qmp(name): value for name, value in arguments.items()}})
        answer, returned = libvirt_qemu.qemuMonitorCommandWithFiles(self._domain, text, list(files), 0)
        for file in returned:
            file.close()
        reply = json.loads(answer)
        if "error" in reply:
            raise Refused(str(reply["error"].get("desc", reply["error"])))
        return reply.get("return")

    def children(self, path: str) -> frozenset[str]:
        """The names of the objects below one of QEMU's object tree."""
        return frozenset(str(child["name"]) for child in self.run("qom-list", path=path))


def _qmp(name: str) -> str:
    """QMP's names have hyphens; those with an underscore are exceptions that we do not use."""
    return name.replace("_", "-")
