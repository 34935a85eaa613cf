"""The client on asyncio, in a process of its own: asyncio never runs where gevent has patched."""
