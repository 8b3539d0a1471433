"""A trial leaves nothing: the networks of a guestwire-comm that is ephemeral go with it; else they stay."""

import os
import signal
from pathlib import Path

import pytest
from comm_process import comm_process, document

from guestwire.comm.client import CommClient
from guestwire.model.networks import VirtualNet


def servers(folder: Path) -> list[int]:
    """The DHCP servers whose configuration is below that folder."""
    return [
        int(entry.parent.name)
        for entry in Path("/proc").glob("[0-9]*/cmdline")
        if f"--conf-file={folder}".encode() in entry.read_bytes()
    ]


@pytest.mark.parametrize("ephemeral", [True, False])
async def test_networks_go_with_a_trial_and_stay_otherwise(tmp_path: Path, ephemeral: bool) -> None:
    network = VirtualNet(name="cells", cidr="10.77.0.0/24")
    async with (
        comm_process(tmp_path, "--ephemeral", str(ephemeral).lower()) as comm,
        CommClient(comm.dir) as client,
    ):
        await client.apply(document("a", networks=(network,)))
        (server,) = servers(comm.dir)
    assert servers(comm.dir) == ([] if ephemeral else [server])
    if not ephemeral:
        os.kill(server, signal.SIGTERM)
