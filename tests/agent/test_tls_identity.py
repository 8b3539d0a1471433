"""What a host proves itself with and whom it believes, by real handshakes."""

import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tls_files import DAY, Authority, certificate

from guestwire.agent.config import BrokerSection
from guestwire.agent.time_floor import TimeFloor
from guestwire.agent.tls_identity import NO_CHECK_TIME, TlsIdentity
from guestwire.model.errors import GuestwireError
from guestwire.model.host import ClockQuality

NOW = datetime.now(UTC).replace(microsecond=0)
LONG = NOW + 4000 * DAY
PAST, LATER = NOW - 400 * DAY, NOW + 400 * DAY
LIMIT_S = 10.0


class Log:
    def __init__(self) -> None:
        self.errors: list[Any] = []

    def info(self, event: str, **_: object) -> None: ...

    def warning(self, event: str, **_: object) -> None: ...

    def error(self, event: str, **fields: Any) -> None:
        self.errors.append(fields["code"])


class Host:
    """The files of a host whose authority is `root`, and its identity over them."""

    def __init__(self, folder: Path, root: Authority, *, floor_ms: int = 0, quality: ClockQuality = "unsynchronised"):
        self.section = BrokerSection(ca=folder / "ca.pem", cert=folder / "h1.crt", key=folder / "h1.key")
        self.files = (folder / "h1.crt", folder / "h1.key")
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(root.pem)
        certificate("h1", root, begins=NOW - 800 * DAY, ends=LONG).write(*self.files)
        self.floor = TimeFloor(floor_ms)
        self.log = Log()
        self.quality = quality
        self.identity = TlsIdentity(self.section, self.floor, lambda: self.quality, self.log)

    def meets(self, broker: Authority, folder: Path) -> str | None:
        """Why this host does not believe a broker with that chain; None: it does."""
        broker.write(folder / "broker.crt", folder / "broker.key")
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(folder / "broker.crt", folder / "broker.key")
        context, check = self.identity.for_connection()
        ours, theirs = socket.socketpair()
        with ours, theirs, ThreadPoolExecutor(1) as pool:
            for end in (ours, theirs):
                end.settimeout(LIMIT_S)

            def serve() -> None:
                try:
                    with server.wrap_socket(theirs, server_side=True) as wrapped:
                        wrapped.recv(1)
                except OSError:
                    return  # the client says why

            serving = pool.submit(serve)
            try:
                with context.wrap_socket(ours, server_hostname="broker") as wrapped:
                    return None if check is None else check(wrapped)
            except ssl.SSLError as err:
                return str(err)
            finally:
                ours.close()
                serving.result(LIMIT_S)


def ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def chain(
    *, root: datetime = LONG, issuing: datetime = LONG, leaf: datetime = LONG, begins: datetime = NOW - 900 * DAY
) -> tuple[Authority, Authority]:
    """A root and a broker two below it, by their ends."""
    top = certificate("root", ca=True, begins=begins, ends=root)
    return top, certificate(
        "broker", certificate("issuing", top, ca=True, begins=begins, ends=issuing), begins=begins, ends=leaf
    )


@pytest.mark.parametrize(
    ("ends", "floor", "refused"),
    [
        ({}, NOW, False),
        ({"leaf": PAST}, PAST - DAY, False),
        ({"leaf": PAST}, PAST, False),
        ({"leaf": PAST}, PAST + DAY, True),
        ({"issuing": PAST}, PAST - DAY, False),
        ({"issuing": PAST}, NOW, True),
        ({"root": PAST}, NOW, True),
        ({}, LONG + DAY, True),
    ],
)
def test_with_a_wrong_clock_the_dates_of_the_whole_chain_are_held_against_the_floor(
    tmp_path: Path, ends: dict[str, datetime], floor: datetime, refused: bool
) -> None:
    root, broker = chain(**ends)
    why = Host(tmp_path, root, floor_ms=ms(floor)).meets(broker, tmp_path)
    assert (why is not None) is refused
    assert why is None or ("certificate verify failed" in why and "expired" in why)


def test_a_chain_that_is_not_valid_yet_is_believed_by_a_host_that_is_behind(tmp_path: Path) -> None:
    root, broker = chain(begins=LATER)
    assert Host(tmp_path, root).meets(broker, tmp_path) is None


