"""The controls beside the sessions: TCP connects and health requests at a fixed rate."""
