"""Rollouts: one operation, or one project, on many hosts, wave by wave."""
