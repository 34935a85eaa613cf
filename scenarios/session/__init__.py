"""One session, without a socket or a clock: what is to be sent, what came, what is over, and its rows."""
