"""The TCP listener of one host, wired: what comes in goes to the executor, what the host says goes out, and whoever loses the
site's trust is out. What it takes is imported by the hosts that have one."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guestwire.agent.announcer import Announcer
from guestwire.agent.audit import AuditTrail
from guestwire.agent.time_floor import TimeFloor
from guestwire.agent.trust_keeper import TrustKeeper
from guestwire.link.clock import now
from guestwire.link.host_port import HostPort
from guestwire.model.errors import GuestwireError
from guestwire.model.host import ClockQuality
from guestwire.protocol.executor import Executor

if TYPE_CHECKING:
    from guestwire.link.framed_server import Receive
    from guestwire.link.tcp_arrival import Deadlines, ServerTls


@dataclass(frozen=True, slots=True)
class ListenerParts:
    """Where clients may connect without a broker, and how (`link.tcp_server`). `clock` and `floor`: how to judge times."""

    address: HostPort
    tls: "ServerTls"
    most: int
    most_of_one: int
    deadlines: "Deadlines"
    clock: Callable[[], ClockQuality]
    floor: TimeFloor


async def listen(
    stack: AsyncExitStack,
    parts: ListenerParts,
    receive: "Receive",
    executor: Executor,
    audit: AuditTrail,
    announcer: Announcer,
    keeper: TrustKeeper,
) -> None:
    """Listen until the stack ends. Raises CONFIG-INVALID where it cannot."""
    from guestwire.agent.tcp_admission import TcpAdmission
    from guestwire.link.tcp_server import TcpServer

    admission = TcpAdmission(executor.host, lambda: executor.trust, now, parts.clock, parts.floor)
    made = TcpServer(
        parts.address, executor.site, executor.host, receive, tls=parts.tls, admission=admission,
        on_refused=audit.turned_away, most=parts.most, most_of_one=parts.most_of_one, deadlines=parts.deadlines,
    )  # fmt: skip
    try:
        server = await stack.enter_async_context(made)
    except OSError as err:
        host, port = parts.address
        text = f"listener.address: cannot listen at {host or 'any address'}, port {port}: {err.strerror or err}"
        raise GuestwireError("CONFIG-INVALID", text, field="listener.address") from err
    keeper.taken.append(lambda _: server.trust_changed())
    announcer.add_local(server)
