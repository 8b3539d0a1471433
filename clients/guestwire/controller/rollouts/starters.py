"""Who started a rollout, as they are now: what somebody may do is asked again whenever more hosts are begun in their name."""

from guestwire.controller.host_ref import HostRef
from guestwire.controller.store import bindings, tokens, users
from guestwire.controller.store.database import Database
from guestwire.controller.users.access import Access
from guestwire.controller.users.person import Person, TokenUse


class Starters:
    """The People port over the accounts."""

    def __init__(self, database: Database, access: Access) -> None:
        self._database = database
        self._access = access

    async def person(self, person_id: str, token: TokenUse | None) -> Person | None:
        """The person as they are now, with no more than the token they came with was for; None: they may not log in any more, or
        that token was revoked. What was begun with a token that has expired since goes on."""
        async with self._database.read() as tx:
            if token is not None and await tokens.is_revoked(tx, token.id):
                return None
            user = await users.by_id(tx, person_id)
            if user is None or user.disabled:
                return None
            return Person(user.id, user.name, await bindings.of_person(tx, person_id), token)

    def may(self, person: Person, action: str, host: HostRef, *, risk: int | None = None) -> bool:
        """Whether the person may do that to the host."""
        return self._access.may(person, action, host, risk=risk)
