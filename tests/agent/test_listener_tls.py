"""The listener's files: which they are, what is wrong with them, and that they are read again."""

from pathlib import Path
from typing import Any

import pytest
import structlog
from made_certificates import CLIENT, SERVER, Authority

from guestwire.agent.config import BrokerSection, ListenerSection
from guestwire.agent.listener_tls import ListenerFiles, ListenerTls, listener_files
from guestwire.agent.time_floor import TimeFloor
from guestwire.agent.tls_identity import NO_CHECK_TIME
from guestwire.model.errors import GuestwireError
from guestwire.model.host import ClockQuality

A, B, C, D = Path("/a"), Path("/b"), Path("/c"), Path("/d")


def test_the_brokers_files_are_the_listeners_where_it_has_none() -> None:
    broker = BrokerSection(cert=A, key=B, ca=C)
    assert listener_files(ListenerSection(), broker) == ListenerFiles(A, B, C, None)
    own = ListenerSection(cert=D, key=D, crl=D)
    assert listener_files(own, broker) == ListenerFiles(D, D, C, D)


@pytest.mark.parametrize(
    ("broker", "missing"), [({}, "cert"), ({"ca": C}, "cert"), ({"cert": A, "key": B}, "ca")], ids=str
)
def test_a_listener_has_tls_always(broker: dict[str, Any], missing: str) -> None:
    with pytest.raises(GuestwireError) as refused:
        listener_files(ListenerSection(), BrokerSection(**broker))
    assert (refused.value.code, refused.value.field) == ("CONFIG-INVALID", f"listener.{missing}")


@pytest.fixture
def files(tmp_path: Path) -> ListenerFiles:
    ca = Authority(tmp_path)
    host = ca.issue("h1", (CLIENT, SERVER))
    return ListenerFiles(host.certificate, host.key, ca.certificate, None)


def made(files: ListenerFiles, clock: ClockQuality = "synchronised") -> ListenerTls:
    return ListenerTls(files, TimeFloor(1), lambda: clock, structlog.get_logger())


def test_another_certificate_is_another_context(files: ListenerFiles, tmp_path: Path) -> None:
    tls = made(files)
    first, check = tls()
    assert check is None
    assert tls()[0] is first
    other = Authority(tmp_path, "other").issue("h1", (SERVER,), file="other-h1")
    files.cert.write_text("half")
    assert tls()[0] is first, "what cannot be used is not taken up"
    files.key.write_bytes(other.key.read_bytes())
    files.cert.write_bytes(other.certificate.read_bytes())
    assert tls()[0] is not first


def test_a_host_whose_clock_is_wrong_leaves_the_dates_to_its_floor(files: ListenerFiles) -> None:
    clock: list[ClockQuality] = ["unsynchronised"]
    tls = ListenerTls(files, TimeFloor(1), lambda: clock[0], structlog.get_logger())
    context, check = tls()
    assert context.verify_flags & NO_CHECK_TIME
    assert check is not None
    clock[0] = "synchronised"
    context, check = tls()
    assert not context.verify_flags & NO_CHECK_TIME
    assert check is None


def test_files_that_cannot_be_used(files: ListenerFiles, tmp_path: Path) -> None:
    files.key.chmod(0o644)
    with pytest.raises(GuestwireError) as open_key:
        made(files)
    assert open_key.value.code == "KEY-FILE-INVALID"
    files.key.chmod(0o600)
    files.cert.write_text("none")
    with pytest.raises(GuestwireError) as refused:
        made(files)
    assert (refused.value.code, refused.value.field) == ("CONFIG-INVALID", "listener.cert")
