"""The first administrator: made by a command at the controller's own machine, or with a token that its first start prints."""

import hmac
from collections.abc import Callable
from typing import Final

from guestwire.controller.store import bootstrap, users
from guestwire.controller.store.database import Database
from guestwire.controller.users import names
from guestwire.controller.users.accounts import ADMIN, Account, Accounts
from guestwire.model.errors import GuestwireError
from guestwire.protocol.steps import Now

TOKEN_MS: Final = 24 * 3_600_000


class FirstAdmin:
    """Makes the first user, and none after that."""

    def __init__(self, database: Database, accounts: Accounts, clock: Callable[[], Now]) -> None:
        self._database = database
        self._accounts = accounts
        self._clock = clock

    async def token(self) -> str | None:
        """A token to make the first administrator with (`make`), good for a day, once; for the administrator's eyes. The one before it
        counts no more. None: there are users."""
        async with self._database.write() as tx:
            if await users.count(tx):
                await bootstrap.clear(tx)
                return None
            secret = names.new_secret()
            await bootstrap.put(tx, names.digest(secret), self._clock().wall_ms + TOKEN_MS)
        return secret

    async def make(self, token: str, name: str, password: str) -> Account:
        """Make the first user, an admin of everything. Raises LOGIN-REFUSED for a token that does not count, PASSWORD-WEAK."""
        async with self._database.read() as tx:
            kept = await bootstrap.current(tx, self._clock().wall_ms)
            some = await users.count(tx)
        if some or kept is None or not hmac.compare_digest(kept, names.digest(token)):
            text = "That token does not count: a controller without users prints one when it starts."
            raise GuestwireError("LOGIN-REFUSED", text, field="token")
        account = await self._accounts.make(
            None, name, password, label="", must_change=False, roles=(ADMIN,), only_first=True
        )
        async with self._database.write() as tx:
            await bootstrap.clear(tx)
        return account
