"""How a database became what it is: its revisions, oldest first. Run by `migrating`, never by alembic's own command."""
