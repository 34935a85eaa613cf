"""The checks of a suite: bounded attempts over HTTP and WebSocket, one row a check."""