def test_with_a_wrong_clock_everything_else_is_still_checked(tmp_path: Path) -> None:
    root, _ = chain()
    host = Host(tmp_path, root)
    _, foreign = chain()
    assert "certificate verify failed" in (host.meets(foreign, tmp_path) or "")
    other_name = certificate("elsewhere", root)
    assert "Hostname mismatch" in (host.meets(other_name, tmp_path) or "")


@pytest.mark.parametrize("quality", ["synchronised", "unknown"])
def test_with_a_right_clock_openssl_checks_the_dates(tmp_path: Path, quality: ClockQuality) -> None:
    root, broker = chain()
    expired = certificate("broker", root, begins=NOW - 900 * DAY, ends=PAST)
    host = Host(tmp_path, root, floor_ms=ms(PAST) - 1)
    assert host.meets(expired, tmp_path) is None
    host.quality = quality  # the clock is set while the agent runs
    assert "certificate has expired" in (host.meets(expired, tmp_path) or "")
    assert host.meets(broker, tmp_path) is None
    assert not host.identity.for_connection()[0].verify_flags & NO_CHECK_TIME


def test_its_own_certificate_raises_the_floor_also_when_it_is_renewed(tmp_path: Path) -> None:
    root, _ = chain()
    host = Host(tmp_path, root)
    assert host.floor.ms == ms(NOW - 800 * DAY)
    certificate("h1", root, begins=NOW - 5 * DAY).write(*host.files)
    assert host.identity.changed()
    host.identity.for_connection()
    assert host.floor.ms == ms(NOW - 5 * DAY)
    assert not host.identity.changed()


def test_another_authority_is_taken_up_at_the_next_connection(tmp_path: Path) -> None:
    (old, old_broker), (new, new_broker) = chain(), chain()
    host = Host(tmp_path, old)
    host.ca.write_bytes(old.pem + new.pem)
    assert host.meets(old_broker, tmp_path) is None
    assert host.meets(new_broker, tmp_path) is None
    host.ca.write_bytes(new.pem)
    assert host.meets(old_broker, tmp_path) is not None
    assert host.meets(new_broker, tmp_path) is None


def test_files_that_are_broken_now_leave_what_was_read_before(tmp_path: Path) -> None:
    root, broker = chain()
    host = Host(tmp_path, root)
    good = host.files[0].read_bytes()
    host.files[0].write_bytes(good[:100])
    assert [host.meets(broker, tmp_path) for _ in range(2)] == [None, None]
    assert host.log.errors == ["CONFIG-INVALID"]
    host.files[0].write_bytes(good)
    host.files[1].chmod(0o644)
    assert host.meets(broker, tmp_path) is None
    assert host.log.errors == ["CONFIG-INVALID", "KEY-FILE-INVALID"]


@pytest.mark.parametrize(
    ("damage", "code", "says"),
    [
        (lambda host: host.ca.unlink(), "CONFIG-INVALID", "TLS cannot be set up"),
        (lambda host: host.ca.write_text("nothing"), "CONFIG-INVALID", "TLS cannot be set up"),
        (lambda host: certificate("other").write(host.files[0], host.ca), "CONFIG-INVALID", "TLS cannot be set up"),
        (lambda host: host.files[1].chmod(0o640 | 0o004), "KEY-FILE-INVALID", "chmod 600"),
        (lambda host: host.files[1].unlink(), "KEY-FILE-INVALID", "No such file"),
    ],
)
def test_files_that_cannot_be_used_at_the_start_are_refused(tmp_path: Path, damage: Any, code: str, says: str) -> None:
    root, _ = chain()
    host = Host(tmp_path, root)
    damage(host)
    with pytest.raises(GuestwireError) as caught:
        TlsIdentity(host.section, host.floor, lambda: "synchronised", host.log)
    assert caught.value.code == code
    assert says in caught.value.message


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_password(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

    root, _ = chain()
    host = Host(tmp_path, root)
    key = certificate("h1", root, ends=NOW + timedelta(days=1)).key
    host.files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"horse")))
    with pytest.raises(GuestwireError, match="encrypted") as caught:
        TlsIdentity(host.section, host.floor, lambda: "synchronised", host.log)
    assert caught.value.code == "CONFIG-INVALID"
