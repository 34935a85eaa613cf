"""Clients that run on gevent, in the process of Locust itself."""
