"""Who may come in by a listener: the answer to a CONNECT before there is a session."""

from collections.abc import Mapping
from dataclasses import dataclass

from guestwire.broker_test.acl import AccessList
from guestwire.broker_test.passwords import PasswordHash
from guestwire.link.codec import ConnectPacket

SUCCESS = 0x00
SERVER_BUSY = 0x89
_NOT_AUTHORIZED = 0x87
_BAD_METHOD = 0x8C
_QOS_NOT_SUPPORTED = 0x9B


@dataclass(frozen=True, slots=True)
class Gate:
    """One listener's rules. `by_certificate`: the user name is the certificate's common name."""

    passwords: Mapping[str, PasswordHash] | None = None
    access: AccessList | None = None
    anonymous: bool = True
    by_certificate: bool = False

    def refusal(self, packet: ConnectPacket, user: str | None) -> int:
        """The reason code to refuse a CONNECT with, or 0. `user` is who the client says, or proves, to be."""
        if packet.authentication_method is not None:
            return _BAD_METHOD
        if user is None and not self.anonymous:
            return _NOT_AUTHORIZED
        if not self.by_certificate and self.passwords is not None and user is not None:
            known = self.passwords.get(user)
            if known is None or not known.fits(packet.password or b""):
                return _NOT_AUTHORIZED
        if packet.will and packet.will.qos.value > 1:
            return _QOS_NOT_SUPPORTED
        return SUCCESS
