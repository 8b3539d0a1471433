"""What the agent does, over the small ports it needs; no driver is named here."""
