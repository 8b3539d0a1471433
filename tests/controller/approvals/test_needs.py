"""What takes a mandate, and mandates that name all that is needed, each within what one may hold."""

import hashlib
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trusted_people import People

from guestwire.controller.approvals.needs import BODIES, HOSTS, PLANS, Need, Target, needed, texts
from guestwire.controller.host_ref import HostRef
from guestwire.protocol.mandates import MAX_BYTES, MAX_SIGNATURES, MAX_WINDOW_MS, PLANNED, parse
from guestwire.protocol.packing import pack

T0 = 1_760_000_000_000
HOUR = 3_600_000


def targets(hosts: int, bodies: int = 1, plans: int = 0, site: str = "plant") -> tuple[Target, ...]:
    return tuple(
        Target(
            HostRef(site, f"host-{n:05}-with-a-name-that-is-very-long"[:36]),
            hashlib.sha256(str(n % bodies).encode()).digest(),
            f"{n % plans:064}" if plans else None,
        )
        for n in range(hosts)
    )


def made(need: Need, holder: str = "controller:main") -> list[tuple[int, int, int]]:
    """How many hosts, bodies and plans each text has, after all of them together were looked at."""
    numbers = count()
    found = texts(need, lambda _: holder, lambda: next(numbers).to_bytes(16))
    assert sorted(host for one in found for host in one.hosts) == sorted({target.host for target in need.targets})
    assert len({one.mandate.id for one in found}) == len(found)
    for one in found:
        most_signed = pack((one.text, tuple((bytes(8), bytes(64)) for _ in range(MAX_SIGNATURES))))
        assert len(most_signed) <= MAX_BYTES
        assert parse(most_signed).mandate == one.mandate
    return [(len(one.mandate.hosts), len(one.mandate.bodies), len(one.mandate.plans)) for one in found]


def test_the_controllers_own_key_is_enough_for_what_is_reversible() -> None:
    people, host = People(), HostRef("plant", "h1")
    trust = people.trust()
    assert not needed(trust, "controller:main", host, "guest-start", 1)
    assert needed(trust, "controller:main", host, "guest-shutdown", 2)
    assert needed(trust, "controller:main", host, "config-apply", 2)
    assert not needed(trust, None, host, "guest-shutdown", 2), (
        "nothing leads there: it is asked again before it is sent"
    )
    people.needed["1"] = 2
    assert needed(people.trust(), "controller:main", host, "guest-start", 1)


@pytest.mark.parametrize("known", [True, False])
def test_over_a_socket_the_controller_goes_no_farther_than_by_its_key(known: bool) -> None:
    """Whatever the host lets that user do, and whether or not there is a trust document."""
    people, host = People(), HostRef("plant", "h1")
    trust = people.trust() if known else None
    assert [needed(trust, "local:990", host, "guest-start", risk) for risk in range(4)] == [False, False, True, True]
    assert needed(trust, "local:990", host, "guest-define", 1), "how much it changes, the host finds out"
    people.needed["1"] = 2
    assert needed(people.trust(), "local:990", host, "guest-start", 1)


def test_a_mandate_names_what_it_is_for() -> None:
    need = Need("guest-shutdown", 2, targets(2), T0, T0 + HOUR, 1, "night work")
    [one] = texts(need, lambda _: "controller:main", lambda: b"i" * 16)
    mandate = one.mandate
    assert (mandate.site, mandate.holder, mandate.operations) == ("plant", "controller:main", ("guest-shutdown",))
    assert (mandate.risk, mandate.not_before, mandate.not_after) == (2, T0, T0 + HOUR)
    assert (mandate.uses, mandate.note, mandate.plans) == (1, "night work", ())
    assert mandate.bodies == (hashlib.sha256(b"0").digest(),)
    assert one.text == pack(mandate.model_dump())


def test_who_allows_a_plan_allows_its_end() -> None:
    need = Need("config-apply", 3, targets(3, plans=3), T0, T0 + HOUR, 2)
    [one] = texts(need, lambda _: "controller:main", lambda: b"i" * 16)
    assert set(one.mandate.operations) == PLANNED
    assert one.mandate.uses == 6
    assert (len(one.mandate.plans), one.mandate.bodies) == (3, ())
    [end] = texts(
        Need("config-confirm", 2, targets(1, plans=1), T0, T0 + 1), lambda _: "controller:main", lambda: bytes(16)
    )
    assert (end.mandate.operations, end.mandate.uses, end.mandate.bodies) == (("config-confirm",), 1, ())


def test_a_window_is_a_week_at_most() -> None:
    need = Need("guest-shutdown", 2, targets(1), T0, T0 + 30 * 24 * HOUR)
    [one] = texts(need, lambda _: "controller:main", lambda: b"i" * 16)
    assert one.mandate.not_after == T0 + MAX_WINDOW_MS


@pytest.mark.parametrize(
    ("need", "sizes"),
    [
        (targets(1_000), [(HOSTS, 1, 0)] * 10),
        (targets(70, bodies=70), [(BODIES, BODIES, 0), (BODIES, BODIES, 0), (6, 6, 0)]),
        (targets(40, plans=40), [(PLANS, 0, PLANS), (8, 0, 8)]),
        (targets(3, site="east") + targets(2, site="west"), [(3, 1, 0), (2, 1, 0)]),
    ],
)
def test_more_than_one_holds_is_several(need: tuple[Target, ...], sizes: list[tuple[int, int, int]]) -> None:
    assert made(Need("guest-shutdown", 2, need, T0, T0 + HOUR, 10_000, "n\u00fc" * 200)) == sizes


def test_hosts_that_are_asked_as_somebody_else_are_apart() -> None:
    need = Need("guest-shutdown", 2, targets(4), T0, T0 + HOUR)
    found = texts(need, lambda host: f"controller:c{int(host.host[5:10]) % 2}", lambda: bytes(16))
    assert [(one.mandate.holder, len(one.hosts)) for one in found] == [("controller:c0", 2), ("controller:c1", 2)]


@settings(max_examples=25, deadline=None)
@given(
    hosts=st.integers(1, 300), bodies=st.integers(1, 60), plans=st.integers(0, 60),
    operation=st.sampled_from(["guest-shutdown", "config-apply"]), note=st.text(max_size=300),
)  # fmt: skip
def test_whatever_is_needed_every_text_is_a_mandate(
    hosts: int, bodies: int, plans: int, operation: str, note: str
) -> None:
    plans = plans or (1 if operation == "config-apply" else 0)
    made(Need(operation, 3, targets(hosts, bodies, plans), T0, T0 + HOUR, 3, note), "controller:" + "x" * 36)
