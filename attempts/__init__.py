"""The record: what an attempt is, how it survives a crash, and how it becomes a table."""
