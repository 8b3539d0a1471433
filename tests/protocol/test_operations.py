"""The operations table and its models."""

import pytest
from pydantic import ValidationError

from guestwire.protocol import audit as a
from guestwire.protocol import comm_models as w
from guestwire.protocol import config_models as c
from guestwire.protocol import operation_models as m
from guestwire.protocol import telemetry as t
from guestwire.protocol.ids import is_slug
from guestwire.protocol.operations import BY_NAME, OPERATIONS, Operation

PLAN: dict[str, object] = {"desired": {"since-minor-9": 1}, "hash": "0" * 64}
APPLY = {**PLAN, "plan_id": "0" * 16, "base_revision": 3}
EACH = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)


SIGNED_ALL_THE_SAME = {"telemetry-ack", "guest-console"}
"""They change nothing, and yet not everybody may ask for them."""


@EACH
def test_rows_are_sound(operation: Operation) -> None:
    assert is_slug(operation.name)
    assert operation.qos == (0 if operation.effect == "none" else 1)
    assert 0 < operation.timeout_s <= 3700
    assert operation.summary.endswith(".")
    assert (operation.effect == "none") == (operation.risk == 0) or operation.name in SIGNED_ALL_THE_SAME
    assert operation.signed == (operation.risk > 0)
    assert operation.lane == "none" or operation.effect != "none"
    assert operation.request.model_config["frozen"]
    assert operation.reply.model_config["strict"]


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(OPERATIONS)


@EACH
def test_a_newer_peer_may_send_more(operation: Operation) -> None:
    samples: dict[type, dict[str, object]] = {
        m.GuestDefine: {"guest": {"name": "web", "since-minor-9": 1}},
        m.JobRef: {"request_id": bytes(16)},
        m.ConsoleQuery: {"guest": "web"},
        m.LogLevel: {"level": "info"},
        c.SnapshotRef: {"guest": "web", "name": "before"},
        c.ConfigPlan: PLAN,
        c.ConfigApply: APPLY,
        c.ConfigConfirm: {"plan_id": "0" * 16},
        c.ConfigCancel: {"plan_id": "0" * 16},
        w.NameRef: {"name": "press"},
        w.AreaDump: {"name": "shared", "offset": 64},
        w.EventWait: {"names": ("there",)},
        w.LockBreak: {"name": "press"},
        a.AuditAck: {"log": bytes(16), "upto": 7},
        t.TelemetryAck: {"log": bytes(16), "spool_class": "metric", "ranges": ((1, 2),)},
    }
    sample = samples.get(operation.request, {})
    if operation.request in (m.GuestRef, m.GuestStart, m.GuestShutdown):
        sample = {"guest": "web"}
    if operation.name == "trust-update":
        sample = {"file": b"guestwire-trust 1"}
    if operation.name == "epoch-behind":
        sample = {"known": 7}
    operation.request.model_validate(sample | {"since-minor-9": True})


@pytest.mark.parametrize(
    ("model", "wrong"),
    [
        (m.Ping, {"payload": "text"}),
        (m.Ping, {"payload": bytes(32_769)}),
        (m.GuestRef, {}),
        (m.GuestRef, {"guest": ""}),
        (m.GuestRef, {"guest": "x" * 64}),
        (m.GuestRef, {"guest": 7}),
        (m.GuestStart, {"guest": "web", "wait": "soon"}),
        (m.GuestShutdown, {"guest": "web", "within_s": 0}),
        (m.GuestShutdown, {"guest": "web", "within_s": "90"}),
        (m.JobRef, {"request_id": bytes(15)}),
        (m.JobQuery, {"limit": 0}),
        (m.JobQuery, {"limit": 501}),
        (m.JobQuery, {"states": ("done",)}),
        (m.LogLevel, {"level": "loud"}),
        (m.LogLevel, {"level": "info", "ttl_s": -1}),
        (m.MessageQuery, {"after_seq": -1}),
        (m.LogQuery, {"lines": 2001}),
        (m.Progress, {"percent": 101}),
        (c.ConfigRef, {"revision": -1}),
        (c.ConfigQuery, {"limit": 0}),
        (c.ConfigQuery, {"limit": 201}),
        (c.ConfigPlan, {"desired": {}}),
        (c.ConfigPlan, PLAN | {"hash": "0" * 63}),
        (c.ConfigPlan, PLAN | {"hash": "G" * 64}),
        (c.ConfigPlan, PLAN | {"remove_disks": ("relative.qcow2",)}),
        (c.ConfigPlan, PLAN | {"restart": 1}),
        (c.ConfigApply, PLAN),
        (c.ConfigApply, APPLY | {"base_revision": -1}),
        (c.ConfigApply, APPLY | {"confirm_s": 9}),
        (c.ConfigApply, APPLY | {"confirm_s": 3601}),
        (c.ConfigApply, APPLY | {"origin": "adopt"}),
        (c.ConfigApply, APPLY | {"comment": "x" * 513}),
        (c.ConfigConfirm, {"plan_id": "short"}),
        (c.ConfigCancel, {}),
        (c.ConfigAdopt, {"guests": ("",)}),
        (c.GuestsBoot, {"wait": "soon"}),
        (c.GuestsBoot, {"guests": ("web",) * 257}),
        (c.GuestsShutdown, {"within_s": 0}),
        (c.GuestsShutdown, {"within_s": 1801}),
        (c.HostPower, {"force": "yes"}),
        (c.SnapshotRef, {"guest": "web"}),
        (c.SnapshotRef, {"guest": "web", "name": "a/b"}),
        (c.SnapshotRef, {"guest": "web", "name": "x" * 64}),
    ],
)
def test_what_does_not_fit(model: type[m.Empty], wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(wrong)


def test_finished_states_are_states() -> None:
    assert {"accepted", "running", "waiting-reboot"}.isdisjoint(m.JOB_FINISHED)
