"""The error codes, one table per subject; `model.errors` has them all."""
