"""The rules of configuration: one small pure function for each stable code, gathered in `table`."""
