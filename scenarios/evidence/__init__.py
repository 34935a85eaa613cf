"""Where a wait was lost: what the kernel says of a connection, and what follows from it."""
