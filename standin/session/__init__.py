"""One session of the stand-in: its messages, its answers, its socket."""
