"""Signing what a controller asks for: only what is written in the text itself counts, not what is said beside it. Pure."""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from guestwire.model.errors import GuestwireError
from guestwire.protocol.envelope import body_hash
from guestwire.protocol.mandates import MAX_BYTES, PLANNED, Mandate
from guestwire.protocol.packing import PackingError, unpack
from guestwire.protocol.signing import Domain, SigningKey


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asked a host for: the very bytes, or the plan."""

    site: str
    host: str
    operation: str
    body: bytes
    plan_id: str | None = None


def read(text: str) -> tuple[bytes, Mandate]:
    """The exact bytes of a text to sign (base64) and what they allow. Raises APPROVAL-FALSE."""
    try:
        data = base64.b64decode(text, validate=True)
        if len(data) > MAX_BYTES:
            raise ValueError("too long")
        return data, Mandate.model_validate(unpack(data))
    except (binascii.Error, ValueError, PackingError, ValidationError) as err:
        raise GuestwireError("APPROVAL-FALSE", "What is to be signed is no mandate: nothing was signed.") from err


def check(mandate: Mandate, wanted: Wanted) -> None:
    """Raises APPROVAL-FALSE unless the mandate allows just what was wanted."""
    operations = PLANNED if wanted.operation in PLANNED else {wanted.operation}
    same_thing = mandate.plans == (wanted.plan_id,) if wanted.plan_id else mandate.bodies == (body_hash(wanted.body),)
    if (
        mandate.site != wanted.site
        or mandate.hosts != (wanted.host,)
        or not set(mandate.operations) <= operations
        or not same_thing
    ):
        text = f"The text to sign is not {wanted.operation} on {wanted.site}/{wanted.host} as it was asked for: nothing was signed."
        raise GuestwireError("APPROVAL-FALSE", text, detail={"mandate": mandate.id.hex()})


def signatures(texts: Iterable[bytes], key: SigningKey) -> list[str]:
    """The key's signature of each text, hexadecimal."""
    return [key.sign(Domain.MANDATE, text).hex() for text in texts]
