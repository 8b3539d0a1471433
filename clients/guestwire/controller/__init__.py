"""The controller: what many people use to look after many hosts."""
