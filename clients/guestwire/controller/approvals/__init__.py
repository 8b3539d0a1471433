"""Approvals: what takes a person's signature before the controller may ask a host for it."""
