"""The controller put together, part by part: wiring and nothing else. `controller` has all of it."""
