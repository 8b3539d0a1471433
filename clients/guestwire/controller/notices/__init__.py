"""Notices of hosts: taken in, kept, acknowledged, shown."""
