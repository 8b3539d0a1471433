"""How a connection is dialled: the next address each time, with the files as they are then."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from guestwire.controller.config import Connection
from guestwire.link import brokers
from guestwire.link.backoff import Backoff
from guestwire.link.local_client import LocalConnect
from guestwire.link.tcp_client import TcpConnect
from guestwire.link.transport import Connect, OnMessage, Options, Transport
from guestwire.sdk.credentials import Credentials
from guestwire.sdk.links import DIRECT_AGAIN_S, LOCAL_AGAIN_S, broker_options, host_options

CONNECT_S: Final = 10.0
SESSION_S: Final = 72 * 3600
"""How long a broker keeps what came for the controller while it is away."""


def client_id(site: str, client: str) -> str:
    """The same after every start, and no host's: theirs have no underscore."""
    return f"gw_controller_{client}_{site}"


def dialler(connection: Connection, who: Credentials) -> tuple[Callable[[], Options], Connect, Backoff]:
    """Options of the next connection, how it is made, and how long to wait between tries. The first call of the options raises
    CONFIG-INVALID and KEY-FILE-INVALID for what is wrong with the connection."""
    match connection.via:
        case "mqtt":
            return _Turns(lambda: _to_brokers(connection, who)), _to_broker(connection), Backoff()
        case "tcp":
            return lambda: host_options(connection, who, CONNECT_S), TcpConnect(), Backoff(cap_s=DIRECT_AGAIN_S)
        case _:
            assert connection.socket is not None
            options = Options(connection.socket, 0, who.client)
            return lambda: options, LocalConnect(Path(connection.socket)), Backoff(cap_s=LOCAL_AGAIN_S)


class _Turns:
    """One address after the other. Files are read each time: certificates are renewed while a controller runs."""

    def __init__(self, all_of_them: Callable[[], Sequence[Options]]) -> None:
        self._all = all_of_them
        self._turn = -1

    def __call__(self) -> Options:
        found = self._all()
        self._turn += 1
        return found[self._turn % len(found)]


def _to_brokers(connection: Connection, who: Credentials) -> Sequence[Options]:
    name = client_id(connection.site, who.client)
    made = broker_options(connection, who, name)
    return [replace(options, clean_start=False, session_expiry_s=SESSION_S) for options in made]


def _to_broker(connection: Connection) -> Connect:
    memory = brokers.BrokerMemory()

    async def connect(options: Options, on_message: OnMessage) -> Transport:
        return await brokers.connect(options, on_message, connection.transport, memory)

    return connect
