"""The first revision: all tables, as the files next to this have them for either kind of database.

Before the first release they are made anew by `python -m guestwire.controller.store.first_revision`; after it, never.
"""

from alembic import op

from guestwire.controller.store.first_revision import statements

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    for statement in statements(connection.dialect.name):
        connection.exec_driver_sql(statement)


def downgrade() -> None:
    connection = op.get_bind()
    for statement in reversed(statements(connection.dialect.name)):
        words = statement.split()
        if words[:2] == ["CREATE", "TABLE"]:
            connection.exec_driver_sql(f"DROP TABLE {words[2]}")
