"""The run as a whole: what is refused before it, who leads it, and the hooks into Locust."""
