"""Telemetry at the controller: taken in, acknowledged, rolled up, kept for a while, and asked for."""
