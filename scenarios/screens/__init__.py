"""What people watch meanwhile: Locust's statistics, a line of progress, the web pages."""
