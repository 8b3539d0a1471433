"""Alarms: rules as data, what they make of readings and events, and what people do about it."""
