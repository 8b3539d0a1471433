"""What the API of this program is, as a document: OpenAPI, of a whole controller that is composed over an empty database and serves
nobody. What an installation is set to does not matter to it.

What the document says is `api.openapi`'s matter.
"""

import json
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from guestwire.controller.composing.base import Base
from guestwire.controller.composing.controller import composed
from guestwire.controller.config import ControllerSection, Settings
from guestwire.controller.feed import Feed
from guestwire.controller.logs import make_logger
from guestwire.controller.store.database import open_database
from guestwire.controller.store.migrating import upgrade
from guestwire.link.clock import now
from guestwire.link.vital import Vital

API_VERSION: Final = "1"
"""What is in the document of every release that has the same API, in place of the program's own version."""


async def described() -> str:
    """The document: JSON, its keys sorted, indented, with a newline at its end. The same program says the same."""
    with tempfile.TemporaryDirectory(prefix="guestwire-openapi-") as directory:
        return await _described(Path(directory))


async def _described(directory: Path) -> str:
    settings = Settings(controller=ControllerSection(state_dir=directory))
    log = make_logger(settings.log.level)
    vital = Vital(lambda name, err: log.error("a vital task ended unasked", task=name, exc_info=err))
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings.database_url))
        await upgrade(database)
        made = await composed(stack, Base(settings, database, Feed(), log, now, vital, boot_id=""))
        return as_text(made.application.openapi())


def frozen(text: str) -> str:
    """A document as it is frozen: the same for every version of the program, as long as the API is."""
    document = json.loads(text)
    document["info"]["version"] = API_VERSION
    return as_text(document)


def as_text(document: dict[str, Any]) -> str:
    """A document as it is written down."""
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
