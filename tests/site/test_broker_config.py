"""The broker's configuration: what is written, what is written again, and what the broker needs then. Run: test_acl_matrix."""

import grp
import shutil
import stat
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from broker_site import BrokerSite, broker_site

from guestwire.broker_test.acl import read_acl
from guestwire.broker_test.fixtures import require
from guestwire.model.errors import GuestwireError
from guestwire.site.broker_config import Written, write_broker_config
from guestwire.site.ca import make_issuing_ca
from guestwire.site.leaves import issue_host, issue_server
from guestwire.site.mosquitto_files import MosquittoOptions, listen_at
from guestwire.site.revocation_list import lists_in, serials_in

NAMES = ("ca.crt", "broker.crt", "broker.key", "revoked.crl", "access.acl", "mosquitto.conf", "systemd.conf")
OPTIONS = MosquittoOptions(user="no-such-group")


@pytest.fixture
def site(tmp_path: Path) -> BrokerSite:
    site = broker_site(tmp_path / "site")
    for principal in ("host:h1", "member:h2", "operator:anna"):
        site.add(principal)
    return site


def write(site: BrokerSite, options: MosquittoOptions = OPTIONS) -> Written:
    return write_broker_config(site.layout, site.trust(), out(site), options, site.now_ms)


def out(site: BrokerSite) -> Path:
    return site.layout.base.with_name("broker")


def modes(site: BrokerSite) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in out(site).iterdir()}


def test_everything_is_written_once(site: BrokerSite) -> None:
    assert write(site) == Written(NAMES, "restart", group=False)
    before = {path.name: path.stat().st_mtime_ns for path in out(site).iterdir()}
    assert write(site) == Written((), "nothing", group=False)
    assert {path.name: path.stat().st_mtime_ns for path in out(site).iterdir()} == before
    assert sorted(before) == sorted(NAMES)


def test_what_is_secret_is_closed(site: BrokerSite) -> None:
    write(site)
    closed = {name for name, mode in modes(site).items() if mode == 0o600}
    assert closed == {"broker.key", "access.acl"}
    assert {mode for name, mode in modes(site).items() if name not in closed} == {0o644}
    (out(site) / "broker.key").chmod(0o644)
    assert write(site).changed == ("broker.key",)
    assert modes(site)["broker.key"] == 0o600


def test_the_brokers_group_reads_what_is_closed(site: BrokerSite) -> None:
    group = grp.getgrgid(site.layout.base.stat().st_gid).gr_name  # one that we are in
    assert write(site, MosquittoOptions(user=group)).group
    assert {name for name, mode in modes(site).items() if mode == 0o640} == {"broker.key", "access.acl"}
    assert stat.S_IMODE(out(site).stat().st_mode) == 0o750


def test_a_revoked_key_takes_its_name_and_its_certificates_along(site: BrokerSite) -> None:
    site.put("h1", issue_host(site.issuing, "h1", site.now), site.key_id("h1"))  # it was renewed
    write(site)
    assert read_acl(out(site) / "access.acl").allows("write", "gw/1/plant/host/h1/presence", "h1", "c")
    site.revoke("h1")
    assert write(site) == Written(("revoked.crl", "access.acl"), "reload", group=False)
    assert not read_acl(out(site) / "access.acl").users.keys() & {"h1"}
    assert len(serials_in((out(site) / "revoked.crl").read_bytes())) == 2
    assert write(site).action == "nothing"


def test_a_new_certificate_of_the_broker_is_reloaded(site: BrokerSite) -> None:
    write(site)
    site.put("broker", issue_server(site.issuing, ["localhost"], site.now))
    assert write(site) == Written(("broker.crt", "broker.key"), "reload", group=False)


def test_another_port_takes_a_new_start(site: BrokerSite) -> None:
    write(site)
    assert write(site, replace(OPTIONS, port=8884)) == Written(("mosquitto.conf",), "restart", group=False)


def test_who_enrols_again_under_his_name_takes_a_new_start_once(site: BrokerSite) -> None:
    write(site)
    site.revoke("h1")
    site.add("host:h1")
    assert write(site).action == "restart"
    assert write(site).action == "nothing"


