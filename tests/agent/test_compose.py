"""From settings to parts."""

import os
from pathlib import Path

import pytest
import structlog
from site_files import SiteFiles, site_files

from guestwire.agent import compose
from guestwire.agent.session_name import session_name
from guestwire.agent.time_floor import TimeFloor
from guestwire.model.errors import GuestwireError

LOG = structlog.get_logger()


@pytest.fixture
def site(tmp_path: Path) -> SiteFiles:
    made = site_files(tmp_path, os.getuid())
    made.settings().host.state_dir.mkdir()
    return made


def test_brokers_are_tried_in_turn(site: SiteFiles) -> None:
    settings = site.settings(broker__urls="mqtt://a:1 mqtt://b", broker__keep_alive_s="17")
    found = compose.broker(settings, None, LOG)
    assert found is not None
    options, _ = found
    made = [options() for _ in range(3)]
    assert [(o.host, o.port, o.keep_alive_s) for o in made] == [("a", 1, 17), ("b", 1883, 17), ("a", 1, 17)]
    assert {o.client_id for o in made} == {session_name("h1", settings.host.state_dir)}


def test_no_broker_is_a_host_by_its_socket(site: SiteFiles) -> None:
    assert compose.broker(site.settings(), None, LOG) is None


@pytest.mark.parametrize(
    ("flags", "field"),
    [
        ({"broker__urls": "mqtts://a", "broker__ca": "/nowhere/ca.pem"}, "broker.ca"),
        ({"host__socket_group": "no-such-group"}, "host.socket_group"),
    ],
)
def test_what_settings_name_must_be_there(site: SiteFiles, flags: dict[str, str], field: str) -> None:
    settings = site.settings(**flags)
    with pytest.raises(GuestwireError) as caught:
        compose.tls_identity(settings, TimeFloor(), lambda: "synchronised", LOG)
        compose.socket_group(settings.host.socket_group)
    assert (caught.value.code, caught.value.field) == ("CONFIG-INVALID", field)


async def test_an_unknown_machine_is_refused_with_the_known_ones(site: SiteFiles) -> None:
    with pytest.raises(GuestwireError, match="64-thread-4-node"):
        async with compose.driver(site.settings(simulated__machine="cray")):
            pass


async def test_a_new_simulated_host_begins_with_guests_and_keeps_what_becomes_of_them(site: SiteFiles) -> None:
    settings = site.settings(simulated__guests="3")
    async with compose.driver(settings) as drivers:
        assert [o.guest.name for o in await drivers.guests.list()] == ["rtlinux", "linux1", "linux2"]
        await drivers.guests.undefine("00000000-0000-4000-8000-000000000002")
    async with compose.driver(settings) as drivers:
        assert [o.guest.id for o in await drivers.guests.list()] == ["GUEST0001", "GUEST0003"]


def test_the_clock_is_asked_or_trusted(site: SiteFiles) -> None:
    assert compose.clock(site.settings(), TimeFloor())() == "synchronised"
    assert compose.clock(site.settings(host__clock="auto"), TimeFloor())() in ("synchronised", "unsynchronised")


def test_a_trusted_clock_is_not_when_it_is_below_what_was_seen(site: SiteFiles) -> None:
    floor = TimeFloor(compose.wall_ms() + 86_400_000)
    assert compose.clock(site.settings(), floor)() == "unsynchronised"


def test_a_password_that_was_replaced_is_used_at_the_next_connection(site: SiteFiles) -> None:
    file = site.folder / "password"
    file.touch(mode=0o600)
    file.write_text("old\n")
    settings = site.settings(broker__urls="mqtt://a", broker__username="h1", broker__password_file=str(file))
    found = compose.broker(settings, None, LOG)
    assert found is not None
    options, _ = found
    assert options().password == "old"
    file.write_text("newer\n")
    assert options().password == "newer"
    file.chmod(0o644)
    assert options().password == "newer"
    assert "newer" not in repr(options())


def test_limits_reach_the_executor_and_the_lanes(site: SiteFiles) -> None:
    section = site.settings(limits__reads="7", limits__running="2", limits__queued="0").limits
    assert compose.limits(section).reads == 7
    gate = compose.lanes(section)
    first, _ = gate.enter(("a",), wait_ms=1), gate.enter(("b",), wait_ms=1)
    assert first.granted
    with pytest.raises(GuestwireError, match="BUSY"):
        gate.enter(("c",), wait_ms=1)


def test_a_simulated_host_has_its_own_places_besides_those_of_its_file(site: SiteFiles) -> None:
    given = {"host__disk_roots": "/d", "host__share_roots": "/s", "host__boot_roots": "/b1 /b2"}
    for driver, own in (("simulated", ("/simulated",)), ("libvirt", ())):
        settings = site.settings(host__driver=driver, **given)
        assert compose.share_roots(settings) == (*own, "/s")
        assert compose.boot_roots(settings) == (*own, "/b1", "/b2")
        assert compose.disk_roots(settings)[-1] == "/d"
    assert compose.disk_roots(site.settings(host__driver="simulated"))[0] == compose.SIMULATED_IMAGES
