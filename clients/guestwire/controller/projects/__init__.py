"""Projects at the controller: what is wanted of hosts, edited by several people, checked, planned, applied and kept."""
