"""Every table there is: the metadata after all modules of this package have added theirs."""

import importlib
import pkgutil

from sqlalchemy import MetaData

from guestwire.controller import store
from guestwire.controller.store.metadata import metadata


def all_tables() -> MetaData:
    """The metadata with the tables of every subject."""
    for module in pkgutil.iter_modules(store.__path__):
        if not module.ispkg:
            importlib.import_module(f"{store.__name__}.{module.name}")
    return metadata
