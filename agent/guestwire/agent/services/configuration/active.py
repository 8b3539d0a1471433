"""The active configuration: the newest revision as a document, or, before there is one, what the hypervisor has of ours."""

import json
from dataclasses import dataclass

from guestwire.agent.config_records_schema import RevisionRow
from guestwire.agent.services.configuration.ports import Power, Records
from guestwire.model.desired import Desired, content_hash
from guestwire.model.errors import GuestwireError
from guestwire.model.plan import PlanItem, Revision


@dataclass(frozen=True, slots=True)
class Kept:
    """A revision's document with what belongs to it: the request that made it, and disk images that were set aside for it
    and can go."""

    desired: Desired
    request_id: bytes = b""
    issuer: str = ""
    plan_id: str = ""
    set_aside: tuple[str, ...] = ()
    items: int = 0
    """How many changes the plan had."""
    forgotten: tuple[str, ...] = ()
    """Guests, by uuid, that went with disks of theirs: nothing of them is to be left."""
    waits: tuple[PlanItem, ...] = ()
    """What takes effect when a guest is next started."""
    communicated: bool = False
    """Whether guestwire-comm was given another document: what that set aside can go."""

    def pack(self) -> bytes:
        return json.dumps(
            {
                "desired": self.desired.model_dump(mode="json", exclude_defaults=True, exclude={"base_revision"}),
                "request_id": self.request_id.hex(),
                "issuer": self.issuer,
                "plan_id": self.plan_id,
                "set_aside": self.set_aside,
                "items": self.items,
                "forgotten": self.forgotten,
                "communicated": self.communicated,
                "waits": [item.model_dump(mode="json", exclude_defaults=True) for item in self.waits],
            }
        ).encode()


def unpack_kept(data: bytes) -> Kept:
    plain = json.loads(data)
    return Kept(
        Desired.model_validate_json(json.dumps(plain["desired"])),
        bytes.fromhex(plain["request_id"]),
        plain["issuer"],
        plain["plan_id"],
        tuple(plain["set_aside"]),
        plain["items"],
        tuple(plain["forgotten"]),
        tuple(PlanItem.model_validate(item) for item in plain.get("waits", ())),
        plain.get("communicated", False),
    )


class Active:
    """The active document of one host, read once per revision."""

    def __init__(self, records: Records, power: Power) -> None:
        self._records = records
        self._power = power
        self._read: tuple[int, Kept] | None = None

    @property
    def number(self) -> int:
        """0 before the first revision."""
        newest = self._records.newest
        return 0 if newest is None else newest.number

    async def revision(self) -> Revision:
        newest = self._records.newest
        if newest is None:
            return Revision(number=0, hash=content_hash(self._first()), author="", applied_at=0, origin="first")
        return shown(newest)

    async def kept(self) -> Kept:
        newest = self._records.newest
        if newest is None:
            return Kept(self._first())
        if self._read is None or self._read[0] != newest.number:
            found = await self._records.document(None)
            assert found is not None
            self._read = (found[0].number, unpack_kept(found[1]))
        return self._read[1]

    def peek(self) -> Desired:
        """The document as it was read last, for those who cannot wait: `kept` is called at start and after each commit."""
        return self._first() if self._read is None else self._read[1].desired

    async def desired(self) -> Desired:
        return (await self.kept()).desired

    async def earlier(self, number: int) -> tuple[Revision, Desired]:
        """A revision that is still kept. Raises NOT-FOUND."""
        if number == self.number:
            return await self.revision(), await self.desired()
        found = await self._records.document(number)
        if found is None:
            raise GuestwireError("NOT-FOUND", f"The host keeps no revision {number}: see `project history`.")
        return shown(found[0]), unpack_kept(found[1]).desired

    def _first(self) -> Desired:
        known = self._power.known().values()
        return Desired(
            guests=tuple(sorted((guest for guest in known if guest.id is not None), key=lambda g: g.id or ""))
        )


def shown(row: RevisionRow) -> Revision:
    """A record as clients see it."""
    return Revision(
        number=row.number, hash=row.hash, author=row.author, applied_at=row.applied_ms, origin=row.origin,
        comment=row.comment,
    )  # fmt: skip
