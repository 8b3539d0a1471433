"""Operation -> handler: the whole dispatch of guestwire-comm, as two tables."""

from collections.abc import Callable, Mapping
from typing import Protocol

from guestwire.comm.area_calls import AreaCalls
from guestwire.comm.content_calls import ContentCalls
from guestwire.comm.event_calls import EventCalls
from guestwire.comm.event_reads import EventReads
from guestwire.comm.long_lists import listed
from guestwire.comm.results import Handler
from guestwire.comm.sharing import shared
from guestwire.comm.trust import party_of
from guestwire.model.base import Model
from guestwire.model.communication import CommDocument
from guestwire.model.errors import GuestwireError
from guestwire.model.events import REMOTE
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

    async def mapped(self, asked: w.MappedRef) -> w.CommMapped: ...

    def guest_reset(self, guest: str) -> None: ...


class NetReads(Protocol):
    async def views(self) -> tuple[w.NetView, ...]: ...


class Following(Protocol):
    async def follow(self, asked: w.CommFollow) -> w.Happenings: ...


def reads(
    process: Process,
    areas: AreaCalls,
    events: EventReads,
    contents: ContentCalls,
    nets: NetReads,
    telling: Following,
    metrics: Handler,
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

    async def mapped(call: Call) -> w.CommMapped:
        return await process.mapped(call.request)

    return {
        "comm-status": lambda _: process.status(),
        "area-list": listed(areas.list_all, "area"),
        "area-show": areas.show,
        "area-dump": areas.dump,
        "event-list": listed(events.list_all, "event"),
        "event-show": events.show,
        "queue-list": listed(contents.queues, "queue"),
        "queue-show": contents.queue,
        "lock-list": contents.locks,
        "net-list": net_list,
        "net-show": net_show,
        "comm-held": lambda _: process.held(),
        "comm-plugs": lambda call: process.plugs(call.request.guest),
        "comm-mapped": mapped,
        "comm-metrics": metrics,
        "comm-follow": follow,
    }


def effects(
    process: Process,
    events: EventCalls,
    shown: EventReads,
    contents: ContentCalls,
    done: Callable[[str, str, str], None],
) -> Mapping[str, Handler]:
    """Operations with an effect. `done(kind, asked_as, name)` hears what the cloud did; a user of the host could do it without
    an operation too."""

    def told(kind: str, call: Call) -> None:
        if party_of(call) == REMOTE:
            done(kind, call.asked_as, call.request.name)

    def signal(call: Call) -> w.EventView:
        events.signal(call)
        told("signalled", call)
        return shown.show(call)

    def reset(call: Call) -> w.EventView:
        events.reset(call)
        told("reset", call)
        return shown.show(call)

    def break_lock(call: Call) -> w.LockView:
        view = contents.break_lock(call)
        told("broken", call)
        return view

    return {
        **_of_process(process),
        "event-signal": signal,
        "event-reset": reset,
        "event-wait": events.wait,
        "lock-break": break_lock,
    }


def _of_process(process: Process) -> Mapping[str, Handler]:
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

    return {
        "comm-start": start,
        "comm-stop": stop,
        "comm-restart": restart,
        "comm-apply": apply,
        "comm-settle": settle,
        "comm-guest-reset": guest_reset,
    }
