"""Pure and sans-I/O: bytes and time in, messages out."""
