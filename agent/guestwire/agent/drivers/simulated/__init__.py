"""The simulated host: a product, and what the demo and most tests run on. Deterministic; no threads, and no tasks but for
the processes in its guests."""
