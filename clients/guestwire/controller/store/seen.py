"""Rows about hosts that somebody may see, as a condition."""

from sqlalchemy import ColumnElement, Table, and_, or_, true

from guestwire.controller.users.access import Visibility


def seen_by(table: Table, visible: Visibility) -> ColumnElement[bool]:
    """Whether a row of a table with the columns `site` and `host` is about a host that may be seen."""
    if visible.all:
        return true()
    c = table.c
    some: list[ColumnElement[bool]] = [c.site.in_(sorted(visible.sites))]
    some += [and_(c.site == ref.site, c.host == ref.host) for ref in sorted(visible.hosts)]
    return or_(*some)
