"""The delay relay: a process between clients and target that adds an arm's delay on the wire."""
