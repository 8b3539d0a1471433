"""The fleet: every host there is, whether it is there now, what it has, and which of them are meant."""
