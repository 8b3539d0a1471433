"""What mosquitto and systemd are told, as text: a whole mosquitto.conf, and the drop-in that runs it in a sandbox.

deploy/docs/broker.md says why each setting is here. Options of mosquitto 2.0 (mosquitto.conf(5)), as in Debian 12.
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from guestwire.model.errors import GuestwireError

AUTHORITY, CERTIFICATE, KEY = "ca.crt", "broker.crt", "broker.key"
REVOKED, ACCESS, CONFIGURATION, DROP_IN = "revoked.crl", "access.acl", "mosquitto.conf", "systemd.conf"
DATA = Path("/var/lib/mosquitto")


@dataclass(frozen=True, slots=True)
class MosquittoOptions:
    """Where it listens and runs. No address: every one. `at`: the folder the files will be in, when it is not the one they
    are written to; `data`: where it keeps sessions and retained messages."""

    address: str = ""
    port: int = 8883
    at: Path | None = None
    user: str = "mosquitto"
    data: Path = DATA
    max_connections: int = 10_000


def listen_at(text: str) -> tuple[str, int]:
    """`ADDRESS:PORT`, `[ADDRESS]:PORT` or `:PORT` as address and port. Raises CONFIG-INVALID."""
    address, colon, port = text.rpartition(":")
    try:
        if not colon or not port.isdecimal():
            raise ValueError(port)
        if address:
            address = str(ip_address(address.removeprefix("[").removesuffix("]")))
        if not 0 < int(port) <= 65_535:
            raise ValueError(port)
    except ValueError:
        raise GuestwireError("CONFIG-INVALID", f"{text!r} is not ADDRESS:PORT or :PORT.", field="listen") from None
    return address, int(port)


def check(options: MosquittoOptions, at: Path) -> None:
    """Whether both programs read the names as they are meant: neither has a way to quote them that the other knows.

    Raises CONFIG-INVALID.
    """
    for field, value in (("at", str(at)), ("data", str(options.data))):
        if not re.fullmatch(r"/[A-Za-z0-9/._+@=:,-]*", value):
            raise GuestwireError("CONFIG-INVALID", f"{value!r} is no absolute path of plain characters.", field=field)
    if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", options.user):
        raise GuestwireError("CONFIG-INVALID", f"{options.user!r} is no name of a user.", field="user")


def configuration(options: MosquittoOptions, at: Path) -> str:
    """mosquitto.conf for files in `at`."""
    return f"""\
# mosquitto for a Guestwire site, all of its configuration. Written by `guestwire site broker-config`, which writes it again.

listener {options.port}{" " + options.address if options.address else ""}
max_connections {options.max_connections}
cafile {at / AUTHORITY}
certfile {at / CERTIFICATE}
keyfile {at / KEY}
crlfile {at / REVOKED}
require_certificate true
use_identity_as_username true
tls_version tlsv1.2
ciphers ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256

allow_anonymous false
acl_file {at / ACCESS}
allow_zero_length_clientid false

set_tcp_nodelay true
max_packet_size 131072
message_size_limit 131072
max_inflight_messages 256
max_queued_messages 100000
max_queued_bytes 67108864
max_keepalive 600
persistent_client_expiration 7d

persistence true
persistence_location {options.data}/
autosave_interval 300
sys_interval 0

user {options.user}
log_dest stderr
log_type error
log_type warning
log_type notice
log_type information
connection_messages true
"""


def drop_in(options: MosquittoOptions, at: Path) -> str:
    """A drop-in for Debian's mosquitto.service: no root at any time, no more files open than it needs, nothing to write but
    its data."""
    low_port = options.port < 1024
    capability = "CAP_NET_BIND_SERVICE" if low_port else ""
    return f"""\
# To /etc/systemd/system/mosquitto.service.d/guestwire.conf. Written by `guestwire site broker-config`.
[Service]
ExecStartPre=
ExecStart=
ExecStart=/usr/sbin/mosquitto -c {at / CONFIGURATION}
ExecReload=
ExecReload=/bin/kill -HUP $MAINPID
User={options.user}
Group={options.user}
# one per client, and mosquitto closes every client beyond without a word: Debian's unit leaves it at 1,024
LimitNOFILE=65536
Restart=on-failure
RestartSec=1
UMask=0077
{"StateDirectory=mosquitto" if options.data == DATA else f"ReadWritePaths={options.data}"}
CapabilityBoundingSet={capability}
AmbientCapabilities={capability}
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
{"" if low_port else "PrivateUsers=yes"}
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
ProtectProc=invisible
ProcSubset=pid
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
"""
