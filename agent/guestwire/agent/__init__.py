"""The host agent: executes operations, reports state."""
