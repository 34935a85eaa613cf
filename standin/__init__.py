"""The embedded stand-in for the staging server, written from its wire contract: `python -m standin`."""
