"""A host in the path of an address: /{site}/{host}."""

from typing import Annotated

from fastapi import Depends, Path

from guestwire.controller.host_ref import HostRef

SLUG = r"^[a-z0-9-]{1,36}$"


async def host_in_path(
    site: Annotated[str, Path(pattern=SLUG, examples=["plant"])],
    host: Annotated[str, Path(pattern=SLUG, examples=["h1"])],
) -> HostRef:
    """The host that an address names."""
    return HostRef(site, host)


Host = Annotated[HostRef, Depends(host_in_path)]
