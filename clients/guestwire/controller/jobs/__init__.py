"""Jobs: one operation on one host each, from the asking to its signed result."""
