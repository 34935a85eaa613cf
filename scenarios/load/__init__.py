"""One load-generating process: its users, and what they share."""
