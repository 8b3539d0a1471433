"""What alembic runs to migrate: on the connection that `migrating` gives it, in the transaction that is open there."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, render_as_batch=connection.dialect.name == "sqlite")
context.run_migrations()
