"""Screens to watch a run on: Locust's statistics, a line of progress, the web pages."""
