"""How a change reaches a host: facts, plan, journalled steps with an undo for each, revisions, drift."""
