"""People and hosts for tests of the controller's fleet: who may do what, and hosts that answer calls without a link."""

from collections.abc import Callable

from guestwire.controller.host_ref import HostRef
from guestwire.controller.users.person import Binding, Person, Role
from guestwire.link.invoke import OnEvent
from guestwire.model.base import Model
from guestwire.model.errors import GuestwireError
from guestwire.model.guest import Guest, GuestStatus, GuestView
from guestwire.model.host import Capabilities, Host, HostFacts
from guestwire.model.topology import Cpu, Node, PciDevice, Topology
from guestwire.protocol import operation_models as m
from guestwire.protocol.config_models import HostTopology
from guestwire.protocol.operations import Operation
from guestwire.protocol.pending import Done


def person(role: Role = "admin", scope: str = "*", name: str = "anna") -> Person:
    return Person(f"id-{name}", name, (Binding(role, scope),))


def host_facts(ref: HostRef, **changed: object) -> Host:
    facts = HostFacts(
        hostname=f"Machine-{ref.host}", kernel="6.1.0-18-rt", boot_id="b", machine="x86_64", cpus=8, memory_mib=16_384,
        memory_free_mib=4096, capabilities=Capabilities(kvm=True, rt_kernel=True, cgroup="v2"), topology_fingerprint="f1",
    )  # fmt: skip
    made = Host(
        id=ref.host, site=ref.site, label=f"own {ref.host}", driver="libvirt", agent_version="0.1", epoch=1, started_at=1,
        now=1, clock="synchronised", hypervisor_connected=True, facts=facts, guests=1, guests_running=1,
        messages_last_seq=0,
    )  # fmt: skip
    return made.model_copy(update=changed)


def guest_view(name: str, number: int = 1, state: str = "running", as_of: int = 1) -> GuestView:
    guest = Guest(
        name=name, id=f"GUEST{number:04d}", uuid=f"00000000-0000-4000-8000-{number:012d}", kind="rt", comments="Ladle"
    )
    return GuestView(guest=guest, status=GuestStatus(state=state, as_of=as_of, source="poll"))  # type: ignore[arg-type]


TOPOLOGY = Topology(
    fingerprint="f1",
    cpus=tuple(Cpu(id=n) for n in range(8)),
    nodes=(Node(id=0, memory_mib=16_384),),
    devices=(PciDevice(address="0000:01:00.0", pci_class=2, vendor=0x8086, device=0x1533, driver="igb"),),
)


class FakeCalls:
    """HostCalls that answer at once. `answers`: by operation, what a host answers; an error is raised. `asked` has every call."""

    def __init__(self) -> None:
        self.asked: list[tuple[HostRef, str]] = []
        self.verified = True
        self.requests: list[Model] = []
        self.answers: dict[str, Callable[[HostRef], Model | GuestwireError]] = {
            "host-show": lambda ref: m.HostShow(host=host_facts(ref)),
            "guest-list": lambda _: m.GuestList(guests=(guest_view("rt1"),)),
            "host-topology": lambda _: HostTopology(topology=TOPOLOGY),
            "epoch-behind": lambda _: m.Empty(),
        }

    async def call(
        self,
        ref: HostRef,
        operation: Operation,
        request: Model,
        *,
        timeout_s: float,
        request_id: bytes | None = None,
        accept_within_s: float | None = None,
        mandate: bytes | None = None,
        on_event: OnEvent | None = None,
        issuer: str | None = None,
    ) -> Done:
        self.asked.append((ref, operation.name))
        self.requests.append(request)
        answer = self.answers[operation.name](ref)
        if isinstance(answer, GuestwireError):
            raise answer
        return Done(None, answer, self.verified)  # type: ignore[arg-type]

    def reachable(self, ref: HostRef) -> bool:
        return True

    def of(self, ref: HostRef) -> list[str]:
        return [operation for asked, operation in self.asked if asked == ref]
