"""The `guestwire` command: one command group per module. Nothing here is imported before it is needed."""
