"""Operation -> handler: the whole dispatch of guestwire-comm, as two tables."""

from collections.abc import Mapping
from typing import Protocol

from guestwire.comm.area_calls import AreaCalls
from guestwire.comm.content_calls import ContentCalls
from guestwire.comm.event_calls import EventCalls
from guestwire.comm.event_reads import EventReads
from guestwire.comm.results import Handler
from guestwire.comm.sharing import shared
from guestwire.model.base import Model
from guestwire.model.communication import CommDocument
from guestwire.model.errors import GuestwireError
from guestwire.protocol import comm_models as w
from guestwire.protocol.operation_models import Empty
from guestwire.protocol.steps import Call


class Process(Protocol):
    """The services as a whole."""

    def status(self) -> w.CommStatus: ...

    async def start(self) -> None: ...

    async def stop(self, *, force: bool) -> None: ...

    async def restart(self, *, force: bool) -> None: ...

    async def apply(self, document: CommDocument) -> None: ...

    async def settle(self) -> None: ...

    def held(self) -> w.CommHeld: ...

    def plugs(self, guest: str) -> w.CommPlugs: ...

    def guest_reset(self, guest: str) -> None: ...


class NetReads(Protocol):
    async def views(self) -> tuple[w.NetView, ...]: ...


class Following(Protocol):
    async def follow(self, asked: w.CommFollow) -> w.Happenings: ...


def reads(
    process: Process, areas: AreaCalls, events: EventReads, contents: ContentCalls, nets: NetReads, telling: Following
) -> Mapping[str, Handler]:
    """Operations without an effect."""

    async def net_show(call: Call) -> w.NetView:
        wanted: w.NameRef = call.request
        found = next((net for net in await nets.views() if net.name == wanted.name), None)
        if found is None:
            raise GuestwireError("NOT-FOUND", f"There is no network {wanted.name}.", field="name")
        return found

    async def net_list(_call: Call) -> w.NetList:
        return w.NetList(networks=await nets.views())

    async def follow(call: Call) -> w.Happenings:
        return await telling.follow(call.request)

    return {
        "comm-status": lambda _: process.status(),
        "area-list": areas.list_all,
        "area-show": areas.show,
        "area-dump": areas.dump,
        "event-list": events.list_all,
        "event-show": events.show,
        "queue-list": contents.queues,
        "queue-show": contents.queue,
        "lock-list": contents.locks,
        "net-list": net_list,
        "net-show": net_show,
        "comm-held": lambda _: process.held(),
        "comm-plugs": lambda call: process.plugs(call.request.guest),
        "comm-follow": follow,
    }


def effects(process: Process, events: EventCalls, shown: EventReads, contents: ContentCalls) -> Mapping[str, Handler]:
    """Operations with an effect."""

    async def start(_call: Call) -> w.CommStatus:
        await process.start()
        return process.status()

    async def stop(call: Call) -> w.CommStatus:
        await process.stop(force=call.request.force)
        return process.status()

    async def restart(call: Call) -> w.CommStatus:
        await process.restart(force=call.request.force)
        return process.status()

    async def apply(call: Call) -> w.CommStatus:
        # a document is large: what came is let go before there is more of it in other forms
        document, call.request = shared(call.request.document), None
        await process.apply(document)
        return process.status()

    async def settle(_call: Call) -> w.CommStatus:
        await process.settle()
        return process.status()

    def guest_reset(call: Call) -> Model:
        process.guest_reset(call.request.guest)
        return Empty()

    def signal(call: Call) -> w.EventView:
        events.signal(call)
        return shown.show(call)

    def reset(call: Call) -> w.EventView:
        events.reset(call)
        return shown.show(call)

    return {
        "comm-start": start,
        "comm-stop": stop,
        "comm-restart": restart,
        "comm-apply": apply,
        "comm-settle": settle,
        "comm-guest-reset": guest_reset,
        "event-signal": signal,
        "event-reset": reset,
        "event-wait": events.wait,
        "lock-break": contents.break_lock,
    }
