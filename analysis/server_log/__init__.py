"""The server's log beside the attempts: read, joined to them, and what the server saw of each failed wait."""
