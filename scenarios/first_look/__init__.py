"""A first look at an unknown server: one connection, each frame shown, and what to set for a soak."""
