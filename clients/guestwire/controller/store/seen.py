"""Rows about hosts that somebody may see, as a condition."""

from sqlalchemy import ColumnElement, Table, or_, true, tuple_

from guestwire.controller.users.access import Visibility


def seen_by(table: Table, visible: Visibility) -> ColumnElement[bool]:
    """Whether a row of a table with the columns `site` and `host` is about a host that may be seen."""
    if visible.all:
        return true()
    c = table.c
    # as one list: a database takes no expression that is thousands of terms deep
    named = tuple_(c.site, c.host).in_(sorted(visible.hosts))
    return or_(c.site.in_(sorted(visible.sites)), named)