def test_the_key_of_a_signer_that_is_over_counts_no_more(site: BrokerSite) -> None:
    write(site)
    anna = next(signer for signer in site.signers if signer.principal == "operator:anna")
    site.signers[site.signers.index(anna)] = anna.model_copy(update={"not_after": site.now_ms + 1000})
    assert write(site).action == "nothing"
    site.now += timedelta(seconds=1)
    assert write(site).changed == ("revoked.crl", "access.acl")


def test_each_issuing_ca_has_its_list(site: BrokerSite) -> None:
    """A broker refuses every leaf of a CA that it has no list of: the one before must keep its own."""
    folder = site.layout.issuing_key.parent
    (folder / "before-1.key").write_bytes(site.issuing.key)
    (folder / "before-1.crt").write_bytes(site.issuing.certificate)
    new = make_issuing_ca(site.root, "plant", site.now)
    site.layout.issuing_key.write_bytes(new.key)
    site.layout.issuing_certificate.write_bytes(new.certificate)
    site.revoke("h1")
    write(site)
    lists = lists_in((out(site) / "revoked.crl").read_bytes())
    assert len(lists) == 2
    assert len({serials_in(one) for one in lists}) == 1
    site.revoke("anna")
    assert write(site).changed == ("revoked.crl", "access.acl")


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (replace(OPTIONS, at=Path("/etc/with space")), "at"),
        (replace(OPTIONS, at=Path("/etc/x\nuser root")), "at"),
        (replace(OPTIONS, at=Path("relative")), "at"),
        (replace(OPTIONS, data=Path("/var/%h")), "data"),
        (replace(OPTIONS, user="root\nallow_anonymous true"), "user"),
    ],
)
def test_a_name_cannot_smuggle_a_setting(site: BrokerSite, options: MosquittoOptions, field: str) -> None:
    with pytest.raises(GuestwireError) as refused:
        write(site, options)
    assert (refused.value.code, refused.value.field) == ("CONFIG-INVALID", field)
    assert not out(site).exists()


def test_files_that_are_carried_away_name_where_they_will_be(site: BrokerSite) -> None:
    write(site, replace(OPTIONS, at=Path("/etc/mosquitto/guestwire")))
    text = (out(site) / "mosquitto.conf").read_text()
    assert "keyfile /etc/mosquitto/guestwire/broker.key" in text
    assert str(out(site)) not in text + (out(site) / "systemd.conf").read_text()


def test_a_site_without_tls(site: BrokerSite) -> None:
    site.layout.issuing_key.unlink()
    with pytest.raises(GuestwireError, match="--tls") as refused:
        write(site)
    assert refused.value.code == "FILE-MISSING"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (":8883", ("", 8883)),
        ("10.0.0.1:1", ("10.0.0.1", 1)),
        ("[::1]:8883", ("::1", 8883)),
        ("::1:8883", ("::1", 8883)),
    ],
)
def test_where_it_listens(text: str, found: tuple[str, int]) -> None:
    assert listen_at(text) == found


@pytest.mark.parametrize("text", ["", "8883", ":", ":0", ":65536", "broker:8883", "10.0.0.1\n:1", ":1\nx", ":-1"])
def test_where_it_does_not_listen(text: str) -> None:
    with pytest.raises(GuestwireError, match="CONFIG-INVALID"):
        listen_at(text)


@pytest.mark.parametrize("port", [8883, 883])
def test_systemd_understands_the_drop_in_and_finds_it_tight(site: BrokerSite, port: int) -> None:
    require("systemd-analyze", shutil.which("systemd-analyze") is not None, "no systemd-analyze on this machine")
    write(site, replace(OPTIONS, port=port, user="daemon"))
    unit = out(site) / "broker.service"
    unit.write_text((out(site) / "systemd.conf").read_text().replace("/usr/sbin/mosquitto", "/bin/true"))
    for argv in (("verify", "--man=no", "--recursive-errors=no"), ("security", "--offline=yes", "--threshold=20")):
        done = subprocess.run(
            ["systemd-analyze", *argv, str(unit)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
