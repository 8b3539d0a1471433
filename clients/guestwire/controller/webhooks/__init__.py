"""Webhooks: other programs are told of alarms, over HTTP, until they have taken it."""
