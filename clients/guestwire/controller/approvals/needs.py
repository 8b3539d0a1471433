"""What takes a mandate, and the texts of the mandates to be signed. Pure: the ids and the time are arguments.

A mandate names what it is for as narrowly as can be: operations and hosts by name, and the very bodies or plans. One holds only
so much, so that a wave of a thousand hosts takes several texts: they are one approval, and are signed together.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final, NamedTuple

from guestwire.controller.host_ref import HostRef
from guestwire.protocol.authority import OWN_RISK
from guestwire.protocol.mandates import MAX_WINDOW_MS, PLANNED, Mandate
from guestwire.protocol.packing import pack
from guestwire.protocol.trust import Risk, Trust

HOSTS: Final = 100
"""In one text; the protocol takes 128, and all of it must fit into `mandates.MAX_BYTES`, whatever the names."""
BODIES: Final = 32
PLANS: Final = 32
PLANNED_THERE: Final = frozenset({"guest-define"})
"""What may turn out to be of a higher class when the host plans it: a mandate says up to which one it is allowed."""
ENDINGS: Final = 3
"""Requests that carrying out one plan may take: to apply it, to confirm and to cancel it."""
NOTE: Final = 256


class Target(NamedTuple):
    """One request that is to be allowed: of which host, and which body or plan."""

    host: HostRef
    body_hash: bytes
    plan_id: str | None = None


@dataclass(frozen=True, slots=True)
class Need:
    """What is to be allowed. `holders`: as whom the controller asks each host. `uses`: how often each host may be asked. Times in
    Unix ms."""

    operation: str
    risk: Risk
    targets: tuple[Target, ...]
    not_before: int
    not_after: int
    uses: int = 1
    note: str = ""

    @property
    def operations(self) -> tuple[str, ...]:
        """Who allows a plan to be applied allows its confirmation and its cancellation too: otherwise nobody could end it."""
        return tuple(sorted(PLANNED)) if self.operation == "config-apply" else (self.operation,)


class UnsignedText(NamedTuple):
    """A mandate to be signed: its exact bytes, and the hosts that it names."""

    mandate: Mandate
    text: bytes
    hosts: tuple[HostRef, ...]


def needed(trust: Trust | None, issuer: str | None, ref: HostRef, operation: str, risk: int) -> bool:
    """Whether the controller may not ask that by itself: its key does not reach that class, or the class takes several signers.
    Over a socket it goes as far as a controller's key, however far the host lets that user go. `issuer` None: no connection
    leads there, so that it is asked again before something is sent."""
    if issuer is None:
        return False
    if trust is not None and trust.signers_needed(risk) > 1:
        return True
    if issuer.startswith("local:"):
        return risk > OWN_RISK or operation in PLANNED_THERE
    return trust is not None and not any(scope.covers(operation, ref.host, risk) for scope in trust.scopes_of(issuer))


def texts(need: Need, holder: Callable[[HostRef], str], new_id: Callable[[], bytes]) -> tuple[UnsignedText, ...]:
    """The mandates, each as large as one may be. `holder`: as whom the controller asks a host."""

    def whose(target: Target) -> tuple[str, str]:
        return target.host.site, holder(target.host)

    ordered = sorted(need.targets, key=lambda one: (whose(one), one.host, one.body_hash))
    return tuple(
        _text(need, site, name, part, new_id())
        for (site, name), targets in groupby(ordered, key=whose)
        for part in _parts(need, list(targets))
    )


def _parts(need: Need, targets: Sequence[Target]) -> Iterator[list[Target]]:
    """As many targets at once as one mandate can name."""
    part: list[Target] = []
    for target in targets:
        if part and not _fits(need, [*part, target]):
            yield part
            part = []
        part.append(target)
    yield part


def _fits(need: Need, targets: Sequence[Target]) -> bool:
    hosts = {target.host for target in targets}
    return len(hosts) <= HOSTS and len(_bodies(need, targets)) <= BODIES and len(_plans(targets)) <= PLANS


def _text(need: Need, site: str, holder: str, targets: Sequence[Target], mandate_id: bytes) -> UnsignedText:
    hosts = tuple(sorted({target.host for target in targets}))
    plans = _plans(targets)
    mandate = Mandate(
        id=mandate_id,
        site=site,
        holder=holder,
        operations=need.operations,
        hosts=tuple(host.host for host in hosts),
        risk=need.risk,
        not_before=need.not_before,
        not_after=min(need.not_after, need.not_before + MAX_WINDOW_MS),
        uses=need.uses * (ENDINGS if need.operation == "config-apply" else 1),
        bodies=() if plans else _bodies(need, targets),
        plans=plans,
        note=need.note[:NOTE],
    )
    return UnsignedText(mandate, pack(mandate.model_dump()), hosts)


def _bodies(need: Need, targets: Iterable[Target]) -> tuple[bytes, ...]:
    """A plan's id says all that its body may be."""
    if need.operation in PLANNED:
        return ()
    return tuple(sorted({target.body_hash for target in targets}))


def _plans(targets: Iterable[Target]) -> tuple[str, ...]:
    return tuple(sorted({target.plan_id for target in targets if target.plan_id is not None}))
