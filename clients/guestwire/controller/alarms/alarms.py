"""Alarms: begin, are told again, are acknowledged, are over. Each change is in the database before anybody hears of it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from guestwire.controller.alarms.comparing import Raise, Subject
from guestwire.controller.alarms.rule import AlarmRule
from guestwire.controller.alarms.views import alarm_shown
from guestwire.controller.feed import Change, Feed
from guestwire.controller.host_ref import HostRef
from guestwire.controller.store import alarms, audit_rows, webhooks
from guestwire.controller.store.alarms import AlarmFilter, AlarmRow
from guestwire.controller.store.audit_rows import AuditEntry
from guestwire.controller.store.database import Database, Tx
from guestwire.controller.users.access import Access
from guestwire.controller.users.person import Person
from guestwire.model.errors import GuestwireError
from guestwire.protocol import ids
from guestwire.protocol.steps import Now


class Alarms:
    """Whoever wants to be woken when webhooks have something to send gives `on_due`."""

    def __init__(
        self,
        database: Database,
        access: Access,
        feed: Feed,
        clock: Callable[[], Now],
        on_due: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._access = access
        self._feed = feed
        self._clock = clock
        self._on_due = on_due

    # -- what rules say

    async def begin(self, tx: Tx, name: str, rule: AlarmRule, said: Raise) -> Change:
        """An alarm of a rule begins, or is told once more where it is open. Publish the change once `tx` has committed."""
        now_ms = self._clock().wall_ms
        host, part = said.subject
        clear_at = None if rule.clear_after_s is None else now_ms + rule.clear_after_s * 1000
        known = await alarms.opened(tx, name, host, part)
        if known is not None:
            again = replace(
                known, times=known.times + 1, last_at=now_ms, text=said.text, value=said.value, clear_at=clear_at,
                source_lost_at=None,
            )  # fmt: skip
            await alarms.put(tx, again)
            return change(again)
        made = AlarmRow(
            ids.text(ids.request_id(now_ms)), name, host, part, rule.severity, "active", said.text, said.value,
            said.since_ms, now_ms, now_ms, clear_at=clear_at,
        )  # fmt: skip
        await alarms.add(tx, made)
        await self._tell(tx, "raised", made)
        return change(made)

    async def over(self, tx: Tx, name: str, subject: Subject) -> Change | None:
        """What an alarm was about holds no more."""
        known = await alarms.opened(tx, name, *subject)
        return None if known is None else await self._clear(tx, known, "")

    async def source(self, tx: Tx, name: str, subjects: Sequence[Subject], *, lost: bool) -> list[Change]:
        """Nobody knows any more whether the open alarms of these subjects hold on, or it is known again."""
        keys = [alarms.key_of(name, *subject) for subject in subjects]
        marked = await alarms.mark(tx, keys, self._clock().wall_ms if lost else None) if keys else []
        return [change(one) for one in marked]

    async def all_over(self, tx: Tx, name: str) -> list[Change]:
        """A rule is gone: so is what it has told."""
        return [await self._clear(tx, known, "") for known in await alarms.every_open(tx, name)]

    async def host_over(self, tx: Tx, host: HostRef) -> list[Change]:
        """A host is forgotten: so is what was wrong with it. `AlarmWatching.forgetting` calls it."""
        return [await self._clear(tx, known, "") for known in await alarms.every_open(tx, host=host)]

    async def clear_due(self) -> None:
        """Alarms of events that are over by themselves by now."""
        async with self._database.write() as tx:
            due = await alarms.due(tx, self._clock().wall_ms)
            changes = [await self._clear(tx, known, "") for known in due]
        self.publish(changes)

    def publish(self, changes: Iterable[Change | None]) -> None:
        """Tell those who watch; after the commit."""
        for one in changes:
            if one is not None:
                self._feed.publish(one)
                self._on_due()

    # -- what people say

    async def page(
        self, person: Person, wanted: AlarmFilter, before: tuple[int, str] | None, limit: int
    ) -> list[AlarmRow]:
        """Alarms of hosts that the person may see, the newest first."""
        visible = self._access.visible(person)
        if visible.nothing:
            return []
        async with self._database.read() as tx:
            return await alarms.page(tx, wanted, visible, before, limit)

    async def show(self, person: Person, alarm_id: str) -> AlarmRow:
        """One alarm. Raises NOT-FOUND."""
        async with self._database.read() as tx:
            return await self._seen(tx, person, alarm_id)

    async def acknowledge(self, person: Person, alarm_ids: Sequence[str], note: str) -> list[AlarmRow]:
        """Somebody looks after these alarms. Those that are acknowledged already stay as they are. Raises NOT-FOUND, DENIED,
        ALARM-CLEARED; then none is acknowledged."""
        return await self._by_hand(person, alarm_ids, "alarm-ack", note)

    async def clear(self, person: Person, alarm_ids: Sequence[str], note: str) -> list[AlarmRow]:
        """These alarms are over, because somebody says so. One whose condition still holds comes back when that has stopped and
        holds again, and when its rule is looked at anew: after a change of it or a start. Raises NOT-FOUND, DENIED."""
        return await self._by_hand(person, alarm_ids, "alarm-clear", note)

    async def raised(self, hosts: Sequence[HostRef], since_ms: int) -> list[AlarmRow]:
        """Alarms of these hosts that were raised since then, cleared or not."""
        async with self._database.read() as tx:
            return await alarms.raised(tx, hosts, since_ms)

    async def _by_hand(self, person: Person, alarm_ids: Sequence[str], action: str, note: str) -> list[AlarmRow]:
        changed: list[AlarmRow] = []
        changes: list[Change] = []
        now_ms = self._clock().wall_ms
        async with self._database.write() as tx:
            for alarm_id in dict.fromkeys(alarm_ids):
                known = await self._seen(tx, person, alarm_id)
                self._access.require(person, action, known.host)
                if action == "alarm-clear" and known.state != "cleared":
                    changes.append(await self._clear(tx, known, person.name))
                    known = replace(
                        known, state="cleared", cleared_at=now_ms, cleared_by=person.name, source_lost_at=None
                    )
                elif action == "alarm-ack" and known.state == "cleared":
                    raise GuestwireError("ALARM-CLEARED", detail={"alarm": alarm_id})
                elif known.state == "active":
                    known = replace(
                        known, state="acknowledged", acknowledged_at=now_ms, acknowledged_by=person.name, note=note
                    )
                    await alarms.put(tx, known)
                    await self._tell(tx, "acknowledged", known)
                    changes.append(change(known))
                changed.append(known)
                await audit_rows.add(
                    tx, AuditEntry(now_ms, person, action, known.host, detail={"alarm": alarm_id, "rule": known.rule})
                )
        self.publish(changes)
        return changed

    # -- pieces

    async def _seen(self, tx: Tx, person: Person, alarm_id: str) -> AlarmRow:
        found = await alarms.one(tx, alarm_id)
        if found is None or not self._access.visible(person).sees(found.host):
            raise GuestwireError("NOT-FOUND", f"There is no alarm {alarm_id}.")
        return found

    async def _clear(self, tx: Tx, known: AlarmRow, by: str) -> Change:
        over = replace(known, state="cleared", cleared_at=self._clock().wall_ms, cleared_by=by, source_lost_at=None)
        await alarms.put(tx, over)
        await self._tell(tx, "cleared", over)
        return change(over)

    async def _tell(self, tx: Tx, event: str, alarm: AlarmRow) -> None:
        await webhooks.enqueue(tx, event, alarm.severity, alarm.id, document(alarm), self._clock().wall_ms)


def document(alarm: AlarmRow) -> dict[str, Any]:
    """An alarm as JSON has it."""
    return alarm_shown(alarm).model_dump(mode="json")


def change(alarm: AlarmRow) -> Change:
    """What those who watch are told. A cleared alarm is still a thing: the history shows it."""
    return Change("alarm", alarm.id, document(alarm), (alarm.host,))
