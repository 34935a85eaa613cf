"""The lab: real servers and proxies of others with a known fault each, and what a verdict must make of it.

The stand-in is written from the same contract as the clients. Whether a verdict is right, though, is decided by
what others wrote: so a row puts a real part before a soak, and holds the verdict against the truth.
"""
