"""The machine that generates the load: what it is, what it may do, and how it fares."""
