"""The simulated host: a product, and what the demo and most tests run on. Deterministic; no threads, no tasks of its own."""
