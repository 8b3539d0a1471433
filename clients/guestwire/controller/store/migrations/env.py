"""What alembic runs to migrate: on the connection that `migrating` gives it, in the transaction that is open there."""

from alembic import context


def run() -> None:
    """Run what is to be run."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, render_as_batch=connection.dialect.name == "sqlite")
    context.run_migrations()


if __name__ == "env_py":  # as alembic loads it
    run()
