"""Virtual networks between the guests of a host, and the host's own network adapters."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from guestwire.model.base import Model

InterfaceName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,15}$")]
MacText = Annotated[str, StringConstraints(max_length=32)]
IpText = Annotated[str, StringConstraints(max_length=64)]


class Member(Model):
    """A guest on a network, by name; `mac` and `ip` None: derived. `isolated`: it reaches the host and the uplink, and no
    other guest that is isolated too."""

    guest: Annotated[str, StringConstraints(max_length=255)]
    mac: MacText | None = None
    ip: IpText | None = None
    isolated: bool = False


class AclRule(Model):
    """Who may talk to whom; the first rule that fits decides, and where there are rules and none fits, nothing passes. An allow
    lets answers back. `src` and `dst` are guests, HOST, REMOTE, a CIDR or "*"."""

    src: Annotated[str, StringConstraints(max_length=255)] = "*"
    dst: Annotated[str, StringConstraints(max_length=255)] = "*"
    protocol: Literal["any", "tcp", "udp", "icmp"] = "any"
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    action: Literal["allow", "deny"] = "allow"


class VirtualNet(Model):
    """A network. isolated: guests and host only; nat: outwards through the host; bridge: onto `uplink`. `bridge` is the
    Linux bridge's name, derived when None. `dhcp`: members get their addresses from the host (not with mode bridge: there
    the uplink's network decides). `airgap`: nothing passes, until it is released."""

    name: Annotated[str, StringConstraints(max_length=255)]
    mode: Literal["isolated", "nat", "bridge"] = "isolated"
    bridge: InterfaceName | None = None
    cidr: IpText | None = None
    dhcp: bool = True
    uplink: InterfaceName | None = None
    members: tuple[Member, ...] = ()
    acl: tuple[AclRule, ...] = ()
    airgap: bool = False


class Adapter(Model):
    """How one network adapter of the host gets its addresses (SM 13.1.3). `addresses` with prefix length."""

    name: InterfaceName
    dhcp: bool = True
    addresses: tuple[IpText, ...] = ()
    gateway: IpText | None = None
    dns: tuple[IpText, ...] = ()
